"""Report: the whole analysis of one file of ratings, as data; it knows nothing of how it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from textwrap import shorten
from typing import Any

import pandas as pd

from analysis.conclude.battery import Sensitivity, compare_all, without
from analysis.conclude.sequential import Watched, watch
from analysis.conclude.verdict import Verdict
from analysis.describe.opinion import OpinionScore, opinion_scores
from analysis.describe.raters import RaterModel, rater_model
from analysis.describe.reliability import Reliability, reliability
from analysis.describe.screening import Screen, at_most, screen
from analysis.errors import BaselineError, NoRatingsError, ScoreError
from analysis.infer.compare import Comparison, rater_means
from analysis.metrics.measured import Measured
from analysis.metrics.people import Beside, beside
from analysis.read.facts import StudyFacts, warnings
from analysis.read.sheet import Source, require_columns
from analysis.report.order import in_order
from analysis.report.provenance import provenance
from analysis.scale.rating_scale import FIVE, RatingScale, inferred
from analysis.settings import ALPHA, check_alpha, check_margin, find_baseline


def analyze(
    ratings: pd.DataFrame,
    *,
    baseline: str | None = None,
    margin: float | None = None,
    alpha: float = ALPHA,
    facts: StudyFacts | None = None,
    source: Source | None = None,
    checks: pd.DataFrame | None = None,
    all_pairs: bool = False,
    bias: bool = False,
    scale: RatingScale | None = None,
    question: str = "acr",
    anchors: Sequence[str] = (),
    repeats: pd.DataFrame | None = None,
    metrics: Measured | None = None,
) -> Report:
    """Analyse checked ratings of single clips on one scale.

    Parameters
    ----------
    ratings
        The frame of `load_ratings`.
    baseline
        The reference condition; by default the one named "baseline".
    margin
        Largest difference in points that counts as no difference, stated before the data were seen; by default
        0.3 on a scale from 1 to 5, and 7.5 % of the range of any other.
    alpha
        Significance level; intervals are 1 - alpha, and 1 - 2 alpha for equivalence.
    facts
        What is known of the study beyond its ratings.
    source
        The file the ratings came from.
    checks
        The answers to attention checks and repeats; see `analysis.describe.screening.screen`.
    all_pairs
        Compare every condition with every other, too.
    bias
        Fit the model of raters' bias and inconsistency, too.
    scale
        The scores that could be given; by default what the scores plainly are.
    question
        The type of question: `acr`, `dcr`, `numeric` or `slider`.
    anchors
        Conditions that are described and drawn, and not compared.
    repeats
        The clips that a rater rated again, as `analysis.read.answers.Answers` has them.
    metrics
        What metrics say of the same clips.

    Raises
    ------
    AnalysisError
        For an unknown baseline or anchor, an impossible setting, scores outside the scale or an empty frame.
    """
    require_columns([str(column) for column in ratings.columns], source.file if source else "ratings")
    if ratings.empty:
        raise NoRatingsError("ratings: the table is empty; collect ratings first")
    scale = _scale(ratings, scale)
    margin = scale.margin if margin is None else margin
    check_margin(margin, scale.length, scale.margin)
    check_alpha(alpha)
    facts = facts or StudyFacts()
    names = {*facts.conditions, *ratings["condition"].unique()}
    baseline = find_baseline(in_order(names, known=facts.conditions), baseline)
    conditions = in_order(names, known=facts.conditions, first=baseline)
    check_anchors(anchors, conditions, baseline)
    compared = [name for name in conditions if name not in anchors]
    used = ratings[~ratings["condition"].isin(list(anchors))] if anchors else ratings
    rules = {"margin": margin, "alpha": alpha}
    found = compare_all(used, compared, baseline, all_pairs=all_pairs, scale=scale, **rules)
    screens = screen(ratings, checks, scale=scale)
    source = source or Source("(table in memory)", "", len(ratings))
    return Report(
        facts=facts,
        baseline=baseline,
        margin=margin,
        alpha=alpha,
        conditions=opinion_scores(ratings, conditions, alpha=alpha, scale=scale),
        comparisons=found.comparisons,
        verdicts=found.verdicts,
        wide_verdicts=found.wide_verdicts,
        reliability=reliability(ratings, alpha=alpha, scale=scale, repeats=repeats),
        screens=screens,
        sensitivity=tuple(
            without(found, one, scale=scale, **rules) for one in screens if one.count and one.enough_left
        ),
        watched=watch(ratings, found.matched, reach=scale.length, **rules),
        rater_model=rater_model(ratings, alpha=alpha, scale=scale) if bias else None,
        components=found.model.components if found.model else {},
        model_notes=tuple(note for note in found.model.notes if note) if found.model else (),
        remarks=(*warnings(facts), *source.remarks, *_remarks(ratings, conditions, facts)),
        means=(means := rater_means(ratings, conditions)).reindex(in_order(means.index)),
        differences=found.differences,
        prompt_means=_prompt_means(ratings, conditions, facts.prompts),
        source=source,
        created=facts.created,
        scale=scale,
        question=question,
        anchors=tuple(name for name in conditions if name in anchors),
        metrics=beside(metrics, ratings) if metrics else None,
    )


def check_anchors(anchors: Sequence[str], conditions: Sequence[str], baseline: str) -> None:
    """Refuse an anchor that is no condition, or that the others are compared with.

    Raises
    ------
    BaselineError
        With the remedy.
    """
    for anchor in anchors:
        if anchor not in conditions:
            raise BaselineError(
                f"anchor {shorten(anchor, 40)!r}: not among the conditions "
                f"({shorten(', '.join(conditions), 300)}); name one of them with --anchor"
            )
        if anchor == baseline:
            raise BaselineError(
                f"anchor {shorten(anchor, 40)!r}: the others are compared with it; name another condition with "
                "--baseline, or leave this --anchor out"
            )


def _scale(ratings: pd.DataFrame, scale: RatingScale | None) -> RatingScale:
    """Tell the scale, and refuse scores outside it."""
    scores = ratings["score"].to_numpy(dtype=float)
    told = inferred(scores) if scale is None else (scale, "")
    if told is None or scores.min() < told[0].low or scores.max() > told[0].high:
        reach = f"from {scores.min():g} to {scores.max():g}"
        raise ScoreError(f"ratings: the scores go {reach}; give their scale, such as scale=RatingScale(0, 10)")
    return told[0]


def _remarks(ratings: pd.DataFrame, conditions: Sequence[str], facts: StudyFacts) -> list[str]:
    """State what is peculiar about these data and what follows from it."""
    remarks = []
    counts = ratings["condition"].value_counts()
    empty = [name for name in conditions if name not in counts.index]
    if empty:
        remarks.append(f"Nobody rated {_some(empty)}, so the report says nothing about its quality.")
    if facts.conditions and (extra := [name for name in conditions if name not in facts.conditions]):
        remarks.append(f"Somebody rated {_some(extra)}, which the study does not list. It is analysed, too.")
    if ratings["participant"].nunique() == 1:
        remarks.append("There is only one rater. The ratings are described, but nothing is known about other raters.")
    if ratings["prompt"].nunique() == 1:
        remarks.append("There is only one prompt. The results hold for this prompt and say nothing about others.")
    if ratings["score"].nunique() == 1:
        remarks.append(
            f"Every rating is {ratings['score'].iloc[0]:g}, so nothing can be tested. Perhaps the raters did not "
            "understand the task or the scale."
        )
    rated = [name for name in conditions if name not in empty]
    cells = ratings.groupby(["participant", "prompt"])["condition"].nunique()
    partial = int((cells < len(rated)).sum())
    if partial == len(cells) and cells.max() == 1:
        remarks.append(
            "Ratings are missing: no rater rated two conditions for the same prompt, so nothing is shown for these "
            "prompts. What is shown for prompts like these compares different raters or prompts, and holds if they "
            "were dealt to the conditions by chance."
        )
    elif partial:
        remarks.append(
            f"Ratings are missing: in {partial} of {len(cells)} pairs of rater and prompt, at least one condition was "
            "not rated. The means of the conditions then come from different prompts and raters, so compare the "
            "conditions by their differences, not by their means."
        )
    table = ratings.groupby(["prompt", "condition"]).size().unstack(fill_value=0)
    holes = int((table == 0).to_numpy().sum())
    if holes:
        remarks.append(f"In {holes} of {table.size} pairs of prompt and condition, nobody gave a rating.")
    return remarks


def _some(names: Sequence[str]) -> str:
    """Name things as far as a sentence can hold them."""
    return shorten(", ".join(names), 200, placeholder=" ...")


def _prompt_means(ratings: pd.DataFrame, conditions: Sequence[str], known: Sequence[str]) -> pd.DataFrame:
    """Mean score of each prompt (row) under each condition (column)."""
    means = ratings.groupby(["prompt", "condition"])["score"].mean().unstack("condition")
    return means.reindex(index=in_order(means.index, known=known), columns=list(conditions))


def _listed(means: pd.DataFrame) -> dict[str, Any]:
    """Write a table of means for report.json: the conditions, and by name a list with one mean a condition."""
    rows = [[None if value != value else value for value in row] for row in means.to_numpy().tolist()]
    return {"conditions": list(means.columns), "means": dict(zip(map(str, means.index), rows, strict=True))}


@dataclass(frozen=True)
class Report:
    """The analysis of one file of ratings.

    Parameters
    ----------
    facts, source, created
        The study, the file, and when it was analysed (UTC).
    baseline, margin, alpha
        What the conditions were compared with and how.
    conditions, comparisons
        Results; the baseline is the first condition.
    verdicts, wide_verdicts
        What is shown for these prompts, and for prompts like these.
    reliability, screens, sensitivity
        Agreement among raters, whom the screening rules point at, and what is shown without them.
    watched
        What may be declared however often one has looked; empty where the order in which raters finished is not known.
    rater_model
        Bias and inconsistency of raters, where it was asked for.
    remarks
        What is peculiar about the data, in words.
    means, prompt_means
        Mean score by rater and by prompt, one column a condition.
    differences
        Mean difference from the baseline by rater, within prompt and seed, one column a condition but the baseline.
    components, model_notes
        Variance of each random effect of the mixed model, by name, and what must be known of the model.
    scale, question
        The scores that could be given, and the type of question.
    anchors
        The conditions that are described and not compared.
    metrics
        What metrics say beside the ratings, and how far they agree.
    """

    facts: StudyFacts
    baseline: str
    margin: float
    alpha: float
    conditions: tuple[OpinionScore, ...]
    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    wide_verdicts: tuple[Verdict, ...]
    reliability: Reliability
    screens: tuple[Screen, ...]
    sensitivity: tuple[Sensitivity, ...]
    watched: tuple[Watched, ...]
    rater_model: RaterModel | None
    remarks: tuple[str, ...]
    means: pd.DataFrame
    differences: pd.DataFrame
    prompt_means: pd.DataFrame
    source: Source
    created: str
    components: Mapping[str, float] = field(default_factory=dict)
    model_notes: tuple[str, ...] = ()
    scale: RatingScale = FIVE
    question: str = "acr"
    anchors: tuple[str, ...] = ()
    metrics: Beside | None = None

    def rows(self, test: str) -> tuple[Comparison, ...]:
        """Give the comparisons of one test."""
        return tuple(row for row in self.comparisons if row.test == test)

    def of(self, tests: Sequence[str]) -> tuple[Comparison, ...]:
        """Give the comparisons of several tests, in their order."""
        return tuple(row for test in tests for row in self.rows(test))

    def as_dict(self) -> dict[str, Any]:
        """Give all of it as plain data; the verdict of a condition opens the note of its `tost` row."""
        return {
            "question": self.question,
            "scale": {**asdict(self.scale), "parts": list(self.scale.parts)},
            "anchors": list(self.anchors),
            "conditions": [asdict(score) for score in self.conditions],
            "comparisons": [asdict(self._with_verdict(row)) for row in self.comparisons],
            "verdicts": [
                {"scope": scope, **asdict(verdict)}
                for scope, found in (("these prompts", self.verdicts), ("prompts like these", self.wide_verdicts))
                for verdict in found
            ],
            "reliability": asdict(self.reliability),
            "screening": {
                "remarks": at_most(self.screens),
                "excluded": 0,
                "rules": [one.as_dict() for one in self.screens],
                "without": [asdict(one) for one in self.sensitivity],
            },
            "sequential": [one.as_dict() for one in self.watched],
            "rater_model": asdict(self.rater_model) if self.rater_model else None,
            "components": dict(self.components),
            "model_notes": list(self.model_notes),
            "prompt_means": _listed(self.prompt_means),
            "rater_means": _listed(self.means),
            "metrics": self.metrics.as_dict() if self.metrics else None,
            "agreements": [one.as_dict() for one in self.metrics.agreements] if self.metrics else [],
        }

    def provenance(self) -> dict[str, Any]:
        """Give all that is needed to make the report again."""
        return provenance(
            self.facts,
            self.source,
            created=self.created,
            settings={"baseline": self.baseline, "margin": self.margin, "alpha": self.alpha},
            counts={
                "ratings": self.reliability.ratings,
                "participants": self.reliability.raters,
                "prompts": len(self.prompt_means),
            },
            remarks=self.remarks,
        )

    def _with_verdict(self, row: Comparison) -> Comparison:
        """Put the verdict before the note of a `tost` row."""
        words: Mapping[str, str] = {v.condition: f"{v.kind}: {v.words}" for v in self.verdicts}
        if row.test != "tost" or row.condition is None:
            return row
        return replace(row, note=f"{words[row.condition]} {row.note}".strip())
