"""Ratings drawn for a test: who rated which prompt under which condition how, and the way back from a table."""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.foreign.options import Options
from analysis.foreign.tidying import tidied
from analysis.table.reading import read_table
from analysis.table.table import Table

Cell = tuple[str, str, str]
CONDITIONS = ("baseline", "w8a8", "w4a8")
PROMPTS = ("rain", "dog barking", "une cloche", "sea2")


@dataclass(frozen=True)
class Drawn:
    """Scores by participant, prompt and condition, and the generator that drew them."""

    scores: dict[Cell, int]
    rng: np.random.Generator

    @property
    def people(self) -> list[str]:
        """The participants, in their order."""
        return list(dict.fromkeys(person for person, _, _ in self.scores))

    def of(self, person: str) -> dict[tuple[str, str], int]:
        """Give the scores of one participant, by prompt and condition."""
        return {(prompt, condition): score for (who, prompt, condition), score in self.scores.items() if who == person}

    def mixed(self) -> list[tuple[Cell, int]]:
        """Give the scores in an order drawn at random."""
        items = list(self.scores.items())
        return [items[int(place)] for place in self.rng.permutation(len(items))]


def drawn(
    low: int = 1,
    high: int = 5,
    *,
    people: int = 4,
    prompts: Sequence[str] = PROMPTS,
    conditions: Sequence[str] = CONDITIONS,
) -> Drawn:
    """Draw scores of everybody for everything, by a seed that is printed."""
    seed = secrets.randbits(32)
    print("seed", seed)
    rng = np.random.default_rng(seed)
    who = [f"listener-{rng.integers(10**6, 10**7)}" for _ in range(people)]
    cells = [(person, prompt, condition) for person in who for prompt in prompts for condition in conditions]
    scores = rng.integers(low, high, len(cells), endpoint=True)
    scores[:2] = (low, high)  # the ends occur
    return Drawn(dict(zip(cells, map(int, scores), strict=True)), rng)


def written(folder: Path, header: Sequence[str], rows: Iterable[Sequence[object]], name: str = "ratings.csv") -> Path:
    """Write a CSV file."""
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def read(folder: Path, header: Sequence[str], rows: Iterable[Sequence[object]], **options: Any) -> Table:
    """Write a CSV file and read it as somebody would who says these options of it."""
    return tidied(read_table(written(folder, header, rows)), Options(**options))


def records(entries: Iterable[Mapping[str, Any]], name: str = "data.json") -> Table:
    """Make the table of a JSON file: a row a record, keys within keys joined by dots, lists as JSON."""
    flat = [_flat(entry) for entry in entries]
    header = tuple(dict.fromkeys(key for entry in flat for key in entry))
    columns = tuple([entry.get(key, "") for entry in flat] for key in header)
    return Table(name, "", header, columns, list(range(1, len(flat) + 1)))


def _flat(entry: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in entry.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return found


def cells(table: Table, kind: str = "trial") -> dict[Cell, float]:
    """Give the scores of a table that was read, by participant, prompt and condition; each cell once."""
    kinds = table.column("kind") if "kind" in table.header else ["trial"] * len(table.lines)
    names = zip(*(map(str.strip, table.column(one)) for one in ("participant", "prompt", "condition")), strict=True)
    found = [
        (cell, float(score)) for cell, score, of in zip(names, table.column("score"), kinds, strict=True) if of == kind
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def said(table: Table) -> str:
    """Give the notices of a table in one text."""
    return "\n".join(table.notices)
