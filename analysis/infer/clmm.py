"""The ordinal mixed model: odds of a higher score under each condition, for raters and prompts like these.

Scores are ordered grades, not measured distances; this model uses their order alone (Liddell & Kruschke 2018).
It is R's `ordinal::clmm` with the logit link and flexible thresholds, which is also what it is tested against.

Own code: no Python library fits it (`OrderedModel` of statsmodels 0.15 has no random effects, nor has pymer4 clmm).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp

import numpy as np
import pandas as pd
from scipy import stats
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from analysis.estimate.laplace import ENDLESS, Cells, Laplace, count_cells, maximize, plain_start
from analysis.infer.compare import FEW, Comparison, holm
from analysis.scale.rating_scale import of_ends
from analysis.settings import ALPHA

MEANING = (
    "estimate and interval are log odds ratios of a higher score, the effect size is the odds ratio; without "
    "interactions: it assumes that raters and prompts change all conditions alike, and is too sure where they do not"
)
# Above these the fit takes more than about ten seconds or more than 1 GB; the second derivatives cost a look for each
# parameter, of which there is one for each condition.
MOST_CELLS = 1_200_000
MOST_PAIRS = 1_500_000
MOST_WORK = 8_000_000_000
# A spread of so few logits changes no other number in its first six digits.
NO_SPREAD = 1e-3
SUBSAMPLE = 400


def clmm(
    ratings: pd.DataFrame, conditions: Sequence[str], baseline: str, *, alpha: float = ALPHA
) -> tuple[Comparison, ...]:
    """Compare each condition with the baseline by the model of `fit_clmm`, with Holm's adjustment.

    The estimate is the log odds ratio of a higher score, the interval Wald's (estimate -+ z(1 - alpha / 2) se),
    the statistic z = estimate / se, the effect size the odds ratio exp(estimate), n the ratings used.

    Examples
    --------
    >>> ratings = pd.DataFrame(
    ...     [(rater, prompt, name, score)
    ...      for name, scores in {"base": (5, 4, 4, 3, 4, 2), "x": (4, 3, 4, 2, 2, 3)}.items()
    ...      for (rater, prompt), score in zip([(r, p) for r in "abc" for p in "pq"], scores, strict=True)],
    ...     columns=["participant", "prompt", "condition", "score"],
    ... )
    >>> (row,) = clmm(ratings, ["base", "x"], "base")
    >>> round(row.estimate, 2), round(row.effect_size, 2)  # lower: the odds ratio is below 1
    (-2.04, 0.13)
    """
    model = fit_clmm(ratings, conditions, baseline)
    return holm([_row(model, name, alpha) for name in conditions if name != baseline])


def fit_clmm(ratings: pd.DataFrame, conditions: Sequence[str], baseline: str) -> OrdinalModel:
    """Fit the cumulative link mixed model with crossed random intercepts.

    For rater r, prompt p and condition c,

        logit P(score <= j) = theta_j - (beta_c + u_r + v_p),   u_r ~ N(0, s_u^2),  v_p ~ N(0, s_v^2),

    with beta = 0 for the baseline, so that beta_c > 0 means higher scores. The integral over u and v is taken
    by the Laplace approximation (Christensen 2019, vignette of the R package ordinal): with the standardized
    effects b and H the second derivative of h at its minimum b^,

        h(b) = -sum_i w_i log p_i(b) + b'b / 2,       log L = -h(b^) - log det(H) / 2.

    Standard errors come from the second derivative of -log L in all parameters. A condition whose effect has no
    finite estimate (complete separation) is refused, and its ratings are left out of the fit of the others.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": list("aabbcc"), "prompt": "p", "condition": ["base", "x"] * 3,
    ...                         "score": [3, 4, 4, 4, 5, 3]})
    >>> model = fit_clmm(ratings, ["base", "x"], "base")
    >>> model.n, sorted(model.thresholds), model.sd_prompt
    (6, ['3|4', '4|5'], None)
    """
    names = [baseline, *(name for name in conditions if name != baseline)]
    rated = set(ratings["condition"].unique())
    refused = {
        name: f"not computed: no rating of {' and '.join(one for one in (name, baseline) if one not in rated)}"
        for name in names[1:]
        if not {name, baseline} <= rated
    }
    used = ratings[ratings["condition"].isin(names)]
    if used["score"].nunique() == 1:
        return _without(names, refused, f"not computed: every rating is {used['score'].iloc[0]:g}")
    left_out: list[str] = []
    finite = [name for name in names if name not in refused]
    used = used[used["condition"].isin(finite)]
    while len(finite) > 1 and (apart := _separated(used, finite)):
        refused |= {name: _apart_words(used, name, baseline) for name in apart}
        left_out += apart
        finite = [name for name in finite if name not in apart]
        used = used[used["condition"].isin(finite)]
    if len(finite) < 2:
        return OrdinalModel(baseline, refused=refused)
    raters, prompts = used["participant"].nunique(), used["prompt"].nunique()
    if raters < 2:
        reason = "not computed: there is only one rater, and the model includes the spread between raters"
        return _without(names, refused, reason)
    cells = count_cells(used, finite)
    big, small = cells.shape
    if len(cells.weight) > MOST_CELLS or big * small > MOST_PAIRS or big * small**2 * len(finite) > MOST_WORK:
        reason = (
            f"not computed: too large for this model ({len(used):,} ratings, {raters:,} raters, {prompts:,} prompts)"
        )
        return _without(names, refused, reason)
    maximum = maximize(Laplace(cells), _good_start(used, finite, cells))
    theta, beta, spread = cells.parts(maximum.parameters)
    if np.abs(spread).max() > ENDLESS:
        reason = (
            "not computed: the rater or the prompt almost determines the score, so their spread has no finite estimate"
        )
        return _without(names, refused, reason)
    if not maximum.settled:
        return _without(names, refused, "not computed: the fit did not converge")
    errors = np.sqrt(np.diag(np.linalg.inv(maximum.hessian)))[len(theta) :]
    labels = [f"{low:g}|{high:g}" for low, high in zip(cells.grades, cells.grades[1:], strict=False)]
    spreads = dict(zip(cells.spreads, (abs(float(sd)) for sd in spread), strict=True))
    return OrdinalModel(
        baseline,
        estimates=dict(zip(finite[1:], map(float, beta[1:]), strict=True)),
        errors=dict(zip(finite[1:], map(float, errors), strict=False)),
        thresholds=dict(zip(labels, map(float, theta), strict=True)),
        sd_participant=spreads["participant"],
        sd_prompt=spreads.get("prompt"),
        loglik=-maximum.value,
        n=len(used),
        refused=refused,
        notes=(*_notes(cells, spreads, raters, prompts), *_left_out(left_out)),
    )


def _row(model: OrdinalModel, name: str, alpha: float) -> Comparison:
    """Write one row of `clmm`."""
    row = Comparison("clmm", name, model.baseline)
    if name in model.refused:
        return replace(row, note=model.refused[name])
    estimate, error = model.estimates[name], model.errors[name]
    half = float(stats.norm.ppf(1 - alpha / 2)) * error
    z = estimate / error
    return replace(
        row,
        estimate=estimate,
        ci_low=estimate - half,
        ci_high=estimate + half,
        statistic=z,
        p=float(2 * stats.norm.sf(abs(z))),
        effect_size=exp(estimate),
        n=model.n,
        note="; ".join((MEANING, *model.notes)),
    )


def _separated(ratings: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Name the conditions whose effect against the first has no finite estimate.

    The likelihood never falls along a direction d of thresholds and effects for which d(theta_j) >= d(theta_j-1)
    and, for each condition, d(theta above its lowest score) >= d(beta) >= d(theta below its highest score).
    These are differences alone, so all such directions have d(beta) = d(baseline) exactly where the two lie in
    one strongly connected component of the graph of the inequalities.
    """
    found = ratings.groupby("condition")["score"].agg(["min", "max"])
    grade = {score: place for place, score in enumerate(sorted(ratings["score"].unique()))}
    cuts = len(grade) - 1
    edges = [(cut, cut - 1) for cut in range(1, cuts)]
    for place, name in enumerate(names, start=cuts):
        low, high = grade[found.loc[name, "min"]], grade[found.loc[name, "max"]]
        edges += [(low, place)] if low < cuts else []
        edges += [(place, high - 1)] if high > 0 else []
    size = cuts + len(names)
    rows, columns = np.array(edges, dtype=int).reshape(-1, 2).T
    graph = csr_array((np.ones(len(edges)), (rows, columns)), shape=(size, size))
    component = connected_components(graph, connection="strong")[1]
    return [name for place, name in enumerate(names, start=cuts) if component[place] != component[cuts]]


def _apart_words(ratings: pd.DataFrame, name: str, baseline: str) -> str:
    """Say why a condition has no finite estimate."""
    parts = []
    for one in (name, baseline):
        scores = ratings.loc[ratings["condition"] == one, "score"]
        low, high = scores.min(), scores.max()
        parts.append(
            f"all {len(scores)} ratings of {one} are {f'{low:g}' if low == high else f'from {low:g} to {high:g}'}"
        )
    return f"not computed: complete separation, the log odds ratio has no finite estimate ({', '.join(parts)})"


def _good_start(ratings: pd.DataFrame, names: Sequence[str], cells: Cells) -> np.ndarray:
    """Start a large fit from the maximum for every k-th rater, at a small part of the cost."""
    raters = ratings["participant"].unique()
    if len(raters) > 4 * SUBSAMPLE:
        some = ratings[ratings["participant"].isin(raters[:: len(raters) // SUBSAMPLE])]
        part = count_cells(some, names)
        if part.grades == cells.grades and part.spreads == cells.spreads and set(some["condition"]) == set(names):
            found = maximize(Laplace(part), plain_start(part))
            if found.settled:
                return found.parameters
    return plain_start(cells)


def _notes(cells: Cells, spreads: dict[str, float], raters: int, prompts: int) -> list[str]:
    """Say what is peculiar about a fit."""
    notes = [f"spread between {name}s estimated as zero" for name, sd in spreads.items() if sd < NO_SPREAD]
    if prompts == 1:
        notes.append("only one prompt, so the model has no spread between prompts")
    elif "prompt" not in spreads:
        notes.append("each rater had a different prompt, so raters and prompts share one spread")
    between = of_ends(cells.grades[0], cells.grades[-1], cells.grades).levels
    unused = [f"{score:g}" for score in between if score not in cells.grades]
    if unused:
        notes.append(f"score {', '.join(unused)} was never given and has no threshold")
    if raters < FEW:
        notes.append(f"rough: normal approximation on {raters} raters")
    return notes


def _left_out(conditions: list[str]) -> list[str]:
    """Say which conditions' ratings a fit could not use."""
    return [f"without the ratings of {', '.join(conditions)}, which have no finite estimate"] if conditions else []


def _without(names: Sequence[str], refused: dict[str, str], reason: str) -> OrdinalModel:
    """Refuse every condition that is not refused yet."""
    return OrdinalModel(names[0], refused=dict.fromkeys(names[1:], reason) | refused)


@dataclass(frozen=True)
class OrdinalModel:
    """A fitted ordinal mixed model.

    Parameters
    ----------
    baseline
        The reference condition.
    estimates, errors
        Log odds ratio of each condition against the baseline, and its standard error.
    thresholds
        theta_j by the scores that it parts, as "3|4".
    sd_participant, sd_prompt
        Spread of the random intercepts in logits; None where the model has none.
    loglik
        Log-likelihood by the Laplace approximation.
    n
        Ratings used.
    refused
        Why a condition has no estimate.
    notes
        What a reader must know about the fit.

    Examples
    --------
    >>> OrdinalModel("base", estimates={"x": -0.5}, errors={"x": 0.2}).estimates["x"]
    -0.5
    """

    baseline: str
    estimates: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    sd_participant: float | None = None
    sd_prompt: float | None = None
    loglik: float | None = None
    n: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
