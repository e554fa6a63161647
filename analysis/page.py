"""Page: a report as one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.compare import Comparison
from analysis.methods import methods_paragraph
from analysis.ratings import SCALE
from analysis.verdict import points

if TYPE_CHECKING:
    from analysis.report import Report

TESTS = {
    "paired_t": "Paired t",
    "wilcoxon": "Wilcoxon",
    "permutation": "Permutation",
    "friedman": "Friedman",
    "tost": "TOST",
    "lmm": "Mixed model",
    "lmm_tost": "Mixed model, TOST",
    "lmm_anova": "Mixed model, F",
    "two_way": "Two-way cluster",
    "two_way_tost": "Two-way cluster, TOST",
    "lmm_additive": "Mixed model, no interactions",
    "clmm": "Cumulative link model",
    "paired_t_pairs": "Paired t",
    "lmm_pairs": "Mixed model",
}
EFFECTS = {
    **dict.fromkeys(("paired_t", "tost", "permutation", "paired_t_pairs"), "dz"),
    **dict.fromkeys(("lmm", "lmm_tost", "lmm_additive", "lmm_pairs"), "d"),
    "wilcoxon": "r",
    "friedman": "W",
    "clmm": "odds ratio",
}
STATISTICS = {
    **dict.fromkeys(
        (
            "paired_t",
            "tost",
            "lmm",
            "lmm_tost",
            "lmm_additive",
            "two_way",
            "two_way_tost",
            "paired_t_pairs",
            "lmm_pairs",
        ),
        "t",
    ),
    "wilcoxon": "V",
    "friedman": "Q",
    "lmm_anova": "F",
    "clmm": "z",
}
GROUPS = (
    ("For these prompts: tests on rater means", "Raters", ("paired_t", "wilcoxon", "permutation", "friedman", "tost")),
    ("For prompts like these", "n", ("lmm", "lmm_tost", "lmm_anova", "two_way", "two_way_tost")),
    ("Beside them: ordered grades, and the model without interactions", "Ratings", ("clmm", "lmm_additive")),
    ("All pairs", "n", ("paired_t_pairs", "lmm_pairs")),
)


def render(report: Report, drawings: Mapping[str, str]) -> str:
    """Fill the report's template; `drawings` are inline SVG by name, the only text that is not escaped."""
    groups = [Group(caption, unit, report.of(tests)) for caption, unit, tests in GROUPS]
    return fill(
        "report.html",
        report=report,
        drawings={name: Markup(text) for name, text in drawings.items()},  # noqa: S704 - our own figures
        scale=SCALE,
        groups=[group for group in groups if group.rows],
        methods=methods_paragraph(report),
        tests=TESTS,
        effects=EFFECTS,
        statistics=STATISTICS,
    )


def fill(template: str, **values: Any) -> str:
    """Fill one of the templates beside this file; text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, points=signed, p=p_value, percent=percent)
    return environment.get_template(template).render(**values)


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


def percent(value: float) -> str:
    """Write a level such as 0.95 as 95 %."""
    return f"{100 * value:g} %"


@dataclass(frozen=True)
class Group:
    """Tests that answer one question: a table's caption, what its last column counts, and its rows."""

    caption: str
    unit: str
    rows: Sequence[Comparison]
