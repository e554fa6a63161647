"""Findings page: the answers to a question other than the five grades, as a page and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from markupsafe import Markup

from analysis.describe.protocol import languages
from analysis.draw.answer_figures import answer_figures
from analysis.draw.figures import saved
from analysis.infer.compare import Comparison
from analysis.questions.findings import Findings
from analysis.read.answers import Answers
from analysis.read.facts import StudyFacts, warnings
from analysis.read.question import QUESTIONS
from analysis.report.files import write_files
from analysis.report.methods import findings_paragraph
from analysis.report.order import in_order
from analysis.report.page import COLUMNS, PER_TEST, ROWS, UNFOLDED, fill
from analysis.report.provenance import made, provenance
from analysis.settings import ALPHA, MARGIN

NAMES = {
    "t": "t test, one number per rater",
    "wilcoxon": "Wilcoxon test",
    "permutation": "Permutation test",
    "two_way": "Two-way cluster (raters and prompts)",
    "cmh": "Exact test, given each rater's answers",
    "binomial": "Binomial test of all answers",
    "cluster": "t test of the share, clustered by rater",
    "order": "Effect of the order",
    "tost": "Two one-sided tests (TOST)",
    "friedman": "Friedman test",
    "bradley_terry": "Bradley-Terry",
    "dprime_io": "d', independent judgements",
    "dprime_diff": "d', differences",
    "between_t": "t test, one number per rater, between conditions",
    "between_wilcoxon": "Wilcoxon, between conditions",
}
SECTIONS = {
    "findings": "Results",
    "counts": "Counts and descriptions",
    "tests": "All tests, with their numbers",
    "words": "Words in this report",
    "methods": "How it was made and computed",
    "provenance": "Where it comes from",
}
TESTED_BY_T = ("t", "way", "cluster", "order", "tost")


def write_findings(
    findings: Findings, answers: Answers, out: Path, *, facts: StudyFacts, margin: float = MARGIN, alpha: float = ALPHA
) -> Path:
    """Write report.html, report.json, methods.txt and figures/ into a folder and return the page's path.

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
    findings = arranged(findings, facts)
    source, used = answers.source, margin if any(row.test.endswith("_tost") for row in findings.rows) else None
    drawn = answer_figures(findings, answers.frame, margin=margin, alpha=alpha)
    files, inlined = saved({name: drawing.figure for name, drawing in drawn.items()})
    counts = {
        "ratings": len(answers.frame),
        "participants": int(answers.frame["participant"].nunique()),
        "prompts": int(answers.frame["prompt"].nunique()),
    }
    names = {row.test: _named(row.test) for row in findings.rows}
    remarks = (*source.remarks, *warnings(facts))
    origin = provenance(
        facts,
        source,
        created=facts.created,
        settings={"baseline": _baseline(findings), "margin": used, "alpha": alpha},
        counts=counts,
        remarks=remarks,
    )
    methods = findings_paragraph(findings, source, facts, counts=counts, names=names, alpha=alpha, margin=used)
    page = fill(
        "findings.html",
        name=facts.name,
        question=facts.question,
        spoken=languages(facts) if len(facts.languages) > 1 else "",
        kind=QUESTIONS[findings.question],
        findings=findings,
        drawings=[(name, Markup(inlined[name]), drawing.caption) for name, drawing in drawn.items()],  # noqa: S704
        counts=counts,
        glance=glance(findings),
        sections={key: text for key, text in SECTIONS.items() if findings.rows or key not in ("tests", "words")},
        remarks=remarks,
        names=names,
        statistics={test: "t" for test in names if test.removesuffix("_all").rpartition("_")[2] in TESTED_BY_T},
        groups=[(names[test], findings.of(test)) for test in names],
        methods=methods,
        provenance=origin,
        made=made(facts.clips) if facts.clips else None,
        alpha=alpha,
        limits={"rows": ROWS, "per_test": PER_TEST, "columns": COLUMNS, "unfolded": UNFOLDED},
    )
    content = {**asdict(findings), "methods": methods, "provenance": origin}
    data = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    files |= {"report.json": data.encode(), "methods.txt": f"{methods}\n".encode(), "report.html": page.encode()}
    write_files(out, files, "report")
    return out / "report.html"


def glance(findings: Findings) -> tuple[Comparison, ...]:
    """Give the rows that tell the most of it: those of the test that the sentences rest on."""
    kind = QUESTIONS[findings.question].primary
    if findings.question == "abx":  # its p is that of the test given each rater's answers, where there is one
        given = {(row.condition, row.reference): row for row in findings.of("abx_cmh") if row.p is not None}
        found = [(row, given.get((row.condition, row.reference), row)) for row in findings.of("abx_binomial")]
        return tuple(replace(row, p=other.p, p_adjusted=other.p_adjusted) for row, other in found)
    return findings.of(f"{findings.question}_{kind}") or findings.of(f"{findings.question}_{kind}_all")


def _baseline(findings: Findings) -> str | None:
    """Give the one condition that others are compared with and that is compared with none, if there is one."""
    rows = glance(findings)
    held = {row.reference for row in rows} - {row.condition for row in rows}
    return held.pop() if len(held) == 1 else None


def arranged(findings: Findings, facts: StudyFacts) -> Findings:
    """Put the rows of each test and of each table in the order of the conditions; see `analysis.report.order`."""
    names = {name for row in findings.rows for name in (row.condition, row.reference) if name}
    names |= {str(cells[0]) for table in findings.tables if table.columns[0] == "condition" for cells in table.rows}
    order = {
        name: place for place, name in enumerate(in_order(names, known=facts.conditions, first=_baseline(findings)))
    }
    tests = list(dict.fromkeys(row.test for row in findings.rows))

    def place(name: object) -> int:
        return order.get(name, -1) if isinstance(name, str) else -1

    rows = sorted(findings.rows, key=lambda row: (tests.index(row.test), place(row.reference), place(row.condition)))
    tables = tuple(
        replace(table, rows=tuple(sorted(table.rows, key=lambda cells: (place(cells[1]), place(cells[0])))))
        if table.columns[0] == "condition"
        else table
        for table in findings.tables
    )
    return replace(findings, rows=tuple(rows), tables=tables)


def _named(test: str) -> str:
    """Name a test for a reader; one whose name ends in `_all` counts those who were screened out, too."""
    kind = test.partition("_")[2]
    everybody = kind.removesuffix("_all")
    return NAMES.get(everybody, everybody.replace("_", " ")) + (", everybody" if everybody != kind else "")
