"""Measured: what metrics say of the clips of a study, as data and as the file measured.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from analysis.errors import MetricError
from atomic import replacing

FORMAT = 1


@dataclass(frozen=True)
class Column:
    """What a column of the table is of: a metric, or a fact such as the size of a file.

    ``better`` is ``higher``, ``lower`` or empty, where neither is; ``low`` and ``high`` its range; ``unit`` such as dB.
    A ``fact`` is not compared with what people said.
    """

    key: str
    name: str
    better: str = ""
    low: float | None = None
    high: float | None = None
    unit: str = ""
    note: str = ""
    fact: bool = False


@dataclass(frozen=True)
class Cell:
    """One number of the table: of a column and a condition.

    Parameters
    ----------
    value, low, high, n, why, details
        As of :class:`analysis.metrics.basis.metric.Value`.
    difference, difference_low, difference_high
        From the full-precision clips of the same prompts and seeds, with its 95 % interval over prompts; None where the
        metric is of sets or of pairs.
    seeds
        The value of each seed's clips alone, where there are several.
    """

    column: str
    condition: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    why: str = ""
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    seeds: Mapping[int, float] = field(default_factory=dict)
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ClipValue:
    """A metric's value of one clip; None where there is none, and why."""

    column: str
    condition: str
    prompt_id: str
    seed: int
    value: float | None
    why: str = ""


@dataclass(frozen=True)
class Measured:
    """What was measured of a set of clips.

    Parameters
    ----------
    study, baseline, conditions
        What it is of, and the conditions in their order, the baseline first.
    columns, cells, clips
        The table, and the values of single clips behind it.
    networks
        Of each network that was used: ``checkpoint`` and ``sha256``.
    reference
        What sets are compared with, in words.
    remarks
        What must be known, in sentences: files that are missing, silent clips.
    sha256
        Those of the clips' files, which tell whether a study's clips are still the ones that were measured.
    prompts
        The texts of the prompts by their ids, as ratings may name a prompt by its text.
    """

    study: str
    baseline: str
    conditions: Sequence[str]
    columns: Sequence[Column]
    cells: Sequence[Cell]
    clips: Sequence[ClipValue]
    networks: Mapping[str, Mapping[str, str]]
    reference: str
    remarks: Sequence[str] = ()
    sha256: Sequence[str] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)

    def cell(self, column: str, condition: str) -> Cell | None:
        """Give a number of the table."""
        return next((one for one in self.cells if (one.column, one.condition) == (column, condition)), None)


def write_measured(measured: Measured, path: Path) -> None:
    """Write it as JSON, whole or not at all."""
    text = json.dumps({"format": FORMAT, **asdict(measured)}, indent=1, ensure_ascii=False, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_measured(path: Path) -> Measured:
    """Read what :func:`write_measured` wrote.

    Raises
    ------
    MetricError
        If it is missing, damaged or of another version; it says how to make it again.

    Examples
    --------
    >>> write_measured(Measured("s", "base", ["base"], [], [], [], {}, "none"), Path("measured.json"))
    >>> read_measured(Path("measured.json")).conditions
    ['base']
    """
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
        if stored.pop("format") != FORMAT:
            raise ValueError("of another version")
        for kind, name in ((Column, "columns"), (Cell, "cells"), (ClipValue, "clips")):
            for one in stored[name]:
                kind(**one)  # which refuses the names of another version
        found = TypeAdapter(Measured).validate_python(stored)
        named = {one.column for one in found.cells} | {one.column for one in found.clips}
        if other := named - {one.key for one in found.columns}:
            raise ValueError(f"it has no column {min(other)}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason: object = error
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise MetricError(f"{path}: cannot be read ({reason}); run earmark measure again") from error
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
