"""The tidy rating record: one row a rating, the columns of ratings.csv."""

import contextlib
import csv
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TextIO

REQUIRED = ("participant", "prompt", "condition", "score")


@dataclass(frozen=True, slots=True)
class RatingRow:
    """One rating as exported; `heard_seconds` counts sound that played, not time that passed."""

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
    score: int
    plays: int
    heard_seconds: float
    response_ms: int
    rated_at: datetime


COLUMNS = tuple(field.name for field in fields(RatingRow))


def write_csv(target: Path | TextIO, rows: Iterable[RatingRow]) -> Counter[str]:
    """Write `rows` with a header line and return how many there are of each kind.

    A path is written whole or not at all: a failure in the middle leaves the file that was there before.
    """
    if isinstance(target, Path):
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                written = write_csv(file, rows)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
        return written
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    count: Counter[str] = Counter()
    for row in rows:
        writer.writerow([_cell(value) for value in astuple(row)])
        count[row.kind] += 1
    return count


def _cell(value: object) -> object:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
