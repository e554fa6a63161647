"""Page: a report as one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from analysis.conclude.verdict import Verdict
from analysis.describe.opinion import OpinionScore
from analysis.describe.protocol import answers_words, languages, margin_words
from analysis.describe.screening import at_most
from analysis.infer.compare import Comparison
from analysis.read.question import QUESTIONS
from analysis.report.content import Report
from analysis.report.methods import methods_paragraph
from analysis.report.provenance import made
from analysis.scale.rating_scale import FIVE
from analysis.words import level_text, points

# The tables of tests: caption, what the last column counts, and each test with its name, statistic and effect size.
GROUPS = (
    (
        "For these prompts: tests on one number for each rater, the mean difference prompt by prompt",
        "Raters",
        {
            "paired_t": ("Paired t", "t", "dz"),
            "wilcoxon": ("Wilcoxon", "V", "r"),
            "permutation": ("Permutation", "", "dz"),
            "friedman": ("Friedman", "Q", "W"),
            "tost": ("TOST", "t", "dz"),
        },
    ),
    (
        "For prompts like these: tests on single ratings",
        "n",
        {
            "lmm": ("Mixed model", "t", "d"),
            "lmm_tost": ("Mixed model, TOST", "t", "d"),
            "lmm_anova": ("Mixed model, F", "F", ""),
            "two_way": ("Two-way cluster", "t", ""),
            "two_way_tost": ("Two-way cluster, TOST", "t", ""),
        },
    ),
    (
        "As a check: ordered grades, and the model without interactions",
        "Ratings",
        {
            "clmm": ("Cumulative link model", "z", "odds ratio"),
            "lmm_additive": ("Mixed model, no interactions", "t", "d"),
        },
    ),
    (
        "All pairs of conditions",
        "n",
        {"paired_t_pairs": ("Paired t", "t", "dz"), "lmm_pairs": ("Mixed model", "t", "d")},
    ),
)
TESTS = {test: words for *_, tests in GROUPS for test, words in tests.items()}
# Heads of the sections, by their places on the page; one that has nothing to say is left out.
SECTIONS = {
    "findings": "Results",
    "means": "Mean ratings",
    "differences": "Differences from the baseline",
    "metrics": "What metrics say",
    "scores": "Scores that were given",
    "prompts": "Results by prompt",
    "raters": "The raters",
    "model": "What the scores vary with",
    "watched": "If somebody looked at the results while the study ran",
    "words": "Words in this report",
    "methods": "How it was computed",
    "provenance": "Where it comes from",
}
# Sign and words of each verdict, and what it says.
BADGES = {
    "equivalent": ("≈", "equivalent", "the difference is shown to be smaller than the margin"),
    "superior": ("▲", "rated higher", "shown to be rated higher than the baseline"),
    "non-inferior": ("≥", "not worse by the margin", "a loss as large as the margin is ruled out"),
    "inferior": ("▼", "rated lower", "shown to be rated lower than the baseline"),
    "not enough data": (
        "?",
        "not enough data",
        "neither a difference nor equivalence is shown. A difference remains possible",
    ),
}
# Names of the mixed model's random effects for a reader.
EFFECTS_OF = {
    "participant": "Raters: some give higher scores than others",
    "prompt": "Prompts: some get higher scores than others",
    "participant:condition": "Raters and conditions: raters differ in what they think of a condition",
    "prompt:condition": "Prompts and conditions: a condition is better for some prompts than for others",
    "participant:prompt": "Raters and prompts: raters differ in what they think of a prompt",
    "residual": "The rest: what varies from rating to rating",
}
# Most rows of a table, rows of one test, columns of conditions, and conditions in words before they are folded away.
ROWS, PER_TEST, COLUMNS, UNFOLDED = 200, 30, 20, 12


def render(report: Report, drawings: Mapping[str, str], beside: object = None) -> str:
    """Render the page.

    Parameters
    ----------
    report
        The analysis.
    drawings
        The inline figures by name.
    beside
        The section on metrics, as `analysis.report.metrics_page.section` gives it; None for none.
    """
    wanted = {
        "metrics": beside is not None,
        "differences": bool(report.verdicts),
        "model": bool(report.components),
        "watched": bool(report.verdicts),
    }
    return fill(
        "report.html",
        report=report,
        beside=beside,
        drawings=inlines(drawings),
        scale=report.scale,
        pointed=at_most(report.screens),
        sections={key: text for key, text in SECTIONS.items() if wanted.get(key, True)},
        glance=_glance(report),
        badges=BADGES,
        groups=[group for group in (_group(report, *of) for of in GROUPS) if group.rows],
        effects_of=EFFECTS_OF,
        methods=methods_paragraph(report),
        margin_words=margin_words(report.facts, report.scale),
        spoken=languages(report.facts) if len(report.facts.languages) > 1 else "",
        task=_task(report),
        provenance=report.provenance(),
        made=made(report.facts.clips) if report.facts.clips else None,
        tests={test: name for test, (name, _, _) in TESTS.items()},
        statistics={test: statistic for test, (_, statistic, _) in TESTS.items() if statistic},
        effects={test: effect for test, (*_, effect) in TESTS.items()},
        alpha=report.alpha,
        limits={"rows": ROWS, "per_test": PER_TEST, "columns": COLUMNS, "unfolded": UNFOLDED},
    )


def _task(report: Report) -> str:
    """Say what the means are of."""
    if report.facts.asked == report.question:
        return QUESTIONS[report.question].task
    if report.question == "acr" and report.scale == FIVE:
        return "scores from 1 to 5"
    return answers_words(report.question, report.scale)


def _glance(report: Report) -> list[Glance]:
    """Gather one line a condition: its mean, and what is shown for these prompts and for prompts like these."""
    these = _shown(report, report.verdicts, ("paired_t",), ("tost",))
    alike = _shown(report, report.wide_verdicts, ("two_way", "lmm"), ("two_way_tost", "lmm_tost"))
    return [
        Glance(score, (these[score.condition], alike[score.condition]) if score.condition in these else ())
        for score in report.conditions
    ]


def _shown(
    report: Report, verdicts: Sequence[Verdict], differences: Sequence[str], equivalences: Sequence[str]
) -> dict[str, Shown]:
    """Put beside each verdict the row with its interval: of several tests the last one that has a p value."""
    wide, narrow = (
        {row.condition: row for row in sorted(report.of(tests), key=lambda row: row.p is not None)}
        for tests in (differences, equivalences)
    )
    found = {}
    for verdict in verdicts:
        inner = verdict.kind in ("equivalent", "non-inferior") and verdict.condition in narrow
        row = (narrow if inner else wide).get(verdict.condition)
        found[verdict.condition] = Shown(verdict, row, 1 - (2 if inner else 1) * report.alpha)
    return found


def _group(report: Report, caption: str, unit: str, tests: Iterable[str]) -> Group:
    """Gather the rows of some tests, of each test the first conditions alone."""
    rows = [report.rows(test) for test in tests]
    return Group(caption, unit, [row for of in rows for row in of[:PER_TEST]], max(map(len, rows)))


def inlines(drawings: Mapping[str, str]) -> dict[str, Markup]:
    """Mark inline figures as what a page takes as it is."""
    return {name: Markup(svg) for name, svg in drawings.items()}  # noqa: S704  (ours, not user input)


def fill(template: str, **values: Any) -> str:
    """Fill one of the templates beside this file; text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, points=signed, p=p_value, percent=level_text, breakable=breakable)
    return environment.get_template(template).render(**values)


def breakable(name: str) -> Markup:
    """Let a long name be broken between its parts: before a bracket, and after bars, an underscore or a slash."""
    text = escape(name).replace("(", Markup("<wbr>("))
    for joint in ("||", "_", "/"):
        text = text.replace(joint, escape(joint) + Markup("<wbr>"))
    return text


def number(value: float | None, digits: int = 2) -> str:
    """Write a number with a true minus sign, or a dash where there is none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None) -> str:
    """Write a difference with its sign, or a dash."""
    return "–" if value is None else points(value)


def p_value(value: float | None) -> str:
    """Write a p value to three places."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


@dataclass(frozen=True)
class Group:
    """Tests that answer one question.

    Parameters
    ----------
    caption, unit
        The table's caption, and what its last column counts.
    rows
        The rows that are shown.
    longest
        How many rows the longest of the tests has.
    """

    caption: str
    unit: str
    rows: Sequence[Comparison]
    longest: int


@dataclass(frozen=True)
class Shown:
    """A verdict, the row whose interval it rests on, and the interval's level."""

    verdict: Verdict
    row: Comparison | None
    level: float


@dataclass(frozen=True)
class Glance:
    """What is shown of one condition, in one line.

    Parameters
    ----------
    score
        Its mean rating.
    shown
        What is shown for these prompts and for prompts like these; nothing for the baseline.
    """

    score: OpinionScore
    shown: tuple[Shown, ...]
