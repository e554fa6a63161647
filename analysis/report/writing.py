"""Writing: a report as files, a page, its data, its figures, and what a paper needs of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from analysis.draw.figures import saved
from analysis.metrics.board import board, people_of
from analysis.report.content import Report
from analysis.report.figures import report_figures
from analysis.report.files import write_files
from analysis.report.methods import latex_table, methods_paragraph
from analysis.report.metrics_page import metric_figures, section
from analysis.report.page import render


def write_report(report: Report, out: Path) -> ReportPaths:
    """Write report.html, report.json, table.tex, methods.txt and figures/ into a folder, each whole or not at all.

    Raises
    ------
    ReportError
        If the folder cannot be written.
    """
    drawn, beside = report_figures(report), None
    if report.metrics is not None:
        drawn |= metric_figures(report.metrics.measured, [report.metrics])
        differences = report.rows("two_way") if report.baseline == report.metrics.measured.baseline else ()
        said = people_of(report.conditions, differences, report.scale, report.metrics)
        beside = section(board(report.metrics.measured, [said]), "report.json")
    files, inlined = saved(drawn)
    methods = methods_paragraph(report)
    content = {**report.as_dict(), "methods": methods, "provenance": report.provenance()}
    files["report.json"] = (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    files["table.tex"] = latex_table(report).encode()
    files["methods.txt"] = f"{methods}\n".encode()
    files["report.html"] = render(report, inlined, beside).encode()
    write_files(out, files, "report")
    return ReportPaths(out / "report.html", out / "report.json", tuple(out / place for place in files if "/" in place))


@dataclass(frozen=True)
class ReportPaths:
    """Where the report was written."""

    html: Path
    json: Path
    figures: tuple[Path, ...]
