"""The linear mixed model: differences of conditions for raters and prompts like the ones at hand.

The model with interactions answers for new raters and new prompts. `analysis.estimate.mixed` fits it, and
`analysis.estimate.fitted` holds what a fit can tell.

Own code: no Python library has the degrees of freedom (statsmodels 0.15 has none; pymer4 calls R).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import pandas as pd
from scipy import stats

from analysis.estimate.fitted import Contrast, Method, MixedModel, f_test
from analysis.estimate.mixed import fit
from analysis.infer.compare import Comparison, holm, within_margin
from analysis.settings import ALPHA
from analysis.words import joined

UNKNOWN = "not computed: no degrees of freedom exist"
NAMES: dict[Method, str] = {"kenward-roger": "Kenward-Roger", "satterthwaite": "Satterthwaite"}


def lmm(
    ratings: pd.DataFrame,
    conditions: Sequence[str],
    baseline: str,
    *,
    alpha: float = ALPHA,
    interactions: bool = True,
) -> tuple[Comparison, ...]:
    """Fit the model and compare each condition with the baseline; see `mixed.fit` and `lmm_differences`.

    Examples
    --------
    >>> import pandas as pd
    >>> ratings = pd.DataFrame({"participant": list("aaaabbbbcccc"), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> (row,) = lmm(ratings, ["base", "x"], "base")
    >>> round(row.estimate, 6), row.n
    (-1.0, 12)
    """
    model = fit(ratings, conditions, interactions=interactions)
    return lmm_differences(model, against(conditions, baseline), alpha=alpha)


def lmm_differences(
    model: MixedModel, pairs: Sequence[tuple[str, str]], *, alpha: float = ALPHA, method: Method | None = None
) -> tuple[Comparison, ...]:
    """Test each (condition, reference) for a difference, with Holm's adjustment over the pairs.

    t = estimate / se with the degrees of freedom of the method (`MixedModel.method` unless named); the interval is
    the 1 - alpha t interval; the effect size is the estimate over the standard deviation of a rating, the square root
    of the sum of all variance components (Westfall, Kenny and Judd 2014), Cohen's d for such designs; n counts ratings.

    Examples
    --------
    >>> import pandas as pd
    >>> ratings = pd.DataFrame({"participant": list("aaaabbbbcccc"), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> model = fit(ratings, ["base", "x"], interactions=False)
    >>> (row,) = lmm_differences(model, [("x", "base")])
    >>> round(row.estimate, 4), row.ci_low < row.estimate < row.ci_high
    (-1.0, True)
    """
    rows = []
    for row, found in _contrasts(model, pairs, "", method):
        if found is not None:
            t = found.estimate / found.se
            half = float(stats.t.ppf(1 - alpha / 2, found.df)) * found.se
            low, high = found.estimate - half, found.estimate + half
            p = 2 * float(stats.t.sf(abs(t), found.df))
            row = _sized(replace(row, ci_low=low, ci_high=high, statistic=t, df=found.df, p=p), found)
        rows.append(row)
    return holm(rows)


def lmm_tost(
    model: MixedModel,
    pairs: Sequence[tuple[str, str]],
    *,
    margin: float,
    alpha: float = ALPHA,
    method: Method | None = None,
) -> tuple[Comparison, ...]:
    """Two one-sided tests of equivalence within +-margin on the mixed model, with Holm's adjustment.

    t_low = (estimate + margin) / se, t_high = (estimate - margin) / se; p is the larger one-sided p value and the
    statistic its t. The interval is the 1 - 2 alpha t interval, inside +-margin exactly when p < alpha.

    Examples
    --------
    >>> import pandas as pd
    >>> ratings = pd.DataFrame({"participant": list("aaaabbbbcccc"), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> model = fit(ratings, ["base", "x"], interactions=False)
    >>> (row,) = lmm_tost(model, [("x", "base")], margin=2.0)
    >>> row.p < 0.05, -2.0 < row.ci_low < row.ci_high < 2.0  # the one exactly when the other
    (True, True)
    """
    return holm(_one_sided(model, pairs, "_tost", margin, alpha, method))


def lmm_noninferiority(
    model: MixedModel,
    pairs: Sequence[tuple[str, str]],
    *,
    margin: float,
    alpha: float = ALPHA,
    method: Method | None = None,
) -> tuple[Comparison, ...]:
    """One-sided test that a condition is no worse than the reference by more than the margin; not adjusted.

    Examples
    --------
    >>> import pandas as pd
    >>> ratings = pd.DataFrame({"participant": list("aaaabbbbcccc"), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> model = fit(ratings, ["base", "x"], interactions=False)
    >>> (row,) = lmm_noninferiority(model, [("x", "base")], margin=0.3)
    >>> row.p > 0.5  # the estimate of -1 is below the margin
    True
    """
    return tuple(_one_sided(model, pairs, "_noninferiority", margin, alpha, method))


def lmm_anova(model: MixedModel, *, method: Method | None = None) -> tuple[Comparison, ...]:
    """F test that all conditions are alike, one row.

    The statistic is F (Kenward-Roger: scaled), with the number of conditions less one and `df` degrees of freedom.

    Examples
    --------
    >>> import pandas as pd
    >>> ratings = pd.DataFrame({"participant": list("aaaabbbbcccc"), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> model = fit(ratings, ["base", "x"], interactions=False)
    >>> (overall,), (row,) = lmm_anova(model), lmm_differences(model, [("x", "base")])
    >>> abs(overall.p - row.p) < 1e-9, abs(overall.statistic - row.statistic**2) < 1e-9  # of two conditions, F = t ** 2
    (True, True)
    """
    row = Comparison(f"{model.test}_anova", n=model.n)
    found = f_test(model, method=method or model.method)
    if found is None:
        return (replace(row, note=joined(model.reason or UNKNOWN, *model.notes)),)
    f, df, used = found
    size = len(model.conditions) - 1
    note = joined(f"{_named(used, method or model.method)} degrees of freedom", *model.notes)
    p = float(stats.f.sf(f, size, df))
    return (replace(row, statistic=f, df=df, df_numerator=float(size), p=p, note=note),)


def against(conditions: Sequence[str], baseline: str) -> list[tuple[str, str]]:
    """Pair every condition with the baseline.

    Examples
    --------
    >>> against(["base", "x", "y"], "base")
    [('x', 'base'), ('y', 'base')]
    """
    return [(name, baseline) for name in conditions if name != baseline]


def every_pair(conditions: Sequence[str]) -> list[tuple[str, str]]:
    """Pair every condition with every one before it.

    Examples
    --------
    >>> every_pair(["base", "x", "y"])
    [('x', 'base'), ('y', 'base'), ('y', 'x')]
    """
    return [(later, earlier) for earlier, later in combinations(conditions, 2)]


def _contrasts(
    model: MixedModel, pairs: Sequence[tuple[str, str]], suffix: str, method: Method | None
) -> list[tuple[Comparison, Contrast | None]]:
    """Start the rows: what is compared, with the difference where there is one, and the note."""
    rows: list[tuple[Comparison, Contrast | None]] = []
    for condition, reference in pairs:
        missing = [name for name in (condition, reference) if name not in model.conditions]
        unrated = f"not computed: nobody rated {' or '.join(missing)}" if missing else ""
        found = model.difference(condition, reference, method=method)
        if found is None:
            note = joined(unrated or model.reason or UNKNOWN, *model.notes)
        else:
            whose = f"{_named(found.method, method or model.method)} degrees of freedom"
            size = "effect size: estimate / standard deviation of a rating, whose own error its interval leaves out"
            note = joined(whose, size, "n counts ratings", *model.notes)
        rows.append((Comparison(f"{model.test}{suffix}", condition, reference, n=model.n, note=note), found))
    return rows


def _one_sided(
    model: MixedModel, pairs: Sequence[tuple[str, str]], suffix: str, margin: float, alpha: float, method: Method | None
) -> list[Comparison]:
    """Compute the rows of `lmm_tost`, or those of `lmm_noninferiority` with the lower test alone."""
    rows = []
    for row, found in _contrasts(model, pairs, suffix, method):
        if found is not None:
            lower_only = suffix == "_noninferiority"
            row = within_margin(row, found.estimate, found.se, found.df, margin, alpha, lower_only)
            row = _sized(row, found)
        rows.append(row)
    return rows


def _sized(row: Comparison, found: Contrast) -> Comparison:
    """Put the estimate into a row with an interval, and both as effect sizes."""
    return replace(
        row,
        estimate=found.estimate,
        effect_size=found.estimate / found.total_sd,
        effect_low=None if row.ci_low is None else row.ci_low / found.total_sd,
        effect_high=None if row.ci_high is None else row.ci_high / found.total_sd,
    )


def _named(used: Method, asked: Method) -> str:
    """Name the method used, and say when it stands in for the one asked for."""
    return NAMES[used] if used == asked else f"{NAMES[used]} ({NAMES[asked]}'s do not exist here)"
