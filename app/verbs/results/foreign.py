"""Foreign: the options that say of a file of ratings what it does not say itself, and how it was understood."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from textwrap import shorten, wrap
from typing import TYPE_CHECKING

from analysis.table.table import sheet_of
from app.errors import UsageError

if TYPE_CHECKING:
    from analysis import Answers, Source
    from analysis.foreign.options import Options

SUFFIXES = frozenset((".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".xlsx", ".ods", ".parquet", ".xls"))
PACKED = frozenset((".gz", ".bz2", ".xz"))
WIDTH, NOTICES = 100, 4  # of what is printed; the report has all of it
_SCALE = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*(?:-|\.\.|:|\u2013|to)\s*([+-]?\d+(?:\.\d+)?)\s*", re.ASCII)


def options(made: argparse.ArgumentParser) -> None:
    """Give a verb that reads ratings from elsewhere what can be said of them."""
    made.add_argument(
        "--columns",
        action="append",
        default=[],
        type=_columns,
        metavar="OURS=THEIRS",
        help="which column of the file is which, such as participant=rater,condition=system; default: by their names",
    )
    made.add_argument(
        "--scale", type=_scale, metavar="LOW-HIGH", help="scores that could be given, such as 0-10; default: found out"
    )
    made.add_argument(
        "--anchor",
        action="append",
        default=[],
        metavar="NAME",
        help="condition that is an anchor: reported, not compared; can be repeated",
    )
    made.add_argument(
        "--practice",
        action="append",
        default=[],
        metavar="PAGE",
        help="page (prompt) that was practice: left out; can be repeated",
    )
    made.add_argument("--repeat", metavar="COLUMN", help="column that tells the showings of a repeated clip apart")
    made.add_argument("--skip-missing", action="store_true", help="leave out lines without a score")
    made.add_argument("--wide", action="store_true", help="the scores stand side by side, in several columns")


def given(arguments: argparse.Namespace) -> Options:
    """Gather what was said of a file."""
    from analysis.foreign.options import Options

    columns: dict[str, str] = {}
    for pairs in arguments.columns:
        for ours, theirs in pairs:
            if ours in columns:
                raise UsageError(f"--columns: names {ours} twice; say once which column it is")
            columns[ours] = theirs
    return Options(
        columns,
        arguments.scale,
        tuple(arguments.anchor),
        tuple(arguments.practice),
        arguments.repeat,
        arguments.skip_missing,
        True if arguments.wide else None,
        getattr(arguments, "baseline", None),
    )


def refuse_for_study(arguments: argparse.Namespace) -> None:
    """Refuse what can be said of a file from elsewhere, and of a study is known."""
    for name in ("columns", "scale", "anchor", "practice", "repeat", "skip_missing", "wide"):
        if getattr(arguments, name) not in ([], None, False):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option}: only for a file of ratings, as a study knows it; leave it out, or give a file")


def is_file(path: Path) -> bool:
    """Whether a path is meant as a file of ratings and not as a study: it is a file, or is called so."""
    file, _ = sheet_of(path)
    return file.is_file() or (not file.is_dir() and file.suffix.lower() in SUFFIXES | PACKED)


def title(path: Path) -> str:
    """Name a report by its file.

    Examples
    --------
    >>> title(Path("mine/ratings.xlsx#Sheet 1")), title(Path("ratings.csv.gz"))
    ('ratings', 'ratings')
    """
    file, _ = sheet_of(path)
    return Path(file.stem).stem if file.suffix.lower() in PACKED else file.stem


def notices(source: Source, most: int = NOTICES) -> list[str]:
    """Write how a file was understood where that was not plain, in a few lines to print."""
    lines = [line for notice in source.notices for line in wrap(f"read: {notice}", WIDTH, subsequent_indent="  ")]
    if len(lines) <= most:
        return lines
    shown = [shorten(f"read: {notice}", WIDTH, placeholder=" …") for notice in source.notices]
    more = len(shown) - most + 1
    return shown if more <= 1 else [*shown[: most - 1], f"read: {more} more of these; --check prints all"]


def checked(scales: Sequence[Answers]) -> list[str]:
    """Say how a file was understood: what it is, what is in it, and what is left out."""
    from analysis.read.question import QUESTIONS, SCORED
    from analysis.words import counted, listed

    source = scales[0].source
    lines = [f"{source.file}: {source.form}, {counted(source.lines, 'answer')}"]
    for answers in scales:
        frame = answers.frame
        conditions = list(dict.fromkeys(frame["condition"]))
        shown = shorten(", ".join(conditions), 60, placeholder=" …")
        counts = (("participant", "participant"), ("prompt", "prompt"), ("condition", "condition"))
        sizes = listed(counted(frame[column].nunique(), noun) for column, noun in counts)
        scored = answers.scale is not None and answers.question in SCORED and not answers.scale.is_five
        said = f"scores {answers.scale.words}" if scored and answers.scale else QUESTIONS[answers.question].answers
        lines += [f"scale: {answers.name}"] if answers.name else []
        lines += [
            f"question: {answers.question}, {said}",
            f"columns: {', '.join(map(str, frame.columns))}",
            f"ratings: {len(frame):,} of {sizes} ({shown})",
        ]
        left_out = ", ".join(f"{count:,} of kind {kind}" for kind, count in answers.source.left_out.items())
        lines += [f"left out: {left_out}"] if left_out else []
    texts = [f"read: {text}" for answers in scales for text in answers.source.notices]
    texts += [f"warning: {text}" for answers in scales for text in answers.source.remarks]
    return lines + [line for text in dict.fromkeys(texts) for line in wrap(text, WIDTH, subsequent_indent="  ")]


def _columns(text: str) -> list[tuple[str, str]]:
    """Read pairs of a column of ours and one of the file's."""
    pairs = []
    for part in text.split(","):
        ours, mark, theirs = (piece.strip() for piece in part.partition("="))
        if not (ours and mark and theirs):
            raise argparse.ArgumentTypeError(f"{text!r} is not OURS=THEIRS, such as participant=rater,condition=system")
        pairs.append((ours, theirs))
    return pairs


def _scale(text: str) -> tuple[float, float]:
    """Read the ends of a scale."""
    found = _SCALE.fullmatch(text)
    low, high = map(float, found.groups()) if found else (0.0, 0.0)
    if not (low < high and isfinite(high - low)):
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW-HIGH, such as 0-10, 1-7 or -3-3")
    return low, high
