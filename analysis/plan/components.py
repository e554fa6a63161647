"""Components: how far raters, prompts and single ratings lie apart, assumed or estimated from a pilot."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import isfinite, sqrt

import numpy as np
import pandas as pd

from analysis.errors import RatingsError, SettingError
from analysis.estimate.mixed import fit
from analysis.estimate.moments import expectations, sums_of_squares


def estimate(ratings: pd.DataFrame, name: str = "the pilot") -> Components:
    """Estimate the components from ratings: `moments` if no cell is missing, else the mixed model by REML.

    Where both can be had from complete ratings they agree. From incomplete ratings REML is the more precise; where it
    cannot be fitted, the moments stand in.

    Raises
    ------
    RatingsError
        If there are too few cells rated under two conditions.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("abc"), 4), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> found = estimate(ratings)
    >>> round(found.mean, 2), found.rater > 0, found.residual > 0
    (3.5, True, True)
    """
    cells = ratings.groupby(["participant", "prompt", "condition"])["score"].mean()
    complete = len(cells) == int(np.prod([ratings[kind].nunique() for kind in ("participant", "prompt", "condition")]))
    variances = None if complete else _restricted(cells)
    by = "moments" if variances is None else "REML"
    if variances is None:
        variances = moments(cells.unstack("condition"), name)
    if not any(value > 0 for value in variances.values()):
        raise RatingsError(f"{name}: its ratings show no spread to plan with; plan without a pilot, or rate more clips")
    counts = ", ".join(
        f"{ratings[kind].nunique()} {word}"
        for kind, word in (("participant", "raters"), ("prompt", "prompts"), ("condition", "conditions"))
    )
    return Components(
        **{key: sqrt(max(value, 0.0)) for key, value in variances.items()},
        mean=float(ratings["score"].mean()),
        source=f"estimated from {name} by {by}: {len(ratings)} ratings, {counts}",
    )


def moments(cells: pd.DataFrame, name: str = "the pilot") -> dict[str, float]:
    """Estimate the variances from cell means (rows participant and prompt, columns conditions); they may be negative.

    For each pair of conditions the differences d_rp = rater_r + prompt_p + residual_rp + constant are a two-way layout
    without repetition, whose variances A, B and E, twice the components, are had by `estimate.moments`. The sums of
    the same pairs hold four times rater, prompt, and rater and prompt together on top; no difference depends on these,
    but where scores are rounded. In a full design, averaged over all pairs, these are the estimators of the analysis of
    variance.

    Raises
    ------
    RatingsError
        If there are too few cells rated under two conditions.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("abc"), 4), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> cells = ratings.groupby(["participant", "prompt", "condition"])["score"].mean().unstack()
    >>> found = moments(cells)
    >>> round(found["rater_condition"], 4), round(found["residual"], 4)
    (0.0833, 0.0833)
    """
    apart, together = ((np.zeros((3, 3)), np.zeros(3)) for _ in range(2))
    for one, other in combinations(cells.columns, 2):
        pairs = cells[[one, other]].dropna()
        for sums, values in ((apart, pairs[one] - pairs[other]), (together, pairs[one] + pairs[other])):
            for total, part in zip(sums, _equations(values), strict=True):
                total += part
    if np.linalg.matrix_rank(apart[0]) < 3:
        raise RatingsError(
            f"{name}: too little to estimate the spread from: it takes two raters who both rated the same two prompts "
            "under the same two conditions, better ten of each; add such ratings, or plan without a pilot"
        )
    of_differences, of_sums = (np.linalg.solve(*sums) for sums in (apart, together))
    own, shared = of_differences / 2, (of_sums - of_differences) / 4
    names = ("rater_condition", "prompt_condition", "residual"), ("rater", "prompt", "rater_prompt")
    found = zip((*names[0], *names[1]), (*own, *shared), strict=True)
    return {kind: float(value) for kind, value in found}


def _restricted(cells: pd.Series) -> dict[str, float] | None:
    """Take the variances from the mixed model with both interactions, if it can be fitted."""
    model = fit(cells.reset_index(), sorted(cells.index.unique("condition")), interactions=True)
    if model.reason or not model.apart or {"participant:condition", "prompt:condition"} & set(model.dropped):
        return None
    names = {
        "rater": "participant",
        "prompt": "prompt",
        "rater_condition": "participant:condition",
        "prompt_condition": "prompt:condition",
        "rater_prompt": "participant:prompt",
        "residual": "residual",
    }
    return {ours: model.components.get(theirs, 0.0) for ours, theirs in names.items()}


def _equations(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Set up the three equations of `estimate.moments` for values by participant and prompt."""
    rater, prompt = (pd.factorize(values.index.get_level_values(name))[0] for name in ("participant", "prompt"))
    numbers = values.to_numpy(dtype=float)
    return expectations(np.bincount(rater), np.bincount(prompt)), sums_of_squares(numbers, rater, prompt)


@dataclass(frozen=True)
class Components:
    """Standard deviations of the parts of a score.

    Parameters
    ----------
    rater, prompt
        How far raters, and prompts, lie apart under all conditions alike; of no matter unless scores are rounded.
    rater_condition, prompt_condition
        How far raters, and prompts, differ in what a condition does to them.
    residual
        What is left: the same rater and prompt, another day.
    rater_prompt
        How far raters differ in what they think of a prompt under all conditions alike; of no matter unless scores are
        rounded.
    mean
        Mean score, for rounding.
    source
        Where the numbers come from.
    """

    rater: float
    prompt: float
    rater_condition: float
    prompt_condition: float
    residual: float
    rater_prompt: float = 0.0
    mean: float = 3.9
    source: str = "given"

    def __post_init__(self) -> None:
        for name in ("rater", "prompt", "rater_condition", "prompt_condition", "rater_prompt", "residual"):
            if not (isfinite(value := getattr(self, name)) and 0 <= value < 10):
                raise SettingError(f"{name} {value:g}: not a standard deviation in points; give 0 or more")


ASSUMED = Components(
    rater=0.3,
    prompt=0.35,
    rater_condition=0.2,
    prompt_condition=0.15,
    residual=0.7,
    rater_prompt=0.4,
    source=(
        "assumed, not measured: together they give a single rating a standard deviation of 0.96, in line with the "
        "0.9 to 1.0 usual for opinion scores from 1 to 5; a pilot's own are better"
    ),
)
