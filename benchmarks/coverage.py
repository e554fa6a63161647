"""How often the intervals hold what they claim: simulated coverage for the prompts rated and for prompts like them.

    earmark bench coverage

Each study is drawn from score = condition + rater + prompt + rater:condition + prompt:condition + rater:prompt +
residual with the spread that `analysis.plan.components.ASSUMED` names, and analysed by the functions that the report
uses. In three of the designs rater:prompt is 0, 0.3 and 0.7 beside a residual of 0.3, where a model without it is
too sure. The second condition lies about 0.3 points above the first. With rounded scores the truth is computed
from the normal distribution.
An interval that claims 95 % should hold in 93 to 97 % of the studies; TOST at its margin should err in at most 6 %.
"""

from __future__ import annotations

import gc
import json
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd
from scipy import stats

from analysis.conclude.sequential import METHODS, above
from analysis.describe.opinion import cluster_interval
from analysis.estimate.mixed import fit
from analysis.infer.compare import Comparison, paired_t, tost
from analysis.infer.intervals import pooled_interval, two_way, two_way_interval
from analysis.infer.lmm import lmm_differences, lmm_tost
from analysis.plan.components import ASSUMED
from analysis.read.matched import cells
from benchmarks.common.report import hardware, options, stolen, versions

SEED = 20260301
STUDIES, MODELS, STREAMS = 1000, 400, 4000
"""Studies of each design, those of them to which the mixed model is fitted, and streams of raters of each sequence."""
DIFFERENCE, LOWEST = 0.3, 3.4
LOW, HIGH, ERROR = 0.93, 0.97, 0.06
"""The bar: coverage of what claims .95, and errors of what claims .05."""
CONDITIONS = ["baseline", "treated"]
CLAIMS = {
    "pooled_mean": None,
    "rater_cluster": "these",
    "two_way_mean": "alike",
    "pooled_difference": None,
    "paired_t": "these",
    "two_way": "alike",
    "lmm": "alike",
    "lmm_kenward_roger": None,
}
"""For which prompts each interval claims to hold; None: for neither, shown for comparison."""
MEANS = ("pooled_mean", "rater_cluster", "two_way_mean")
"""Those that are of a mean; the others are of a difference."""

Bounds = tuple[float | None, float | None]


@dataclass(frozen=True)
class Layout:
    """Raters x prompts, the share of ratings that is missing at random, and spreads other than the assumed ones."""

    name: str
    raters: int
    prompts: int
    missing: float = 0.0
    rater_prompt: float = ASSUMED.rater_prompt
    residual: float = ASSUMED.residual


LAYOUTS = (
    Layout("20x5", 20, 5),
    Layout("20x20", 20, 20),
    Layout("40x20", 40, 20),
    Layout("12x10_incomplete", 12, 10, 0.2),
    *(Layout(f"40x20_shared_{shared}", 40, 20, 0.0, shared, 0.3) for shared in (0.0, 0.3, 0.7)),
)


@dataclass(frozen=True)
class Study:
    """One drawn study, and what is true: mean of the treated condition, and its difference, by kind of prompts."""

    ratings: pd.DataFrame
    mean: dict[str, float]
    difference: dict[str, float]


def studies(layout: Layout, rounded: bool, rng: np.random.Generator) -> Iterator[Study]:
    """Draw studies without end."""
    shape = layout.raters, layout.prompts, 2
    level = np.array([LOWEST, LOWEST + DIFFERENCE])
    names = [
        np.array([f"{letter}{k}" for k in range(n)], dtype=object) for letter, n in (("r", shape[0]), ("p", shape[1]))
    ]
    frame = pd.DataFrame(
        {
            "participant": np.repeat(names[0], shape[1] * 2),
            "prompt": np.tile(np.repeat(names[1], 2), shape[0]),
            "condition": np.tile(np.array(CONDITIONS, dtype=object), shape[0] * shape[1]),
        }
    ).astype("str")
    own = layout.residual**2 + layout.rater_prompt**2
    within = sqrt(ASSUMED.rater**2 + ASSUMED.rater_condition**2 + own)
    among = sqrt(within**2 + ASSUMED.prompt**2 + ASSUMED.prompt_condition**2)
    while True:
        of_prompt = level + rng.normal(0, ASSUMED.prompt, (1, shape[1], 1))
        of_prompt = of_prompt + rng.normal(0, ASSUMED.prompt_condition, (1, shape[1], 2))
        scores = of_prompt + rng.normal(0, ASSUMED.rater, (shape[0], 1, 1)) + rng.normal(0, layout.residual, shape)
        scores = scores + rng.normal(0, layout.rater_prompt, (*shape[:2], 1))
        scores = scores + rng.normal(0, ASSUMED.rater_condition, (shape[0], 1, 2))
        if rounded:
            scores = np.clip(np.rint(scores), 1, 5)
            these, alike = on_scale(of_prompt, within).mean(axis=(0, 1)), on_scale(level, among)
        else:
            these, alike = of_prompt.mean(axis=(0, 1)), level
        ratings = frame.assign(score=scores.ravel())
        if layout.missing:
            ratings = ratings[rng.random(len(ratings)) >= layout.missing]
        truth = {"these": these, "alike": alike}
        yield Study(
            ratings,
            {prompts: float(pair[1]) for prompts, pair in truth.items()},
            {prompts: float(pair[1] - pair[0]) for prompts, pair in truth.items()},
        )


def on_scale(level: np.ndarray, spread: float) -> np.ndarray:
    """Mean of scores around a level after rounding to 1, 2, ... 5: 1 + sum over k of P(score > k + 1/2)."""
    return 1 + sum(stats.norm.sf(k + 0.5, level, spread) for k in range(1, 5))


def analysed(study: Study, models: bool) -> tuple[dict[str, Bounds], dict[str, Comparison]]:
    """Compute every interval of one study, and TOST at a margin that is just the true difference."""
    ratings, heard = study.ratings, cells(study.ratings, CONDITIONS)
    matched = heard.against("baseline")
    treated = ratings[ratings["condition"] == "treated"]
    scores, raters, prompts = (treated[name].to_numpy() for name in ("score", "participant", "prompt"))
    pooled, crossed = pooled_interval(scores), two_way_interval(scores, raters, prompts)
    apart = stats.ttest_ind(scores, ratings.loc[ratings["condition"] == "baseline", "score"]).confidence_interval(0.95)
    (paired,), (both,) = paired_t(matched), two_way(heard, "baseline")
    found: dict[str, Bounds] = {
        "pooled_mean": (pooled.low, pooled.high),
        "rater_cluster": cluster_interval(scores, raters) or (None, None),
        "two_way_mean": (crossed.low, crossed.high),
        "pooled_difference": (float(apart.low), float(apart.high)),
        "paired_t": (paired.ci_low, paired.ci_high),
        "two_way": (both.ci_low, both.ci_high),
    }
    shown = {"paired_t these": tost(matched, margin=max(study.difference["these"], 0.01))[0]}
    if models:
        model, pair = fit(ratings, CONDITIONS, interactions=True), [("treated", "baseline")]
        (mixed,) = lmm_differences(model, pair)
        found["lmm"] = mixed.ci_low, mixed.ci_high
        (throughout,) = lmm_differences(model, pair, method="kenward-roger")
        found["lmm_kenward_roger"] = throughout.ci_low, throughout.ci_high
        shown["lmm alike"] = lmm_tost(model, pair, margin=study.difference["alike"])[0]
    return found, shown


def cover(layout: Layout, rounded: bool) -> tuple[dict[str, float], dict[str, int]]:
    """Simulate one design: the share of intervals that hold, and how many studies each stands on."""
    spread = [round(10 * sd) for sd in (layout.rater_prompt, layout.residual)]
    rng = np.random.default_rng([SEED, layout.raters, layout.prompts, rounded, *spread])
    held: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    end = "_rounded" if rounded else ""
    for number, study in zip(range(STUDIES), studies(layout, rounded, rng), strict=False):
        bounds, shown = analysed(study, models=number < MODELS)
        for name, (low, high) in bounds.items():
            truth = study.mean if name in MEANS else study.difference
            for prompts, value in truth.items():
                key = f"coverage_{name}_{layout.name}_{prompts}{end}"
                asked[key] += 1
                held[key] += low is not None and high is not None and low <= value <= high
        for names, row in shown.items():
            name, prompts = names.split()
            key = f"tost_error_{name}_{layout.name}_{prompts}{end}"
            asked[key] += 1
            held[key] += row.p is not None and row.p < 0.05
    return {key: held[key] / asked[key] for key in asked}, dict(asked)


def sequences(prompts: int, rounded: bool, raters: int = 100) -> tuple[dict[str, float], dict[str, int]]:
    """Simulate streams of raters: how often a sequence ever errs among the first hundred raters.

    The streams are those of two conditions that differ by the margin for equivalence, and by nothing for coverage.
    For comparison, an ordinary t interval is looked at after each rater from the tenth on.
    """
    rng = np.random.default_rng([SEED, prompts, rounded])
    end = f"{prompts}_prompts{'_rounded' if rounded else ''}"
    found: dict[str, float] = {}
    for true in (0.0, DIFFERENCE):
        total = np.zeros((STREAMS, raters))
        rater = LOWEST + rng.normal(0, ASSUMED.rater, (STREAMS, raters))
        own = [level + rater + rng.normal(0, ASSUMED.rater_condition, rater.shape) for level in (0.0, true)]
        level = rng.normal(0, ASSUMED.prompt, (STREAMS, 1, prompts))
        truth = true
        if rounded:
            parts = ASSUMED.rater, ASSUMED.rater_condition, ASSUMED.rater_prompt, ASSUMED.residual
            spread = sqrt(sum(part**2 for part in parts))
            both = [on_scale(LOWEST + shift + level, spread).mean(axis=2) for shift in (0.0, true)]
            truth = both[1] - both[0]
        for place in range(prompts):
            shared = level[:, :, place] + rng.normal(0, ASSUMED.rater_prompt, rater.shape)
            pair = [mine + shared + rng.normal(0, ASSUMED.residual, rater.shape) for mine in own]
            total += np.subtract(*reversed([np.clip(np.rint(score), 1, 5) if rounded else score for score in pair]))
        centred = total / prompts - truth
        for method in METHODS:
            if true:
                found[f"sequence_equivalence_error_{method}_{end}"] = ever(above(-centred, 0.0, method, alpha=0.05))
            else:
                either = above(centred, 0.0, method, alpha=0.025) | above(-centred, 0.0, method, alpha=0.025)
                found[f"sequence_error_{method}_{end}"] = ever(either)
        if not true:
            count = np.arange(1, raters + 1)
            mean = np.cumsum(centred, axis=1) / count
            squares = np.maximum(np.cumsum(centred**2, axis=1) - count * mean**2, 0)
            error = np.sqrt(squares[:, 9:] / (count[9:] - 1) / count[9:])
            found[f"sequence_error_repeated_t_{end}"] = ever(
                np.abs(mean[:, 9:]) > stats.t.ppf(0.975, count[9:] - 1) * error
            )
    return found, dict.fromkeys(found, STREAMS)


def ever(shown: np.ndarray) -> float:
    """Share of the streams in which something was ever shown."""
    return float(shown.any(axis=1).mean())


def judged(name: str, share: float, count: int) -> str:
    """Say whether a figure clears the bar, or that it is there for comparison; with the simulation's standard error."""
    error = sqrt(max(share * (1 - share), 1e-4) / count)
    beside = f"± {error:.3f}"
    if name.startswith("coverage"):
        method = next(key for key in sorted(CLAIMS, key=len, reverse=True) if name.startswith(f"coverage_{key}_"))
        if CLAIMS[method] is None or f"_{CLAIMS[method]}" not in name:
            return f"{beside}  no claim, for comparison"
        least, most, bar = LOW, HIGH, f"claims .95, bar {LOW:.2f} to {HIGH:.2f}"
    elif "repeated_t" in name:
        return f"{beside}  no claim, for comparison"
    else:
        least, most, bar = 0.0, ERROR, f"claims .05 at most, bar {ERROR:.2f}"
    outside = max(least - share, share - most)
    side = "over" if share > most else "under"
    verdict = (
        "holds" if outside <= 0 else f"open, {side} by chance or not" if outside < 2 * error else f"MISSES, {side}"
    )
    return f"{beside}  {bar}: {verdict}"


def main() -> None:
    """Simulate every design, with continuous and with rounded scores."""
    arguments = options(__doc__)
    warnings.simplefilter("error", RuntimeWarning)
    gc.freeze()  # statsmodels collects garbage at each adjustment, through everything that was ever imported
    began = time.perf_counter()
    figures: dict[str, float] = {}
    counts: dict[str, int] = {}
    for rounded in (False, True):
        for layout in LAYOUTS:
            for into, made in zip((figures, counts), cover(layout, rounded), strict=True):
                into.update(made)
        for prompts in (5, 20):
            for into, made in zip((figures, counts), sequences(prompts, rounded), strict=True):
                into.update(made)
    notes = {name: judged(name, share, counts[name]) for name, share in figures.items()}
    print(f"{hardware()}; " + ", ".join(f"{name} {version}" for name, version in versions().items()))
    print(f"{time.perf_counter() - began:.0f} s; {stolen():.0%} of the processors' time went to other machines")
    for name, share in sorted(figures.items()):
        print(f"{name:<62}  {share:.3f} {notes[name]}")
    claims = [note for note in notes.values() if "bar" in note]
    kinds = [sum(word in note for note in claims) for word in (": holds", ": open", ": MISSES")]
    print(f"of {len(claims)} claims {kinds[0]} hold, {kinds[1]} are open (within two standard errors), {kinds[2]} miss")
    if arguments.json:
        facts = {"figures": figures, "hardware": hardware(), "versions": versions(), "stolen": stolen(), "notes": notes}
        arguments.json.write_text(json.dumps(facts, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
