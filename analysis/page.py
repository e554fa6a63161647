"""Page: a report as one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.ratings import SCALE
from analysis.verdict import points

if TYPE_CHECKING:
    from analysis.report import Report

TESTS = {
    "paired_t": "Paired t",
    "wilcoxon": "Wilcoxon",
    "friedman": "Friedman",
    "tost": "TOST",
}
EFFECTS = {"paired_t": "dz", "wilcoxon": "r", "friedman": "W", "tost": "dz"}
STATISTICS = {"paired_t": "t", "wilcoxon": "V", "friedman": "Q", "tost": "t"}


def render(report: Report, drawings: Mapping[str, str]) -> str:
    """Fill the template; `drawings` are inline SVG by name, the only text that is not escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, points=signed, p=p_value, percent=percent)
    return environment.get_template("report.html").render(
        report=report,
        drawings={name: Markup(text) for name, text in drawings.items()},  # noqa: S704 - our own figures
        scale=SCALE,
        tests=TESTS,
        effects=EFFECTS,
        statistics=STATISTICS,
    )


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
