"""Metric: a number that a machine gives clips, with what it needs, which way is better, and how it is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analysis.metrics.basis.clips import Clip, Given

Need = Literal["reference", "twin", "text", "labels", "weights"]


@dataclass(frozen=True)
class Value:
    """A metric's value of a set of clips.

    Parameters
    ----------
    value
        The number; None where there is none, and then ``why`` says why.
    low, high
        Its 95 % interval over prompts; None where there are too few.
    n
        How many clips it is of.
    why
        Why there is no value, or what must be known of it.
    details
        More numbers, by name, for report.json and the table that is written.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    why: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """One metric; the docstring of its file is its convention.

    Parameters
    ----------
    key
        Its name in files, such as ``kl_passt``.
    name
        Its name in tables, which says what is compared in which direction: ``KL_passt(generated||reference)``.
    better
        Which way is better.
    low, high
        Its range; None where it is open.
    needs
        What it needs beside the clips.
    network
        The network that it hears with; None if it needs none.
    of_clip
        Its value of one clip, where it has one: a condition's is the mean. Raises NoValueError.
    of_set
        Its value of the clips of a condition, where it is of sets. Raises NoValueError.
    note
        What a reader must know, one sentence, such as that it was validated for codecs.
    """

    key: str
    name: str
    better: Literal["higher", "lower"]
    low: float | None
    high: float | None
    needs: frozenset[Need]
    network: str | None = None
    of_clip: Callable[[Clip, Given], float] | None = None
    of_set: Callable[[Sequence[Clip], Given], Value] | None = None
    note: str = ""
