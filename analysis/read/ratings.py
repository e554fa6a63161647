"""Ratings: scores of single clips on one scale, as a checked table, or a refusal that names the line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.errors import ScoreError
from analysis.foreign.options import Options
from analysis.read.answers import EXTRA, only, scales_of
from analysis.read.question import SCORED
from analysis.read.sheet import Source, read_columns
from analysis.scale.rating_scale import FIVE, RatingScale


def load_ratings(path: Path, options: Options | None = None) -> Ratings:
    """Read and check a ratings file, of which somebody says the `options`.

    The file is UTF-8 (with or without byte order mark), separated by commas, semicolons or tabs, and has the
    columns `participant`, `prompt`, `condition` and `score`. With a column `kind` only its trials are kept,
    and the rest is counted in `Source.left_out`. Names are text: "007" stays "007". Spaces at the ends of cells are
    taken off; where that makes one name of two, `Source.remarks` says so, as it does of spellings that look like one
    name. With a column `prompt_id` a prompt is its id.

    Raises
    ------
    RatingsError
        Of the kind that `analysis.errors` lists, naming the line.
    """
    options = options or Options()
    sheet = read_columns(path, EXTRA, options)
    for row, question in enumerate(sheet.columns.get("question", [])):
        if question not in ("", *SCORED):
            raise ScoreError(
                f"{sheet.name}: line {sheet.lines[row]}: answers a question of type {question}, not scores of one clip"
            )
    found = only(scales_of(sheet, options))
    return Ratings(found.frame, found.source, found.checks, found.scale or FIVE, found.repeats)


@dataclass(frozen=True)
class Ratings:
    """Checked ratings.

    Parameters
    ----------
    frame
        One row a rating: `participant`, `prompt`, `condition` (text), `score` (a number on the scale) and, where the
        file has them, `seed` (text) and `rated_at` (moments in UTC, where all can be read).
    source
        The file they came from.
    checks
        One row an answer to a check, whatever its kind of trial: `participant`, `kind`, `score`, `passed` (None
        where that cannot be told), and for the headphone check one row a participant, of kind `headphones`; None where
        the file says of no check whether it was passed. They are those of everybody in the file.
    scale
        The scores that could be given.
    repeats
        See `analysis.read.answers.Answers`.
    """

    frame: pd.DataFrame
    source: Source
    checks: pd.DataFrame | None = None
    scale: RatingScale = FIVE
    repeats: pd.DataFrame | None = None
