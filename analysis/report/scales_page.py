"""Scales page: the answers on several scales of one file, each analysed apart, and a page that leads to all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from analysis.infer.compare import Comparison, holm
from analysis.metrics.measured import Measured
from analysis.questions.dispatch import analyze_answers
from analysis.questions.findings import Findings, shown
from analysis.read.answers import Answers
from analysis.read.facts import StudyFacts, warnings
from analysis.read.question import QUESTIONS, SCORED
from analysis.report.content import Report, analyze
from analysis.report.files import write_files
from analysis.report.findings_page import arranged, glance, write_findings
from analysis.report.page import BADGES, ROWS, fill
from analysis.report.writing import write_report
from analysis.settings import ALPHA, MARGIN
from analysis.words import counted, level_text, listed, points

LONGEST = 60  # of a folder's name


def analyze_scale(
    answers: Answers,
    *,
    facts: StudyFacts,
    baseline: str | None = None,
    margin: float | None = None,
    alpha: float = ALPHA,
    all_pairs: bool = False,
    bias: bool = False,
    metrics: Measured | None = None,
) -> Scale:
    """Analyse the answers on one scale, whatever its type of question.

    Parameters
    ----------
    answers
        What `load_answers` gave, or one of what `load_scales` gave.
    facts
        What is known of the study; what is known of the scale is taken from it by the scale's name.
    baseline, margin, alpha, all_pairs, bias
        As `analysis.report.content.analyze` takes them, and of other types of question what
        `analysis.questions.dispatch.analyze_answers` takes.
    metrics
        What metrics say of the clips; they stand beside scores of single clips alone.

    Raises
    ------
    AnalysisError
        For an unknown baseline or an impossible setting.
    """
    facts = facts.of(answers.name, answers.question)
    if answers.question not in SCORED:
        margin = MARGIN if margin is None else margin
        found = arranged(analyze_answers(answers, baseline=baseline, margin=margin, alpha=alpha), facts)
        return Scale(answers, facts, found, margin, alpha)
    report = analyze(
        answers.frame,
        baseline=baseline,
        margin=margin,
        alpha=alpha,
        facts=facts,
        source=answers.source,
        checks=answers.checks,
        all_pairs=all_pairs,
        bias=bias,
        scale=answers.scale,
        question=answers.question,
        anchors=answers.anchors,
        repeats=answers.repeats,
        metrics=metrics,
    )
    return Scale(answers, facts, report, report.margin, alpha)


def analyze_scales(
    scales: Sequence[Answers],
    *,
    facts: StudyFacts,
    baseline: str | None = None,
    margin: float | None = None,
    alpha: float = ALPHA,
    all_pairs: bool = False,
    bias: bool = False,
    metrics: Measured | None = None,
) -> tuple[Scale, ...]:
    """Analyse the answers on each scale apart.

    A margin is in points of the first scale that has points; on the others it is the same share of the range.

    Raises
    ------
    AnalysisError
        For an unknown baseline or an impossible setting.
    """
    lengths = [one.scale.length if one.scale else None for one in scales]
    first = next((length for length in lengths if length), None)
    return tuple(
        analyze_scale(
            one,
            facts=facts,
            baseline=baseline,
            margin=margin * length / first if margin is not None and length and first else margin,
            alpha=alpha,
            all_pairs=all_pairs,
            bias=bias,
            metrics=metrics,
        )
        for one, length in zip(scales, lengths, strict=True)
    )


def write_scales(scales: Sequence[Scale], out: Path) -> Path:
    """Write the report of each scale into a folder of its own, and a page that leads to them; return the page's path.

    One scale alone is written into the folder itself.

    Raises
    ------
    ReportError
        If the folder cannot be written.
    """
    if len(scales) == 1:
        return scales[0].write(out)
    names = folders([one.answers.name for one in scales])
    pages = [one.write(out / name) for one, name in zip(scales, names, strict=True)]
    over = over_scales(scales)
    note = error_rates(len(scales), sum(map(len, over)), scales[0].alpha)
    lines = [Line(one, f"{quote(name)}/report.html", rows) for one, name, rows in zip(scales, names, over, strict=True)]
    first = scales[0]
    page = fill(
        "scales.html",
        name=first.study,
        counts={"scales": len(scales), "ratings": sum(len(one.answers.frame) for one in scales)},
        lines=lines,
        note=note,
        remarks=list(dict.fromkeys(said for one in scales for said in one.remarks)),
        limit=ROWS,
    )
    content = {
        "scales": {
            one.answers.name: {"folder": name, **json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))}
            for one, name, page in zip(scales, names, pages, strict=True)
        },
        "over_scales": [
            {"scale": one.answers.name, "condition": row.condition, "reference": row.reference, "test": row.test,
             "p": row.p, "p_over_scales": row.p_adjusted}
            for one, rows in zip(scales, over, strict=True)
            for row in rows
        ],
        "note": note,
    }  # fmt: skip
    data = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_files(out, {"report.json": data.encode(), "report.html": page.encode()}, "report")
    return out / "report.html"


def over_scales(scales: Sequence[Scale]) -> tuple[tuple[Comparison, ...], ...]:
    """Give the rows of each scale's first test of difference, with Holm's adjustment over those of all scales."""
    rows = [row for one in scales for row in one.rows]
    adjusted = iter(holm([replace(row, p_adjusted=None) for row in rows]))
    return tuple(tuple(next(adjusted) for _ in one.rows) for one in scales)


def error_rates(scales: int, comparisons: int, alpha: float) -> str:
    """Say for what the chance of a wrong claim holds where there are several scales.

    Examples
    --------
    >>> error_rates(3, 6, 0.05).startswith("Each of the 3 scales was analysed for itself")
    True
    """
    return (
        f"Each of the {scales} scales was analysed for itself, and the chance of a wrong claim is at most "
        f"{level_text(alpha)} on each scale alone: that of one on any of them may be up to "
        f"{level_text(min(1.0, round(scales * alpha, 9)))}. The last column adjusts the tests of difference by Holm's "
        f"method over {counted(comparisons, 'comparison')} on all scales; what is below {alpha:g} there is shown "
        "whatever the number of scales."
    )


def folders(names: Sequence[str]) -> list[str]:
    """Name a folder for each scale, so that any system can hold it and no two are alike.

    Examples
    --------
    >>> folders(["quality", "Quality", "a/b: c", ".."])
    ['quality', 'Quality-2', 'a-b-c', 'scale']
    """
    made: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:LONGEST] or "scale"
        number, taken = 1, {one.casefold() for one in made}
        folder = plain
        while folder.casefold() in taken:
            number += 1
            folder = f"{plain}-{number}"
        made.append(folder)
    return made


@dataclass(frozen=True)
class Scale:
    """The analysis of the answers on one scale.

    Parameters
    ----------
    answers, facts
        The answers, and what is known of them.
    found
        The report of scores of single clips, or the findings of another type of question.
    margin, alpha
        Those that it was made with.
    """

    answers: Answers
    facts: StudyFacts
    found: Report | Findings
    margin: float
    alpha: float

    @property
    def study(self) -> str:
        """The study's name, without the scale's."""
        return self.facts.name.removesuffix(f": {self.answers.name}")

    @property
    def title(self) -> str:
        """The type of the question."""
        return QUESTIONS[self.answers.question].title

    @property
    def rows(self) -> tuple[Comparison, ...]:
        """The rows of the first test of difference."""
        return self.found.rows("paired_t") if isinstance(self.found, Report) else glance(self.found)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What must be read first."""
        if isinstance(self.found, Report):
            return self.found.remarks
        return (*self.answers.source.remarks, *warnings(self.facts))

    @property
    def line(self) -> str:
        """What it shows, in a line."""
        if not self.rows:
            return "Nothing is compared."
        return f"{listed(f'{row.condition} {self.says(row)}' for row in self.rows[:LONGEST])}."

    def says(self, row: Comparison) -> str:
        """Say what is shown of a row, in a few words."""
        kind = QUESTIONS[self.answers.question]
        if isinstance(self.found, Report):
            kinds = {verdict.condition: verdict.kind for verdict in self.found.verdicts}
            words = BADGES[kinds[str(row.condition)]][1]
        else:
            against = f"against {row.reference}"
            words = f"{against}: {'shown to differ' if shown(row, self.alpha) else 'no difference is shown'}"
        if row.estimate is None:
            return words
        return f"{words} ({points(row.estimate) if kind.signed else f'{row.estimate:.2f}'})"

    def write(self, out: Path) -> Path:
        """Write its report and return the page's path."""
        if isinstance(self.found, Report):
            return write_report(self.found, out).html
        return write_findings(self.found, self.answers, out, facts=self.facts, margin=self.margin, alpha=self.alpha)


@dataclass(frozen=True)
class Line:
    """A scale on the page that leads to all: its analysis, its page, and its rows adjusted over all scales."""

    scale: Scale
    page: str
    over: tuple[Comparison, ...]
