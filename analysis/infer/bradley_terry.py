"""Bradley-Terry model: one ability a condition, from who was preferred to whom.

Own code: no Python library has it with errors clustered by rater (choix has none).
"""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np
import pandas as pd
from scipy import stats
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from analysis.infer.compare import Comparison, holm
from analysis.settings import ALPHA
from analysis.words import joined

NAME = "ab_bradley_terry"
# A standard error that is zero on paper; abilities are log odds, of the size of 1.
NOTHING = 1e-9
STEPS, SETTLED = 200, 1e-11


def bradley_terry(answers: pd.DataFrame, baseline: str, *, alpha: float = ALPHA) -> tuple[Comparison, ...]:
    """Ability of each condition, as the log odds of being preferred to the baseline, with Holm's adjustment.

    P(i preferred to j) = 1 / (1 + exp(-(a_i - a_j))), with a = 0 for the baseline (Bradley & Terry 1952), by
    logistic regression without intercept on +1 for the one and -1 for the other. An answer without a preference
    counts as half a preference for either. It uses all pairs at once, so a condition never heard against the
    baseline has an ability as well, by way of others.

    The variance is clustered by rater: with H the information matrix and u_r the sum of rater r's scores,
    V = R / (R - 1) H^-1 (sum u_r u_r') H^-1, and t has R - 1 degrees of freedom: R's
    `vcovCL(glm(family = binomial), type = "HC0", cadjust = TRUE)`. The effect size is the modelled share that
    prefers the condition to the baseline. An ability is finite only if the condition and the baseline can be linked
    both ways by chains of preferences (Ford 1957); where they cannot, the note says so.

    Parameters
    ----------
    answers
        Columns `participant`, `condition`, `reference`, `score` (1, 0 or -1).
    baseline
        The condition whose ability is zero.
    alpha
        Level of the intervals.

    Examples
    --------
    >>> rows = [(rater, "a", "base", score) for rater, scores in {"r1": (1, 1, 1, -1), "r2": (1, 1, -1, -1)}.items()
    ...         for score in scores]
    >>> answers = pd.DataFrame(rows, columns=["participant", "condition", "reference", "score"])
    >>> (row,) = bradley_terry(answers, "base")  # 5 of 8 answers prefer a
    >>> round(row.estimate, 4), round(row.effect_size, 4)  # log(5 / 3)
    (0.5108, 0.625)
    """
    sums = answers.groupby(["participant", "condition", "reference"])["score"].agg(["size", "sum"]).reset_index()
    sums["wins"] = (sums["size"] + sums["sum"]) / 2
    names = sorted({*sums["condition"], *sums["reference"]})
    others = [name for name in names if name != baseline]
    if baseline not in names:
        note = f"not computed: no answer compares anything with {baseline}"
        return tuple(Comparison(NAME, name, baseline, note=note) for name in others)
    linked = _linked(sums, names, baseline)
    rows = {name: Comparison(NAME, name, baseline, note=_unlinked(name, linked)) for name in others}
    heard = {*sums["condition"][sums["reference"] == baseline], *sums["reference"][sums["condition"] == baseline]}
    kept = sums[sums["condition"].isin(linked) & sums["reference"].isin(linked)]
    if len(kept):
        fitted = [name for name in others if name in linked]
        rows |= {row.condition or "": row for row in _fitted(kept, fitted, baseline, alpha)}
        for name in set(fitted) - heard:
            note = f"never heard against {baseline}: estimated through other conditions, material and raters"
            rows[name] = replace(rows[name], statistic=None, df=None, p=None, note=joined(rows[name].note, note))
    return holm([rows[name] for name in others])


def _linked(sums: pd.DataFrame, names: list[str], baseline: str) -> set[str]:
    """Find the conditions linked with the baseline both ways: an arrow goes from each loser to a winner."""
    place = {name: index for index, name in enumerate(names)}
    first, second = sums["condition"].map(place).to_numpy(), sums["reference"].map(place).to_numpy()
    up, down = sums["wins"].to_numpy() > 0, (sums["size"] - sums["wins"]).to_numpy() > 0
    start, end = np.concatenate([second[up], first[down]]), np.concatenate([first[up], second[down]])
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(len(names), len(names)))
    _, part = connected_components(graph, directed=True, connection="strong")
    return {name for name in names if part[place[name]] == part[place[baseline]]}


def _unlinked(name: str, linked: set[str]) -> str:
    """Say why a condition has no finite ability."""
    if name in linked:
        return ""
    return "not computed: no answers link it to the baseline, or those that do always or never prefer it"


def _fitted(sums: pd.DataFrame, others: list[str], baseline: str, alpha: float) -> list[Comparison]:
    """Fit the model to sums by rater and pair."""
    design = np.zeros((len(sums), len(others)))
    for column, name in enumerate(others):
        design[:, column] = (sums["condition"] == name).astype(float) - (sums["reference"] == name).astype(float)
    size, wins = sums["size"].to_numpy(dtype=float), sums["wins"].to_numpy()
    abilities, expected, inverse = _maximum(design, size, wins)
    rater, names = pd.factorize(sums["participant"])
    scores = np.zeros((len(names), len(others)))
    np.add.at(scores, rater, design * (wins - size * expected)[:, None])
    raters = len(names)
    errors = np.full(len(others), 0.0)
    if raters > 1:
        errors = np.sqrt(np.diag(inverse @ (scores.T @ scores) @ inverse) * raters / (raters - 1))
    return [
        _row(Comparison(NAME, name, baseline, n=raters), float(ability), float(error), alpha)
        for name, ability, error in zip(others, abilities, errors, strict=True)
    ]


def _maximum(design: np.ndarray, size: np.ndarray, wins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maximize the likelihood by Newton's method: abilities, expected shares, inverse of the information.

    The likelihood is concave and its maximum finite; a step that would lower it is halved. The GLM of statsmodels
    finds the same, but warns of separation wherever a fit is exact, as it is for two conditions.
    """

    def height(abilities: np.ndarray) -> float:
        log_odds = design @ abilities
        return float(wins @ log_odds - size @ np.logaddexp(0, log_odds))

    abilities = np.zeros(design.shape[1])
    for _ in range(STEPS):
        expected = expit(design @ abilities)
        inverse = np.linalg.inv((design * (size * expected * (1 - expected))[:, None]).T @ design)
        step = inverse @ (design.T @ (wins - size * expected))
        if float(np.abs(step).max()) < SETTLED:
            break
        while height(abilities + step) < height(abilities) and float(np.abs(step).max()) > SETTLED:
            step = step / 2
        abilities = abilities + step
    return abilities, expected, inverse


def _row(row: Comparison, ability: float, error: float, alpha: float) -> Comparison:
    """Complete one row."""
    row = replace(row, estimate=ability, effect_size=1 / (1 + exp(-ability)))
    if row.n < 2:
        return replace(row, note="no interval: fewer than two raters")
    if error < NOTHING:
        return replace(row, note="no interval: every rater answered in the same proportions")
    half = float(stats.t.ppf(1 - alpha / 2, row.n - 1)) * error
    statistic = ability / error
    return replace(
        row,
        ci_low=ability - half,
        ci_high=ability + half,
        effect_low=1 / (1 + exp(half - ability)),
        effect_high=1 / (1 + exp(-half - ability)),
        statistic=statistic,
        df=float(row.n - 1),
        p=2 * float(stats.t.sf(abs(statistic), row.n - 1)),
        note="log odds; answers without a preference count half for either",
    )
