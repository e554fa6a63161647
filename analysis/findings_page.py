"""Findings page: the answers to a question other than the five grades, as a page and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from analysis.files import write_files
from analysis.findings import Findings
from analysis.page import fill
from analysis.ratings import Source
from analysis.report import StudyFacts

QUESTIONS = {
    "ab": "Paired preference (AB)",
    "ccr": "Comparison category rating (ITU-T P.800, annex E)",
    "abx": "ABX",
    "mushra": "MUSHRA (ITU-R BS.1534-3)",
    "text": "Free text",
}


def write_findings(findings: Findings, source: Source, out: Path, *, facts: StudyFacts) -> Path:
    """Write report.html and report.json into a folder and return the page's path.

    Raises
    ------
    ReportError
        If the folder cannot be written.
    """
    made = {"study": facts.name, "earmark": facts.earmark, "protocol": facts.protocol, **asdict(source)}
    content = {**asdict(findings), "provenance": made}
    lead = f"{QUESTIONS[findings.question]}." + (f" Question: “{facts.question}”" if facts.question else "")
    names = {row.test: row.test.replace("_", " ") for row in findings.rows}
    page = fill(
        "findings.html",
        name=facts.name,
        lead=lead,
        findings=findings,
        source=source,
        names=names,
        earmark=facts.earmark,
        protocol=facts.protocol,
    )
    data = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_files(out, {"report.json": data.encode(), "report.html": page.encode()}, "report")
    return out / "report.html"
