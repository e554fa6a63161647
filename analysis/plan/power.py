"""Power: how likely a design of raters and prompts is to show what it is meant to show, by simulation.

The model is score = mu_c + rater + prompt + rater:condition + prompt:condition + rater:prompt + residual, all effects
but mu_c drawn anew in each replication. Of two conditions only the differences d_rp of one rater and prompt matter:
rater, prompt and rater:prompt drop out of them, and the other components stand in them twice.

Two questions can be asked. For *these* prompts the raters are the sample and the test is the paired t test on rater
means. For prompts *alike* the prompts are a sample too, and the variance of the mean difference is
2 [rater:condition / R + prompt:condition / P + residual / (R P)] for R raters and P prompts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Literal, get_args

import numpy as np
from scipy import special

from analysis.errors import SettingError
from analysis.estimate.moments import expectations
from analysis.plan.components import ASSUMED, Components
from analysis.scale.rating_scale import FIVE
from analysis.settings import ALPHA, MARGIN, check_alpha, check_margin

Goal = Literal["equivalence", "noninferiority", "difference"]
Question = Literal["these", "alike"]
GOALS: tuple[str, ...] = get_args(Goal)
QUESTIONS: tuple[str, ...] = get_args(Question)
# Scores drawn at a time: few enough to stay in the processor's cache.
CHUNK = 300_000
# Replications where scores themselves must be drawn, which takes a hundred times as long as drawing sums of squares.
SLOW = 1_000

# Of many studies: mean difference, its variance, and degrees of freedom.
Statistics = tuple[np.ndarray, np.ndarray, np.ndarray | float]


def power(
    design: Design,
    claim: Claim,
    components: Components | None = None,
    *,
    rounded: bool = False,
    replications: int = 5_000,
    seed: int = 0,
) -> Power:
    """Simulate how often a design shows what is claimed.

    Where every rater rates every prompt and scores are not rounded, the sums of squares that the tests are made of
    are drawn directly: they are independent chi-squares. Otherwise scores are drawn one by one, in at most
    1,000 replications. The same seed gives the same answer.

    Parameters
    ----------
    design
        Raters and prompts.
    claim
        What is to be shown, and what is true.
    components
        The spread of the scores; assumed ones unless given.
    rounded
        Whether scores are rounded to 1, 2, ... 5; `claim.difference` is then that before rounding. Components that
        were estimated from ratings hold the effect of rounding already.
    replications, seed
        How many studies are simulated, and where the random numbers start.

    Examples
    --------
    >>> found = power(Design(raters=20, prompts=20), Claim("difference", difference=0.0), replications=20_000)
    >>> round(found.these, 2)  # no difference: it is shown as often as alpha says
    0.05
    """
    components = components or ASSUMED
    rng = np.random.default_rng(seed)
    if rounded or design.per_rater < design.prompts:
        replications = min(replications, SLOW)
        draws = _drawn_scores(design, claim.difference, components, rounded, replications, rng)
    else:
        draws = iter([_drawn_sums(design, claim.difference, components, replications, rng)])
    shown = np.zeros(2)
    for these, alike in draws:
        shown += [int(shows(claim, *these).sum()), int(shows(claim, *alike).sum())]
    return Power(float(shown[0] / replications), float(shown[1] / replications), replications)


def shows(claim: Claim, mean: np.ndarray, variance: np.ndarray, df: np.ndarray | float) -> np.ndarray:
    """Tell which of many studies show what is claimed, from mean difference, its variance and degrees of freedom.

    Equivalence: the 1 - 2 alpha t interval lies inside the margin (TOST). Non-inferiority: its lower end lies above
    -margin. Difference: the 1 - alpha t interval excludes zero; alpha is divided by the number of comparisons, the
    first step of Holm's adjustment, so that the power holds whatever the other conditions do.

    Examples
    --------
    >>> shows(Claim(margin=0.3), np.array([0.0, 0.2]), np.array([0.01, 0.01]), 19.0).tolist()  # 0.2 + 1.73 * 0.1 > 0.3
    [True, False]
    """
    df = np.asarray(df, dtype=float)
    known = df > 0
    level = claim.alpha / claim.comparisons / 2 if claim.goal == "difference" else claim.alpha
    half = special.stdtrit(np.where(known, df, 1), 1 - level) * np.sqrt(np.maximum(variance, 0))
    if claim.goal == "difference":
        shown = np.abs(mean) > half
    elif claim.goal == "noninferiority":
        shown = mean - half > -claim.margin
    else:
        shown = (mean - half > -claim.margin) & (mean + half < claim.margin)
    return np.asarray(known & shown)


def _drawn_sums(
    design: Design, difference: float, components: Components, replications: int, rng: np.random.Generator
) -> tuple[Statistics, Statistics]:
    """Draw mean, variance and degrees of freedom of both tests for a complete design."""
    raters, prompts = design.raters, design.prompts
    per_rater, per_prompt, rest = raters - 1, prompts - 1, (raters - 1) * (prompts - 1)
    residual = 2 * components.residual**2
    of_rater = residual + 2 * prompts * components.rater_condition**2
    of_prompt = residual + 2 * raters * components.prompt_condition**2
    squares = [
        size * (rng.chisquare(df, replications) / df if df else np.zeros(replications))
        for size, df in ((of_rater, per_rater), (of_prompt, per_prompt), (residual, rest))
    ]
    noise = rng.standard_normal(replications)
    cells = raters * prompts
    these = difference + noise * sqrt(of_rater / cells)
    alike = difference + noise * sqrt((of_rater + of_prompt - residual) / cells)
    parts = [square / cells for square in squares]
    return (these, parts[0], float(per_rater)), (alike, *_two_way(parts, (per_rater, per_prompt, rest)))


def _two_way(parts: list[np.ndarray], freedom: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Give the variance of a mean over raters and prompts, and Satterthwaite's degrees of freedom.

    The parts are the variance that raters alone, prompts alone and the residual alone would give it: V = Vr + Vp - Ve,
    and df = V^2 / (Vr^2 / (R - 1) + Vp^2 / (P - 1) + Ve^2 / rest). It is no smaller than either of the first two:
    a negative component counts as zero.
    """
    of_rater, of_prompt, residual = parts
    if min(freedom[:2]) < 1:
        return np.zeros_like(of_rater), np.zeros_like(of_rater)
    variance = np.maximum(of_rater + of_prompt - residual, np.maximum(of_rater, of_prompt))
    spread = sum(part**2 / max(df, 1) for part, df in zip(parts, freedom, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return variance, np.where(spread > 0, variance**2 / spread, 0.0)


def _drawn_scores(
    design: Design,
    difference: float,
    components: Components,
    rounded: bool,
    replications: int,
    rng: np.random.Generator,
) -> Iterator[tuple[Statistics, Statistics]]:
    """Draw scores, and give the statistics of both tests, some replications at a time."""
    rated = allocation(design, rng)
    step = max(1, CHUNK // rated.size)
    for start in range(0, replications, step):
        these, alike = _differences(design, difference, components, rounded, min(step, replications - start), rng)
        yield _paired(these, rated), _crossed(alike, rated)


def allocation(design: Design, rng: np.random.Generator) -> np.ndarray:
    """Say which rater (row) rates which prompt (column): each takes those rated least so far, as a session does.

    Examples
    --------
    >>> rated = allocation(Design(raters=4, prompts=4, prompts_per_rater=2), np.random.default_rng(1))
    >>> rated.sum(axis=1).tolist(), rated.sum(axis=0).tolist()  # each rater two prompts, each prompt two raters
    ([2, 2, 2, 2], [2, 2, 2, 2])
    """
    rated = np.zeros((design.raters, design.prompts), dtype=bool)
    counts = np.zeros(design.prompts)
    for row in rated:
        chosen = np.argsort(counts + 0.5 * rng.random(design.prompts))[: design.per_rater]
        row[chosen] = True
        counts[chosen] += 1
    return rated


def _differences(
    design: Design, difference: float, components: Components, rounded: bool, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the differences of many studies (replication, rater, prompt): for these prompts, and for prompts alike.

    Over these prompts the mean difference is the one claimed, so what the prompts add to it is taken away.
    """

    def normal(size: float, raters: int, prompts: int) -> np.ndarray:
        return np.float32(size) * rng.standard_normal((count, raters, prompts), dtype=np.float32)

    raters, prompts = design.raters, design.prompts
    shared = normal(components.rater, raters, 1) + normal(components.prompt, 1, prompts) + np.float32(components.mean)
    shared = shared + normal(components.rater_prompt, raters, prompts)
    these, alike = (np.zeros((count, raters, prompts), dtype=np.float32) for _ in range(2))
    for sign in (1, -1):
        of_prompt = normal(components.prompt_condition, 1, prompts)
        score = normal(components.residual, raters, prompts)
        score += shared
        score += of_prompt
        score += normal(components.rater_condition, raters, 1) + np.float32(sign * difference / 2)
        add = np.add if sign > 0 else np.subtract
        add(alike, _on_scale(score) if rounded else score, out=alike)
        score -= of_prompt.mean(axis=2, keepdims=True)
        add(these, _on_scale(score) if rounded else score, out=these)
    return these, alike


def _on_scale(scores: np.ndarray) -> np.ndarray:
    """Round scores to 1, 2, ... 5."""
    return np.asarray(np.clip(np.rint(scores), *FIVE.ends))


def _paired(differences: np.ndarray, rated: np.ndarray) -> Statistics:
    """Give the statistics of the paired t test on rater means."""
    means = np.einsum("crp,rp->cr", differences, rated) / rated.sum(axis=1)
    raters = len(rated)
    variance = means.var(axis=1, ddof=1) / raters if raters > 1 else np.zeros(len(means))
    return means.mean(axis=1), variance, float(raters - 1)


def _crossed(differences: np.ndarray, rated: np.ndarray) -> Statistics:
    """Give the statistics of the test over raters and prompts, whose components come as in `estimate.moments`."""
    used = rated.any(axis=0)
    values, rated = differences[:, :, used], rated[:, used]
    n, of_rater, of_prompt = int(rated.sum()), rated.sum(axis=1), rated.sum(axis=0)
    mean = np.einsum("crp,rp->c", values, rated, dtype=float) / n
    values = (values - mean[:, None, None].astype(np.float32)) * rated
    square = np.einsum("crp,crp->c", values, values)
    rater_sum = (values.sum(axis=2) ** 2 / of_rater).sum(axis=1)
    prompt_sum = (values.sum(axis=1) ** 2 / of_prompt).sum(axis=1)
    shares = [float((of_rater**2).sum()) / n, float((of_prompt**2).sum()) / n]
    left = expectations(of_rater, of_prompt)
    freedom = len(of_rater) - 1, len(of_prompt) - 1, n - len(of_rater) - len(of_prompt) + 1
    if np.linalg.matrix_rank(left) < 3:
        return mean, np.zeros_like(mean), np.zeros_like(mean)
    a, b, e = np.linalg.solve(left, np.array([square, rater_sum, prompt_sum]))
    parts = [np.maximum(part, 0) for part in (a * shares[0] / n + e / n, b * shares[1] / n + e / n, e / n)]
    return mean, *_two_way(parts, freedom)


@dataclass(frozen=True)
class Design:
    """Who rates what: every rater rates a prompt once under every condition.

    Parameters
    ----------
    raters, prompts
        How many.
    prompts_per_rater
        How many of the prompts one rater rates; all unless given.
    """

    raters: int
    prompts: int
    prompts_per_rater: int | None = None

    def __post_init__(self) -> None:
        if self.raters < 2:
            raise SettingError(f"raters {self.raters}: at least two are needed to see how raters differ")
        if self.prompts < 1:
            raise SettingError(f"prompts {self.prompts}: at least one is needed")
        if self.prompts_per_rater is not None and self.prompts_per_rater < 1:
            raise SettingError(f"prompts per rater {self.prompts_per_rater}: at least one is needed")

    @property
    def per_rater(self) -> int:
        """How many prompts one rater rates."""
        return min(self.prompts, self.prompts_per_rater or self.prompts)


@dataclass(frozen=True)
class Claim:
    """What is to be shown, and what is true.

    Parameters
    ----------
    goal
        `equivalence` within the margin, `noninferiority` by the margin, or a `difference`.
    difference
        The true difference, condition minus baseline, in points.
    margin, alpha
        Margin in points and significance level of the test.
    comparisons
        Conditions compared with the baseline; divides alpha where a difference is to be shown.
    """

    goal: Goal = "equivalence"
    difference: float = 0.0
    margin: float = MARGIN
    alpha: float = ALPHA
    comparisons: int = 1

    def __post_init__(self) -> None:
        if self.goal not in GOALS:
            raise SettingError(f"goal {self.goal!r}: unknown; choose from {', '.join(GOALS)}")
        check_margin(self.margin, FIVE.length)
        check_alpha(self.alpha)
        if not (isfinite(self.difference) and abs(self.difference) < FIVE.length):
            raise SettingError(f"difference {self.difference:g}: not between -4 and 4 points; give a smaller one")


@dataclass(frozen=True)
class Power:
    """Share of simulated studies that showed what was claimed, for either question.

    Parameters
    ----------
    these, alike
        For these prompts, by the paired t test on rater means; for prompts alike, over raters and prompts.
    replications
        How many studies were simulated.
    """

    these: float
    alike: float
    replications: int

    def of(self, question: str) -> float:
        """Give the power for one question."""
        return self.these if question == "these" else self.alike

    def error(self, question: str) -> float:
        """Give the standard error that the simulation leaves, sqrt(p (1 - p) / replications)."""
        share = self.of(question)
        return sqrt(share * (1 - share) / self.replications)
