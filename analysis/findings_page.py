"""Findings page: the answers to a question other than the five grades, as a page and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from markupsafe import Markup

from analysis.answer_figures import answer_figures
from analysis.answers import Answers
from analysis.figures import saved
from analysis.files import write_files
from analysis.findings import Findings
from analysis.page import fill
from analysis.report import StudyFacts

QUESTIONS = {
    "ab": "Paired preference (AB)",
    "ccr": "Comparison category rating (ITU-T P.800, annex E)",
    "abx": "ABX",
    "mushra": "MUSHRA (ITU-R BS.1534-3)",
    "text": "Free text",
}
NAMES = {
    "t": "Paired t on rater means",
    "wilcoxon": "Wilcoxon",
    "permutation": "Permutation",
    "two_way": "Two-way cluster",
    "binomial": "Binomial",
    "cluster": "Rater-cluster",
    "order": "Effect of the order",
    "tost": "TOST",
    "friedman": "Friedman",
    "bradley_terry": "Bradley-Terry",
    "dprime_io": "d', independent judgements",
    "dprime_diff": "d', differences",
    "between_t": "Paired t, between conditions",
    "between_wilcoxon": "Wilcoxon, between conditions",
}
TESTED_BY_T = ("t", "way", "cluster", "order", "tost")


def write_findings(
    findings: Findings, answers: Answers, out: Path, *, facts: StudyFacts, margin: float = 0.3, alpha: float = 0.05
) -> Path:
    """Write report.html, report.json and figures/ into a folder and return the page's path.

    Parameters
    ----------
    findings, answers
        What was found, in which answers.
    out
        The folder.
    facts
        What is known of the study beyond its answers.
    margin, alpha
        Those that the findings were made with.

    Raises
    ------
    ReportError
        If the folder cannot be written.
    """
    source = answers.source
    drawn = answer_figures(findings, answers.frame, margin=margin, alpha=alpha)
    files, inlined = saved({name: drawing.figure for name, drawing in drawn.items()})
    made = {"study": facts.name, "earmark": facts.earmark, "protocol": facts.protocol, **asdict(source)}
    content = {**asdict(findings), "provenance": made}
    lead = f"{QUESTIONS[findings.question]}." + (f" Question: “{facts.question}”" if facts.question else "")
    names = {row.test: _named(row.test) for row in findings.rows}
    statistics = {test: "t" for test in names if test.removesuffix("_all").rpartition("_")[2] in TESTED_BY_T}
    page = fill(
        "findings.html",
        name=facts.name,
        lead=lead,
        findings=findings,
        drawings=[(name, Markup(inlined[name]), drawing.caption) for name, drawing in drawn.items()],  # noqa: S704
        source=source,
        names=names,
        statistics=statistics,
        earmark=facts.earmark,
        protocol=facts.protocol,
    )
    data = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_files(out, files | {"report.json": data.encode(), "report.html": page.encode()}, "report")
    return out / "report.html"


def _named(test: str) -> str:
    """Name a test for a reader; one whose name ends in `_all` counts those who were screened out, too."""
    kind = test.partition("_")[2]
    everybody = kind.removesuffix("_all")
    return NAMES.get(everybody, everybody.replace("_", " ")) + (", everybody" if everybody != kind else "")
