"""Files that something went wrong with: read, or refused in one line; never anything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from fresh_tables import fresh, written
from test_dialects import BARE, FORMS, SAFE

from analysis.errors import AnalysisError
from analysis.read.answers import load_answers

Write = Callable[..., Path]
PIECES = (
    b",",
    b";",
    b'"',
    b"\n",
    b"\r",
    b"\t",
    b"|",
    b"#",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b"=",
    b"'",
    b"  ",
    b"NA",
    b"[",
    b"{",
)


def broken(rng: np.random.Generator, data: bytes) -> bytes:
    """Change bytes, take some out, write some twice, put a mark in, or cut the file."""
    for _ in range(int(rng.integers(1, 8))):
        at = int(rng.integers(len(data) + 1))
        to = at + int(rng.choice([1, 3, 20, 200]))
        data = (
            data[:at] + bytes(rng.integers(0, 256, 1, dtype=np.uint8)) + data[at + 1 :],
            data[:at] + data[to:],
            data[:to] + data[at:],
            data[:at] + PIECES[int(rng.integers(len(PIECES)))] + data[at:],
            data[:at],
        )[int(rng.integers(5))]
    return data


def test_a_broken_file_is_read_or_refused_in_one_line(write: Write, seed: int) -> None:
    rng = np.random.default_rng(seed)
    forms = [written, *FORMS.values(), *BARE.values()]
    refusals = []
    for number in range(150):
        content = forms[int(rng.integers(len(forms)))](fresh(seed + number, SAFE))
        path = write(broken(rng, content if isinstance(content, bytes) else content.encode()))
        try:
            load_answers(path)
        except AnalysisError as error:
            refusals.append(str(error))
    assert refusals
    assert not [said for said in refusals if "\n" in said or not said.startswith("ratings.csv: ")]
