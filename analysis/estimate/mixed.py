"""Mixed: the linear mixed model of ratings, from a table of them to what a fit can tell.

    additive      score ~ condition + (1 | participant) + (1 | prompt) + (1 | participant:prompt)
    interactions  ... + (1 | participant:condition) + (1 | prompt:condition)

Conditions are matched clips, so that what a rater thinks of a prompt is shared by all of them: participant:prompt. Only
the second model lets raters and prompts differ in what a condition does to them, and so answers for new raters and new
prompts. A term that the ratings cannot tell from the residual or from another is dropped by name. Both are fitted by
REML (`analysis.estimate.reml`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, log, pi

import numpy as np
import pandas as pd

from analysis.estimate import patterns, reml
from analysis.estimate.expansion import Expansion
from analysis.estimate.fitted import MixedModel

TERMS = ("participant", "prompt", "participant:condition", "prompt:condition", "participant:prompt")
WIDEST = 9_000  # columns of the smaller factor; its matrices have that side
NO_RESIDUAL = 1e-5  # of the variance of all scores


def fit(ratings: pd.DataFrame, conditions: Sequence[str], *, interactions: bool = True) -> MixedModel:
    """Fit the mixed model by REML to the ratings of these conditions.

    Several ratings of one rater, prompt and condition (seeds) are replicates. The model never fails: where
    nothing can be fitted, `reason` says why and it has no estimates.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": list("aaaabbbbcccc"), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> model = fit(ratings, ["base", "x"])
    >>> round(model.means["base"], 6), sorted(model.components)[:2]
    (4.0, ['participant', 'participant:condition'])
    """
    used = ratings[ratings["condition"].isin(list(conditions))]
    rated = [name for name in dict.fromkeys(conditions) if (used["condition"] == name).any()]
    model = MixedModel(
        conditions=tuple(rated),
        interactions=interactions,
        n=len(used),
        raters=int(used["participant"].nunique()),
        prompts=int(used["prompt"].nunique()),
        left_out=len(ratings) - len(used),
    )
    rater, prompt = (pd.factorize(used[name])[0].astype(np.int64) for name in ("participant", "prompt"))
    condition = pd.Index(rated).get_indexer(used["condition"]).astype(np.int64)
    score = used["score"].to_numpy(dtype=float)
    reason = _unfit(model, rater, prompt, condition, score)
    if reason:
        return replace(model, reason=reason)
    levels = {"participant": rater, "prompt": prompt}
    if interactions:
        levels |= {f"{name}:condition": code * len(rated) + condition for name, code in levels.items()}
    kept, dropped = _estimable(levels | {"participant:prompt": rater * (int(prompt.max()) + 1) + prompt})
    model = replace(model, dropped=dropped)
    if not kept & {"participant", "prompt"}:
        return replace(model, reason="not computed: every rater and every prompt has only one rating")
    widths = [_columns(levels[name], condition, f"{name}:condition" in kept) for name in ("prompt", "participant")]
    if min(widths) > WIDEST:
        return replace(
            model, reason=f"not computed: more than {WIDEST:,} columns for the smaller of raters and prompts"
        )
    names = ("participant", "prompt") if widths[0] <= widths[1] else ("prompt", "participant")
    ours = dict(zip((*patterns.OUTER, *patterns.INNER), _named_terms(*names), strict=True))
    middle = float(score.mean())
    try:
        with np.errstate(all="ignore"):  # an overflow on the way shows in the result, which is checked
            terms = tuple(own for own, name in ours.items() if name in kept)
            table, gamma, at = reml.reml(levels[names[0]], levels[names[1]], condition, score - middle, terms)
            return _inferred(model, [ours[term] for term in table.terms], table, gamma, at, middle)
    except reml.TooMuchError:
        return replace(model, reason="not computed: too many ratings of each rater and prompt for the model")
    except np.linalg.LinAlgError:
        return replace(model, reason="not computed: the mixed model did not converge on these ratings")


def _unfit(model: MixedModel, rater: np.ndarray, prompt: np.ndarray, condition: np.ndarray, score: np.ndarray) -> str:
    """Say why these ratings cannot carry the model, or nothing."""
    width = len(model.conditions)
    if width < 2:
        return "not computed: fewer than two conditions were rated"
    if model.raters < 2:
        return "not computed: one rater cannot represent raters like them"
    if model.prompts < 2:
        return "not computed: one prompt cannot represent prompts like it"
    if float(np.ptp(score)) == 0.0:
        return "not computed: every score is the same"
    for name, code in (("rater", rater), ("prompt", prompt)):
        if len(pd.unique(code * width + condition)) == int(code.max()) + 1 == width:
            return f"not computed: every condition has one {name} of its own, so the two cannot be told apart"
    if model.n <= width:
        return "not computed: no more ratings than conditions"
    return ""


def _estimable(levels: dict[str, np.ndarray]) -> tuple[set[str], dict[str, str]]:
    """Say which random effects the ratings can tell apart, and of the others what they cannot be told from.

    A level with one rating is the residual; a term that groups the ratings as one before it does is that term.
    """
    seen: dict[bytes, str] = {}
    dropped: dict[str, str] = {}
    for name in (term for term in TERMS if term in levels):
        code = pd.factorize(levels[name])[0]
        if int(code.max()) + 1 == len(code):
            dropped[name] = "the residual"
        elif (same := seen.setdefault(code.tobytes(), name)) != name:
            dropped[name] = same
    return set(levels) - set(dropped), dropped


def _columns(level: np.ndarray, condition: np.ndarray, interaction: bool) -> int:
    """Count the columns that a factor would have as the inner one."""
    width = int(condition.max()) + 1
    return len(pd.unique(level * width + condition)) if interaction else int(level.max()) + 1 + width


def _named_terms(outer: str, inner: str) -> tuple[str, ...]:
    """Name the effects of `patterns.OUTER` and `patterns.INNER` by whose they are."""
    return outer, f"{outer}:condition", "participant:prompt", inner, f"{inner}:condition"


def _inferred(
    model: MixedModel,
    terms: Sequence[str],
    table: patterns.Table,
    gamma: np.ndarray,
    at: Expansion,
    middle: float,
) -> MixedModel:
    """Fill the model in from the optimum."""
    freedom = table.n - table.fixed
    beta, phi, rest = at.solve()
    residual = rest / freedom
    none_left = not residual > NO_RESIDUAL * table.squares / table.n
    if none_left or float(gamma.max()) > reml.TOO_LARGE:
        return replace(model, reason="not computed: conditions, raters and prompts leave no spread to judge them by")
    value, _, curvature = at.restricted()
    observed = curvature + at.residual()[2] / residual
    free = np.append(True, gamma > 0)  # by its standard deviation, a component at zero moves nothing
    spread = np.zeros_like(observed)
    spread[np.ix_(free, free)], apart = _inverse(observed[np.ix_(free, free)])
    x1 = at.form1[:, :-1, :-1]
    found = dict(zip(terms, (float(g) * residual for g in gamma), strict=True))
    fitted = replace(
        model,
        means={name: float(b) + middle for name, b in zip(model.conditions, beta, strict=True)},
        covariance=residual * phi,
        components={name: found[name] for name in TERMS if name in found} | {"residual": residual},
        loglik=-0.5 * (value + freedom * (1 + log(2 * pi * residual))),
        slopes=residual * (phi @ x1 @ phi),
        observed=spread,
        apart=apart,
    )
    if at.bent is None:  # Kenward and Roger's need second derivatives
        expected, _ = _inverse(-curvature)
        pushed = x1 @ phi
        bias = np.zeros_like(phi)
        for i, row in enumerate(expected):
            for j, weight in enumerate(row):
                bias += weight * (at.form2[i, j, :-1, :-1] / 2 - pushed[i] @ x1[j])
        fitted = replace(fitted, expected=expected, adjusted=residual * (phi + 4 * phi @ bias @ phi))
    values = [fitted.loglik, *fitted.means.values(), *fitted.covariance.ravel()]
    if not all(value is not None and isfinite(value) for value in values):
        raise np.linalg.LinAlgError
    return fitted


def _inverse(matrix: np.ndarray) -> tuple[np.ndarray, bool]:
    """Invert an information matrix, or what of it can be inverted; say whether all could."""
    scale = 1 / np.sqrt(np.maximum(np.abs(np.diag(matrix)), 1e-300))
    values, vectors = np.linalg.eigh(matrix * np.outer(scale, scale))
    kept = values > 1e-9
    vectors = scale[:, None] * vectors[:, kept]
    return (vectors / values[kept]) @ vectors.T, bool(kept.all())
