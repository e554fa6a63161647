"""A fitted mixed model: means of conditions, their differences, and how far both can be trusted.

Standard errors and degrees of freedom are Kenward and Roger's (1997), or Satterthwaite's as lmerTest defines
them (Kuznetsova, Brockhoff and Christensen 2017, J. Stat. Softw. 82(13)).

Own code: no Python library has either (statsmodels 0.15 has none; pymer4 calls R).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Literal

import numpy as np
from scipy.linalg import helmert

Method = Literal["kenward-roger", "satterthwaite"]


def f_test(model: MixedModel, *, method: Method) -> tuple[float, float, Method] | None:
    """Test that all conditions have the same mean: F, its denominator degrees of freedom, and whose they are.

    Kenward and Roger's F is the scaled one. Where theirs do not exist it is Satterthwaite's; None without a fit.

    Examples
    --------
    >>> import pandas as pd
    >>> from analysis.estimate.mixed import fit
    >>> ratings = pd.DataFrame({"participant": list("aaaabbbbcccc"), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> f, df, whose = f_test(fit(ratings, ["base", "x"], interactions=False), method="satterthwaite")
    >>> whose, f > 0, df > 0
    ('satterthwaite', True, True)
    """
    if not model.means:
        return None
    if method == "kenward-roger" and model.expected.size and (found := _kenward_roger_f(model)):
        return *found, "kenward-roger"
    found = _satterthwaite_f(model)
    return (*found, "satterthwaite") if found else None


def _kenward_roger_f(model: MixedModel) -> tuple[float, float] | None:
    """Scaled F and degrees of freedom (Kenward and Roger 1997, sections 2 and 3.2), where they exist."""
    matrix, differences = _contrasts(model)
    size = len(matrix)
    theta = matrix.T @ np.linalg.solve(matrix @ model.covariance @ matrix.T, matrix)
    turned = theta @ model.slopes  # Theta Phi P_i Phi, up to the sign that A1 and A2 do not see
    traces = np.einsum("iaa->i", turned)
    a1 = 2 * float(traces @ model.expected @ traces)
    a2 = 2 * float(np.einsum("ij,iab,jba->", model.expected, turned, turned))
    b = (a1 + 6 * a2) / (2 * size)
    with np.errstate(all="ignore"):  # what does not exist is refused below
        g = np.float64((size + 1) * a1 - (size + 4) * a2) / ((size + 2) * a2)
        c1, c2, c3 = (value / (3 * size + 2 * (1 - g)) for value in (g, size - g, size + 2 - g))
        mean = 1 / np.float64(1 - a2 / size)
        ratio = (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b)) / (size * mean**2)
        df = float(4 + (size + 2) / (size * ratio - 1))
        scale = df / (mean * (df - 2))
        f = float(scale * (differences @ np.linalg.solve(matrix @ model.adjusted @ matrix.T, differences)) / size)
    return (f, df) if isfinite(f) and f >= 0 and isfinite(df) and df > 0 else None


def _satterthwaite_f(model: MixedModel) -> tuple[float, float] | None:
    """F of the unadjusted covariance; its degrees of freedom from those of its independent parts."""
    matrix, differences = _contrasts(model)
    values, vectors = np.linalg.eigh(matrix @ model.covariance @ matrix.T)
    parts = vectors.T @ matrix
    f = float(((vectors.T @ differences) ** 2 / values).mean())
    dfs = np.array([_df(part, model.covariance, model.slopes, model.observed) for part in parts])
    if not (isfinite(f) and np.isfinite(dfs).all()):
        return None
    if float(np.ptp(dfs)) < 1e-8:
        return f, float(dfs.mean())
    if float(dfs.min()) <= 2:
        return f, 2.0
    expectation = float((dfs / (dfs - 2)).sum())
    return f, 2 * expectation / (expectation - len(dfs))


def _contrasts(model: MixedModel) -> tuple[np.ndarray, np.ndarray]:
    """Give orthonormal contrasts of all means and their values.

    Satterthwaite's degrees of freedom depend on the basis; with an orthonormal one, not on the conditions' order.
    """
    matrix = np.asarray(helmert(len(model.conditions)))
    return matrix, matrix @ np.array(list(model.means.values()))


def _df(weights: np.ndarray, covariance: np.ndarray, slopes: np.ndarray, spread: np.ndarray) -> float:
    """Degrees of freedom 2 v^2 / var(v) of the variance v of a contrast, var(v) = 2 g' spread g."""
    slope = weights @ slopes @ weights
    variance = float(slope @ spread @ slope)
    return float(weights @ covariance @ weights) ** 2 / variance if variance > 0 else float("nan")


@dataclass(frozen=True)
class Contrast:
    """An estimated mean or difference.

    Parameters
    ----------
    estimate, se, df
        Its value, standard error and degrees of freedom.
    method
        Whose standard error and degrees of freedom.
    total_sd
        Standard deviation of a rating: the square root of the sum of all variance components.
    """

    estimate: float
    se: float
    df: float
    method: Method
    total_sd: float


@dataclass(frozen=True, eq=False)
class MixedModel:
    """A fitted mixed model, or the reason why there is none.

    Parameters
    ----------
    conditions
        The conditions with ratings, in the order asked for.
    interactions
        Whether raters and prompts have an effect for each condition.
    n, raters, prompts, left_out
        Ratings, raters and prompts in the fit, and ratings of other conditions.
    reason
        Why nothing was fitted; empty for a fit.
    means
        Estimated mean of each condition.
    covariance, adjusted
        Covariance of the means: as estimated, and with Kenward and Roger's adjustment.
    components
        Variances: participant, prompt, participant:condition, prompt:condition, participant:prompt, residual.
    dropped
        Terms that are not in the model, each with what the ratings cannot tell it from.
    loglik
        The restricted log-likelihood (lme4's).
    slopes
        Minus the derivative of `covariance` by each component over the residual variance, residual first.
    observed, expected
        Half the asymptotic covariance of these components, by observed information (those at zero
        held there) and by expected information (all of them). Of very many ratings the first is by average
        information and there is no second, nor an adjusted covariance.
    apart
        Whether the ratings tell all components above zero apart.
    """

    conditions: tuple[str, ...]
    interactions: bool
    n: int
    raters: int
    prompts: int
    left_out: int = 0
    reason: str = ""
    means: dict[str, float] = field(default_factory=dict)
    covariance: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    adjusted: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    components: dict[str, float] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    loglik: float | None = None
    slopes: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0)))
    observed: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    expected: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    apart: bool = True

    @property
    def test(self) -> str:
        """The name of this model's tests."""
        return "lmm" if self.interactions else "lmm_additive"

    @property
    def singular(self) -> bool:
        """Whether a variance component is zero."""
        return any(variance == 0.0 for variance in self.components.values())

    @property
    def method(self) -> Method:
        """Whose standard errors and degrees of freedom are right for this fit.

        Kenward and Roger's expansion takes every variance to be above zero, and its degrees of freedom count one that
        is estimated as zero: in simulations 95 % intervals then held .97 to .99. Satterthwaite's hold it at zero. Of
        very many ratings only Satterthwaite's are computed; the two agree there.
        """
        return "satterthwaite" if self.singular or (self.means and not self.expected.size) else "kenward-roger"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about every row of this model."""
        zero = [name for name, variance in self.components.items() if variance == 0.0]
        for_whom = (
            "holds for raters and prompts like these"
            if self.interactions
            else "assumes that each rater and prompt shifts all conditions alike, and is too sure where they do not"
        )
        return (
            "" if self.reason else for_whom,
            f"singular fit: no spread found for {', '.join(zero)}" if zero else "",
            "" if self.apart else "the variance components cannot all be told apart",
            *(f"{term} left out: it cannot be told from {other}" for term, other in self.dropped.items()),
            f"ratings of other conditions left out: {self.left_out}" if self.left_out else "",
        )

    def difference(self, condition: str, reference: str, *, method: Method | None = None) -> Contrast | None:
        """Estimate the condition's mean minus the reference's; None without a fit or ratings of both."""
        if condition == reference or condition not in self.means or reference not in self.means:
            return None
        order = np.array(self.conditions)
        return self._contrast((order == condition) * 1.0 - (order == reference), method or self.method)

    def mean(self, condition: str, *, method: Method | None = None) -> Contrast | None:
        """Estimate the condition's mean; None without a fit or ratings of it."""
        if condition not in self.means:
            return None
        return self._contrast((np.array(self.conditions) == condition) * 1.0, method or self.method)

    def _contrast(self, weights: np.ndarray, method: Method) -> Contrast | None:
        """Estimate a weighted sum of means, by Satterthwaite where Kenward and Roger's numbers do not exist."""
        estimate = float(weights @ np.array(list(self.means.values())))
        total = sqrt(sum(self.components.values()))
        if method == "kenward-roger" and self.expected.size:
            variance = float(weights @ self.adjusted @ weights)
            df = _df(weights, self.covariance, self.slopes, self.expected)
            if variance > 0 and isfinite(df):
                return Contrast(estimate, sqrt(variance), df, method, total)
        df = _df(weights, self.covariance, self.slopes, self.observed)
        if not isfinite(df):
            return None
        return Contrast(estimate, sqrt(float(weights @ self.covariance @ weights)), df, "satterthwaite", total)
