"""The verb analyze: from a study or a file of ratings to a report, and the lines to print."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from analysis.settings import ALPHA, MARGIN
from app import __version__
from app.errors import UsageError
from app.folder import read_study
from app.output.terminal import word
from app.verbs.results import foreign
from app.verbs.results.facts import heard, study_facts, with_anchors
from app.verbs.results.given import Given, given_in

if TYPE_CHECKING:
    from analysis import Answers, Report, StudyFacts
    from analysis.infer.compare import Comparison
    from analysis.metrics.measured import Measured
    from analysis.questions.findings import Findings
    from analysis.report.scales_page import Scale
    from survey import Manifest

LINES, WIDTH = 20, 100  # of what is printed; the rest is in the report
WARNINGS = 7  # lines of warnings
METRICS = 3  # lines on metrics
NAME = 30  # columns of a condition's name


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument(
        "ratings",
        type=Path,
        nargs="?",
        metavar="FILE|STUDY",
        help="ratings (CSV, XLSX, ODS, Parquet, JSON; FILE.xlsx#SHEET names a sheet) or a study folder; default: this "
        "folder, else demo-study",
    )
    made.add_argument("--check", action="store_true", help="say how a file is understood, and stop")
    made.add_argument(
        "--baseline",
        metavar="NAME",
        help="condition that the others are compared with; default: the study's, else baseline or the reference",
    )
    made.add_argument(
        "--margin", type=float, metavar="POINTS", help=f"equivalence margin; default: the study's, else {MARGIN}"
    )
    made.add_argument("--all-pairs", action="store_true", help="compare every condition with every other, too")
    made.add_argument("--rater-model", action="store_true", help="fit each rater's bias and inconsistency, too")
    made.add_argument("--revision", type=int, metavar="N", help="revision of the study; default: the newest")
    made.add_argument(
        "--peek", action="store_true", help="look at a study that still runs: that is logged, and the report says so"
    )
    made.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder to write to; default: report, in the study if there is one",
    )
    foreign.options(made)


def run(arguments: argparse.Namespace) -> None:
    """Say what the ratings prove: report.html, report.json and figures."""
    print(*make_report(arguments), sep="\n")


def make_report(arguments: argparse.Namespace) -> list[str]:
    """Analyse, write the report, and give the lines to print."""
    from analysis import StudyFacts, load_scales
    from app.verbs.results.export import remove_private

    if arguments.ratings is not None and foreign.is_file(arguments.ratings):
        if arguments.revision is not None:
            raise UsageError("--revision: only a study has revisions; leave it out for a file")
        if arguments.peek:
            raise UsageError("--peek: only a study runs; leave it out for a file")
        source, out = arguments.ratings, arguments.output or Path("report")
        facts = StudyFacts(name=foreign.title(source), earmark=__version__, margin_from="default")
        loaded = load_scales(source, foreign.given(arguments))
        if arguments.check:
            return foreign.checked(loaded)
        facts = facts if arguments.margin is None else _given(facts)
        return _reported(loaded, facts, arguments.baseline, arguments.margin, ALPHA, out, arguments, None)
    foreign.refuse_for_study(arguments)
    if arguments.check:
        raise UsageError("--check: only for a file of ratings, as a study knows its own; give a file")
    folder, written = read_study(arguments.ratings)
    out = arguments.output or folder / "report"
    found = given_in(folder, written, out, arguments.revision, arguments.peek)
    return [*found.lines, *remove_private(out), *report_on(folder, found, out, arguments)]


def report_on(folder: Path, found: Given, out: Path, arguments: argparse.Namespace) -> list[str]:
    """Analyse what people gave to a study, write the report, and give the lines to print."""
    from analysis import load_scales
    from analysis.errors import NoRatingsError

    try:
        scales = load_scales(found.ratings)
    except NoRatingsError:  # whose words are for a file of one's own
        raise NoRatingsError(f"{folder}: no rating that counts yet; serve it, and take part in it") from None
    manifest, rules = _manifest(folder), found.config.analysis
    loaded = with_anchors(scales, manifest, arguments.baseline or rules.baseline)
    metrics, loaded = _metrics(folder, manifest, loaded)
    facts, margin = _known(manifest, found), rules.equivalence_margin
    if arguments.margin is not None:
        facts = facts if facts.margin_from == "study" and arguments.margin == margin else _given(facts)
        margin = arguments.margin
    return _reported(loaded, facts, arguments.baseline or rules.baseline, margin, rules.alpha, out, arguments, metrics)


def _manifest(folder: Path) -> Manifest | None:
    """Read what the clips of a study are; None where that is not known any more."""
    from survey import ManifestError, read_manifest

    try:
        return read_manifest(folder / "clips" / "manifest.json")
    except ManifestError:
        return None


def _metrics(
    folder: Path, manifest: Manifest | None, loaded: tuple[Answers, ...]
) -> tuple[Measured | None, tuple[Answers, ...]]:
    """Read what metrics say of a study's clips; where they are of other clips, answers get a remark instead."""
    from analysis.errors import MetricError
    from analysis.metrics.measured import read_measured

    path = folder / "metrics" / "measured.json"
    if not path.is_file():
        return None, loaded
    try:
        found = read_measured(path)
    except MetricError as error:
        return None, _remarked(loaded, f"Metrics are left out: {error}.")
    present = {clip.sha256 for clip in manifest.clips} if manifest else set()
    if found.sha256 and not (other := set(found.sha256) - present):
        return found, loaded
    which = f"{len(other)} of the {len(found.sha256)} clips" if found.sha256 else "the clips"
    again = f"Run earmark measure {word(folder)} again."
    said = f"Metrics are left out: {which} that they are of are not the study's. {again}"
    return None, _remarked(loaded, said)


def _remarked(loaded: tuple[Answers, ...], remark: str) -> tuple[Answers, ...]:
    """Add a remark to answers."""
    return tuple(replace(one, source=replace(one.source, remarks=(*one.source.remarks, remark))) for one in loaded)


def _known(manifest: Manifest | None, found: Given) -> StudyFacts:
    """Gather what is known of a study."""
    rated, headphones = heard(found.ratings)
    (rules, *others) = found.rules or [None]
    config = replace(found.config, session=rules) if rules else found.config
    facts = study_facts(config, manifest, rated=rated, headphones=headphones, languages=found.languages)
    facts = replace(facts, dated=found.dated, running=found.running, looked=found.looked)
    if others or rules is None:  # what is written now is not what all of them went through
        facts = replace(facts, session=None)
    return replace(facts, margin_from="written") if None in found.rules else facts  # nothing was frozen as these began


def _given(facts: StudyFacts) -> StudyFacts:
    """Know that the margin is another than that of the study or the default."""
    return replace(facts, margin_from="given")


def _reported(
    loaded: Sequence[Answers],
    facts: StudyFacts,
    baseline: str | None,
    margin: float | None,
    alpha: float,
    out: Path,
    arguments: argparse.Namespace,
    metrics: Measured | None,
) -> list[str]:
    """Report on the answers on each scale, and give the lines to print."""
    from analysis.report.content import Report
    from analysis.report.scales_page import analyze_scales, write_scales

    found = analyze_scales(
        loaded,
        facts=facts,
        baseline=baseline,
        margin=margin,
        alpha=alpha,
        all_pairs=arguments.all_pairs,
        bias=arguments.rater_model,
        metrics=metrics,
    )
    page = write_scales(found, out)
    last = [*(printed_metrics(found) if metrics else []), f"report: {page}"]
    room = LINES - len(last)
    if len(found) > 1:
        return [*printed_scales(found, room), *last]
    one = found[0].found
    notices = foreign.notices(loaded[0].source)
    lines = printed(one, room) if isinstance(one, Report) else printed_findings(one, found[0].remarks, notices, room)
    return [*lines, *last]


def printed_metrics(scales: Sequence[Scale]) -> list[str]:
    """Give the line on metrics beside ratings, one a scale that they stand beside."""
    from analysis.metrics.agreement import summary
    from analysis.report.content import Report

    lines = []
    for one in scales:
        if isinstance(one.found, Report) and one.found.metrics:
            of = f" of {one.answers.name}" if len(scales) > 1 else ""
            lines.append(f"metrics{of}: {summary(one.found.metrics.agreements)}; see the report")
    return lines[:METRICS] or ["metrics: they stand beside scores of single clips alone; see metrics/metrics.html"]


def printed_scales(scales: Sequence[Scale], room: int = LINES - 1) -> list[str]:
    """Give what is printed of several scales: warnings, and a line or two a scale."""
    remarks = list(dict.fromkeys(remark for one in scales for remark in one.remarks))
    warnings = [*foreign.notices(scales[0].answers.source), *printed_warnings(remarks)]
    lines = [f"{len(scales)} scales, each analysed for itself:"]
    for one in scales:
        lines += wrap(f"{one.answers.name}: {one.line}", WIDTH, subsequent_indent="  ")
    return [*warnings, *_fitted(lines, room - len(warnings), "line")]


def printed(report: Report, room: int = LINES - 1) -> list[str]:
    """Give what is printed of a report: how the file was read, warnings, and a line a condition while there is room."""
    warnings = [*foreign.notices(report.source), *printed_warnings(report.remarks)]
    head = ("condition", f"mean ({100 * (1 - report.alpha):g} % interval)", "these prompts", "prompts like these")
    return [*warnings, *_fitted(_columns([head, *_rows(report)]), room - len(warnings), "condition")]


def printed_findings(
    found: Findings, remarks: Sequence[str], notices: Sequence[str] = (), room: int = LINES - 1
) -> list[str]:
    """Give what is printed of other findings: warnings, and the sentences, or if they are too long the numbers.

    The `notices` on how the file was read come first.
    """
    from analysis.draw.labels import fitted
    from analysis.read.question import QUESTIONS
    from analysis.report.findings_page import glance
    from analysis.report.page import p_value
    from analysis.words import points

    warnings = [*notices, *printed_warnings(remarks)]
    room -= len(warnings)
    sentences = [line for text in found.sentences for line in wrap(text, WIDTH, subsequent_indent="  ")]
    rows = glance(found)
    if len(sentences) <= room or not rows:
        return [*warnings, *_fitted(sentences, room, "line")]
    kind = QUESTIONS[found.question]
    estimated: str = "difference" if kind.signed else kind.estimate
    table = [("condition", "against", estimated, "p, adjusted")]
    for row, reference in zip(rows, fitted([row.reference or "" for row in rows], NAME, 1), strict=True):
        p = row.p if row.p_adjusted is None else row.p_adjusted
        estimate = "" if row.estimate is None else points(row.estimate) if kind.signed else f"{row.estimate:.2f}"
        table.append((row.condition or "", reference, estimate, p_value(p)))
    return [*warnings, *_fitted(_columns(table), room, "line")]


def _fitted(lines: list[str], room: int, noun: str) -> list[str]:
    """Cut lines to the room there is, and say where the rest is."""
    more = len(lines) - room + 1
    if len(lines) <= room:
        return lines
    return [*lines[: room - 1], f"... and {more} more {noun}{'s' * (more > 1)}; the rest is in the report"]


def printed_warnings(remarks: Sequence[str]) -> list[str]:
    """Write what is peculiar about the data as a few lines to print."""
    lines: list[str] = []
    for number, remark in enumerate(remarks):
        folded = wrap(f"warning: {remark}", WIDTH, subsequent_indent="  ")
        last = number == len(remarks) - 1
        if len(lines) + len(folded) > WARNINGS - (not last):
            left = len(remarks) - number
            return [*lines, f"warning: {left} more of these; read the report first"]
        lines += folded
    return lines


def _rows(report: Report) -> list[tuple[str, str, str, str]]:
    """Give for each condition what is printed of it: its mean, and what is shown for both questions."""
    from analysis.describe.scale import UNBOUND

    these = {row.condition: row for row in report.rows("paired_t")}
    alike = {row.condition: row for row in report.of(("two_way", "lmm")) if row.estimate is not None}
    shown = {verdict.condition: verdict.kind for verdict in report.verdicts}
    wide = {verdict.condition: verdict.kind for verdict in report.wide_verdicts}
    rows = []
    for score in report.conditions:
        name = score.condition
        bounds = "the data set no limits" if UNBOUND in score.note else _interval(score.ci_low, score.ci_high)
        mean = "no ratings" if score.mean is None else f"{score.mean:.2f} ({bounds})"
        results = ["", ""]
        if name in shown:
            results = [_result(of.get(name), kind) for of, kind in ((these, shown[name]), (alike, wide.get(name, "")))]
        elif shown:
            results = ["an anchor" if name in report.anchors else "the baseline"] * 2
        rows.append((name, mean, results[0], results[1]))
    return rows


def _result(row: Comparison | None, kind: str) -> str:
    """Write a difference and what is shown of it."""
    from analysis.report.page import BADGES
    from analysis.words import points

    words = BADGES[kind][1] if kind in BADGES else kind
    return words if row is None or row.estimate is None else f"{points(row.estimate)}, {words}"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Set rows out in columns; long names are cut so that they differ."""
    from analysis.draw.labels import fitted

    cut = [[name, *row[1:]] for name, row in zip(fitted([row[0] for row in rows], NAME, 1), rows, strict=True)]
    widths = [max(map(len, column)) for column in zip(*cut, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cut]


def _interval(low: float | None, high: float | None) -> str:
    return "no interval" if low is None or high is None else f"{low:.2f} to {high:.2f}".replace("-", "−")
