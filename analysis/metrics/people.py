"""People: how far metrics order clips and conditions as people do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from analysis.metrics.measured import Measured

Over = Literal["clips", "within prompts", "conditions"]
Kind = Literal["agrees", "does not agree", "contradicts", "cannot tell", "no value"]


def agreements(measured: Measured, ratings: pd.DataFrame) -> tuple[Agreement, ...]:
    """Correlate each metric with mean ratings; facts, of which neither way is better, are left out.

    Parameters
    ----------
    measured
        What metrics say.
    ratings
        Ratings of single clips with `participant`, `prompt` (the prompt's id), `condition`, `score`, perhaps `seed`.
    """
    raise NotImplementedError


def summary(found: Sequence[Agreement]) -> str:
    """Say in a line how many metrics agree with people."""
    raise NotImplementedError


@dataclass(frozen=True)
class Agreement:
    """How far one metric orders as people do: over clips, over clips of one prompt, or over conditions.

    Parameters
    ----------
    metric, name
        The metric's key and its name.
    over
        What is ordered.
    correlation, low, high
        Spearman's rank correlation, + where the metric agrees with people, whichever way it is better; its 95 % interval
        over prompts. None where there is none.
    turned
        Whether the sign was turned, as lower is better.
    n, prompts
        How many clips or conditions, of how many prompts.
    kind
        What is shown.
    words
        The same in a sentence, and why where there is none.
    """

    metric: str
    name: str
    over: Over
    correlation: float | None
    low: float | None
    high: float | None
    turned: bool
    n: int
    prompts: int
    kind: Kind
    words: str

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)
