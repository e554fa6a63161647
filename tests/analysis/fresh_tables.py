"""Fresh ratings for the tests of readers: a random table, and what reading it must give."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.read.answers import load_answers

HEADER = ("participant", "prompt", "condition", "score")
PROMPTS = (
    "a dog barking", "rain, thunder and wind", 'a "loud" bell', "steps; then a door", "12 birds", "a train - far away",
    "une cloche d'église", "Vögel über der Straße", "glass breaking", "O'Hara's waves",
)  # fmt: skip
Rows = list[tuple[str, ...]]


def fresh(seed: int, prompts: Sequence[str] = PROMPTS, scores: Sequence[str] = ("1", "2", "3", "4", "5")) -> Rows:
    """Draw ratings of a few participants, prompts and conditions, each cell once."""
    rng = np.random.default_rng(seed)
    people = [f"p{number:02d}" for number in rng.choice(99, int(rng.integers(3, 7)), replace=False)]
    chosen = [str(prompt) for prompt in rng.choice(list(prompts), min(len(prompts), 5), replace=False)]
    conditions = ["baseline", *(f"w{bits}a8" for bits in rng.choice(16, 2, replace=False))]
    return [(p, q, c, str(rng.choice(list(scores)))) for p in people for q in chosen for c in conditions]


def written(rows: Rows, separator: str = ",", header: Sequence[str] = HEADER, end: str = "\n", **how: int) -> str:
    """Write rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=end, **how)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def read(path: Path) -> Rows:
    """Read a file, and give its ratings as rows of text."""
    frame = load_answers(path).frame
    return [(r.participant, r.prompt, r.condition, f"{float(r.score):g}") for r in frame.itertuples()]


def notices(path: Path) -> str:
    """Give what is said of how a file was read."""
    return " ".join(load_answers(path).source.notices)
