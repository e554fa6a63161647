"""Answers: a ratings file of any question type becomes a checked table, or a refusal that names the line.

Question types: `acr` (a score from 1 to 5, see `analysis.read.ratings`), `ab` (which of two is preferred),
`ccr` (by how much one of two is better), `abx` (which of two X was), `mushra` (sliders beside a hidden
reference), `text`.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import pandas as pd

from analysis.errors import MissingColumnError, RatingsError
from analysis.foreign.options import Options
from analysis.read.question import QUESTIONS
from analysis.read.ratings import Source, checks_of, ratings_of
from analysis.read.rows import (
    NAMES,
    Columns,
    impossible,
    refuse_duplicates,
    refuse_empty,
    refuse_studies,
    scores,
    tell_apart,
    trials,
)
from analysis.read.sheet import read_columns

log = logging.getLogger(__name__)

EXTRA = ("question", "reference", "first", "x", "session", "position", "comment")
_SCORE = re.compile(r"([+-]?(?:0|[1-9]\d{0,2}))(?:\.0*)?", re.ASCII)


def load_answers(path: Path, options: Options | None = None) -> Answers:
    """Read and check a ratings file of any question type, one type a file, of which somebody says the `options`.

    The type stands in the column `question`; without it, or where it is empty, it is `acr`. Pair types need the column
    `reference` too, and use `first` (heard as A) and `x` where they exist. As in `load_ratings` only
    trials are kept and the rest is counted.

    Raises
    ------
    RatingsError
        Of the kind that `analysis.errors` lists, naming the line and the remedy.
    """
    sheet = read_columns(path, EXTRA, options)
    name, columns, lines = sheet.name, sheet.columns, sheet.lines
    rows, left_out = trials(columns, lines, name)
    question = _question(columns, lines, rows, name)
    if question == "acr":
        for column in EXTRA:
            columns.pop(column, None)
            sheet.padded.pop(column, None)
        ratings = ratings_of(sheet)
        return Answers(question, ratings.frame, ratings.source, ratings.checks)
    table = {column: [values[row] for row in rows] for column, values in columns.items()}
    frame, remarks = _checked(question, table, [lines[row] for row in rows], name)
    remarks = [*sheet.trimmed(), *remarks]
    source = Source(name, sheet.sha256, len(lines), dict(left_out), tuple(remarks), sheet.notices, sheet.form)
    log.info("%s: %d answers of question %s kept, %d left out", name, len(frame), question, sum(left_out.values()))
    return Answers(question, frame, source, checks_of(columns))


def _question(columns: Columns, lines: list[int], rows: list[int], name: str) -> str:
    """Tell the one question type of the trials."""
    questions = columns.get("question", [""] * len(lines))
    for row in rows:
        if (questions[row] or "acr") not in QUESTIONS:
            raise RatingsError(
                f"{name}: line {lines[row]}: question {shorten(questions[row], 30)!r} is not one of "
                f"{', '.join(QUESTIONS)}; correct it or delete the line"
            )
    held = Counter(questions[row] or "acr" for row in rows)
    if len(held) > 1:
        found = ", ".join(f"{count} of {question}" for question, count in held.items())
        raise RatingsError(
            f"{name}: holds answers to {len(held)} types of question ({found}); "
            "write each type to a file of its own and analyse one at a time"
        )
    return next(iter(held))


def _checked(question: str, table: Columns, lines: list[int], name: str) -> tuple[pd.DataFrame, list[str]]:
    """Check every row and return the typed table, and what must be known of its names."""
    needed = (*NAMES, "reference") if QUESTIONS[question].paired else NAMES
    if question == "text":
        needed = (*NAMES, "comment")
    for column in needed:
        if column not in table:
            raise MissingColumnError(f"{name}: no column {column}, which question type {question} needs; add it")
        if column != "comment":
            refuse_empty(table, column, lines, name)
    refuse_studies(table, name)
    given = _scores(question, table["score"], lines, name)
    if QUESTIONS[question].paired:
        _check_pairs(table, lines, name)
    remarks = [*tell_apart(table, lines, name), *impossible(table.pop("flags", []))]
    refuse_duplicates(_cells(question, table), lines, name)
    kept = [*needed, *(column for column in ("seed", "first", "x") if column in table)]
    frame = pd.DataFrame({column: pd.Series(table[column], dtype="str") for column in kept})
    return (frame if question == "text" else frame.assign(score=given)), remarks


def _scores(question: str, raw: list[str], lines: list[int], name: str) -> list[int]:
    """Read the scores of a question's scale; a text has none."""
    if question == "text":
        return scores(raw, {"": 0}, "beside a text, which must have no score", lines, name)
    allowed = QUESTIONS[question].scores
    known = {text: int(found[1]) for text in set(raw) if (found := _SCORE.fullmatch(text))}
    right = {text: score for text, score in known.items() if score in allowed}
    wrong = f"is not a whole number from {allowed[0]} to {allowed[-1]} (question {question})"
    return scores(raw, right, wrong, lines, name)


def _check_pairs(table: Columns, lines: list[int], name: str) -> None:
    """Refuse a pair of a condition with itself, and a first or x that is not of the pair."""
    pairs = list(zip(table["condition"], table["reference"], strict=True))
    for row, (condition, reference) in enumerate(pairs):
        if condition == reference:
            raise RatingsError(
                f"{name}: line {lines[row]}: condition and reference are both {shorten(condition, 40)!r}; "
                "correct one, or give a check another kind than trial"
            )
    for column in ("first", "x"):
        for row, value in enumerate(table.get(column, [])):
            if value and value not in pairs[row]:
                raise RatingsError(
                    f"{name}: line {lines[row]}: {column} is {shorten(value, 40)!r}, which is neither "
                    f"{shorten(pairs[row][0], 40)!r} nor {shorten(pairs[row][1], 40)!r}; correct it or leave it empty"
                )


def _cells(question: str, table: Columns) -> pd.DataFrame:
    """Give what may occur once: a trial.

    The two orders of a pair are two trials. ABX repeats trials by design, so there its place in the session counts too.
    """
    cell = [column for column in (*NAMES, "seed") if column in table]
    if QUESTIONS[question].paired:
        cell += [column for column in ("first",) if column in table]
    if question == "abx":
        cell += [column for column in ("x", "session", "position") if column in table]
    cells = pd.DataFrame({column: table[column] for column in cell})
    if QUESTIONS[question].paired:
        pairs = zip(table["condition"], table["reference"], strict=True)
        cells["condition"] = [" and ".join(sorted(pair)) for pair in pairs]
    return cells


@dataclass(frozen=True)
class Answers:
    """Checked answers of one question type.

    Parameters
    ----------
    question
        `acr`, `ab`, `ccr`, `abx`, `mushra` or `text`.
    frame
        One row an answer: `participant`, `prompt`, `condition` (text), `score` (number; not for `text`), for pair
        types `reference` and, where the file has them, `first` and `x`; `seed` where the file has it; `comment` for
        `text`.
    source
        The file they came from.
    checks
        The answers to checks where the file says what was passed; see `analysis.read.ratings.Ratings`.
    """

    question: str
    frame: pd.DataFrame
    source: Source
    checks: pd.DataFrame | None = None
