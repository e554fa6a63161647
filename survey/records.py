"""The tidy records: the columns of ratings.csv, sessions.csv and events.csv."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TextIO

import atomic
from survey.trials import listening

FLAGS = frozenset(listening.FLAGS)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
WRITTEN = ("comment", "external_id")  # by strangers
REQUIRED = ("participant", "prompt", "condition", "score")


@dataclass(frozen=True, slots=True)
class RatingRow:
    """One rating as exported; `heard_seconds` counts sound that played, not time that passed.

    The `score` of a type of `question` that compares is that of `condition` against `reference`, turned so that more is
    in favour of the condition; of `abx` it is 1 where the participant was right. `first` was heard first, `x` is the
    condition that ABX asked for. Free text has no score: its answer is the comment. `passed` says of a check whether
    its answer was one that passes. `revision` is that of the study under which the session began. `headphones` says
    whether the participant passed the headphone check: `passed`, `failed`, or nothing where there was none or it is not
    over. `open_ms` is how long the trial could be seen by the server's clock, with the time after going back to it;
    None where that is not known. `flags` are names of survey/trials/listening.py: what cannot be true of plays, seconds
    heard and times together.
    """

    study: str
    participant: str
    session: str
    position: int
    kind: str
    prompt_id: str
    prompt: str
    condition: str
    seed: int
    stimulus: str
    clip_sha256: str
    score: int | None
    plays: int
    heard_seconds: float
    response_ms: int
    rated_at: datetime
    comment: str = ""
    question: str = "acr"
    reference: str = ""
    first: str = ""
    x: str = ""
    passed: bool | None = None
    revision: int = 1
    headphones: str = ""
    open_ms: int | None = None
    flags: str = ""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session as exported: how it went, on what, and what the participant said of themselves.

    `failed_checks` counts attention checks, repeats and instructed answers that were missed, of `checks`;
    `headphone_right` are the right answers of each try; `answers` those to the questions before, as JSON; `stalls`,
    `seeks` and `hidden` count waits for a sound, jumps in one and turns to another page; `flagged` counts answers with
    flags, practice aside.
    """

    study: str
    participant: str
    session: str
    source: str
    external_id: str
    outcome: str
    counted: bool
    answered: int
    trials: int
    checks: int
    failed_checks: int
    headphone_right: str
    answers: str
    language: str
    device: str
    browser: str
    volume: float | None
    stalls: int
    seeks: int
    hidden: int
    consent_sha256: str
    started_at: datetime
    finished_at: datetime | None
    revision: int = 1
    flagged: int = 0


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened on the page, as exported; `detail` is JSON, its times are seconds into the sound."""

    study: str
    participant: str
    session: str
    position: int | None
    kind: str
    detail: str
    at: datetime


Row = RatingRow | SessionRow | EventRow
COLUMNS = tuple(field.name for field in fields(RatingRow))


def write_csv(
    target: Path | TextIO,
    rows: Iterable[Row],
    kind: type = RatingRow,
    *,
    columns: Sequence[str] | None = None,
    private: bool = False,
) -> Counter[str]:
    """Write `rows` of a `kind` with a header line; return how many ratings there are of each kind of trial.

    Only `columns` are written if they are named. A path is written whole or not at all: a failure in the middle leaves
    the file that was there before. A `private` file can be read by its owner alone.
    """
    if isinstance(target, Path):
        with (
            atomic.replacing(target, private=private) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            return write_csv(file, rows, kind, columns=columns)
    writer = csv.writer(target, lineterminator="\n")
    wanted = [field.name for field in fields(kind)] if columns is None else list(columns)
    writer.writerow(wanted)
    count: Counter[str] = Counter()
    for row in rows:
        writer.writerow([_cell(name, getattr(row, name)) for name in wanted])
        if isinstance(row, RatingRow):
            count[row.kind] += 1
    return count


def is_flagged(flags: str) -> bool:
    """Say whether a cell of the column `flags` names something that cannot be true; other people's words do not."""
    return not FLAGS.isdisjoint(flags.split())


def _cell(name: str, value: object) -> object:
    if name in WRITTEN and str(value)[:1] in FORMULA:
        return f"'{value}"  # what a participant wrote must not be computed by a spreadsheet
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
