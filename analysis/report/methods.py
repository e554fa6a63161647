"""Methods: what a paper needs of a report, as a paragraph and as a LaTeX table. Only known facts are stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.describe.opinion import OpinionScore
from analysis.describe.protocol import margin_words, sentences
from analysis.infer.compare import Comparison
from analysis.questions.findings import Findings
from analysis.read.facts import StudyFacts, looks, stops
from analysis.read.sheet import Source
from analysis.report.content import Report
from analysis.words import counted, level_text, listed

MOST_NAMES = 20
_ESCAPES = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
}


def methods_paragraph(report: Report) -> str:
    """Write the methods paragraph of this study from its own facts, with those that ITU-T P.800.2 asks for."""
    facts, agreed = report.facts, report.reliability
    mixed = next((row.note.partition(";")[0] for row in report.rows("lmm") if row.estimate is not None), "")
    conditions = [score.condition for score in report.conditions]
    parts = [
        f"{counted(agreed.raters, 'participant')} gave {counted(agreed.ratings, 'rating')} of "
        f"{counted(agreed.clips, 'clip')}: {counted(len(report.prompt_means), 'prompt')} under "
        f"{counted(len(conditions), 'condition')} ({_names(conditions)}), "
        f"at least {counted(agreed.fewest_ratings_per_clip, 'rating')} per clip.",
        *sentences(facts, report.question, report.source.left_out, report.scale),
        f"Mean ratings are given with {level_text(1 - report.alpha)} intervals that are clustered by rater."
        if any(score.ci_low is not None for score in report.conditions)
        else "",
        f"Conditions were compared with {report.baseline} on each rater's differences within prompt, for the "
        "prompts that were rated: "
        f"paired t tests (two-sided; {_adjustment(report.rows('paired_t'))}) and two one-sided tests of equivalence "
        f"(TOST; {_adjustment(report.rows('tost'))}), with a margin of ±{report.margin:g} points"
        f"{margin_words(facts, report.scale)}."
        if any(row.p is not None for row in report.rows("paired_t"))
        else f"No test could compare the conditions with {report.baseline} for the prompts that were rated."
        if report.verdicts
        else "",
        f"A linear mixed model with {_random_effects(report)} (REML, {mixed}; {_adjustment(report.rows('lmm'))}) "
        "was fitted for prompts like these."
        if mixed
        else "",
        f"{listed(report.anchors)} {'were' if len(report.anchors) > 1 else 'was'} taken as "
        f"{'anchors' if len(report.anchors) > 1 else 'an anchor'}: described, and not compared."
        if report.anchors
        else "",
        _agreement(report),
        stops(facts),
        looks(facts),
        _program(facts),
    ]
    return " ".join(part for part in parts if part)


def findings_paragraph(
    findings: Findings,
    source: Source,
    facts: StudyFacts,
    *,
    counts: Mapping[str, int],
    names: Mapping[str, str],
    alpha: float,
    margin: float | None,
) -> str:
    """Write the methods paragraph of answers to another type of question than the five grades.

    Parameters
    ----------
    findings, source, facts
        What was found, in which file, and what is known of the study.
    counts
        How many `participants`, `prompts` and `ratings` (answers) there are.
    names
        The tests' names for readers, by test.
    alpha, margin
        Level of the tests; the margin of equivalence where one was used.
    """
    compared = dict.fromkeys(name for row in findings.rows for name in (row.reference, row.condition) if name)
    tests = dict.fromkeys(row.test for row in findings.rows if row.p is not None)
    used = [f"{names.get(test, test)} ({_adjustment(findings.of(test))})" for test in tests]
    parts = [
        f"{counted(counts['participants'], 'participant')} gave {counted(counts['ratings'], 'answer')} on "
        f"{counted(counts['prompts'], 'prompt')}" + (f" under {_names(list(compared))}." if compared else "."),
        *sentences(facts, findings.question, source.left_out),
        f"Tests at the level {alpha:g}: {'; '.join(used)}." if used else "Nothing was tested.",
        f"The margin of equivalence was ±{margin:g} points{margin_words(facts)}."
        if margin is not None and any(test.endswith("_tost") for test in tests)
        else "",
        stops(facts),
        looks(facts),
        _program(facts),
    ]
    return " ".join(part for part in parts if part)


def latex_table(report: Report) -> str:
    """Write the means and differences as a LaTeX table (booktabs), with the facts that stand beside a mean."""
    differences = {row.condition: row for row in report.rows("paired_t")}
    equivalences = {row.condition: row for row in report.rows("tost")}
    compared = (
        rf", and differences from {_escaped(report.baseline)} on each rater's differences within prompt with "
        rf"{_level(1 - 2 * report.alpha)} intervals. $p$ (difference): paired t test, "
        rf"{_adjustment(report.rows('paired_t'))}. $p$ (equivalence): two one-sided tests against a margin of "
        rf"$\pm{report.margin:g}$ points{margin_words(report.facts, report.scale)}; {_adjustment(report.rows('tost'))}"
        if report.verdicts
        else ""
    )
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{Mean ratings on a scale {report.scale.words} with {_level(1 - report.alpha)} intervals "
        rf"clustered by rater{compared}. {counted(report.reliability.raters, 'rater')}, "
        rf"{counted(len(report.prompt_means), 'prompt')}.}}",
        r"  \begin{tabular}{lrlrlrr}",
        r"    \toprule",
        r"    Condition & $n$ & Mean & Difference & Interval & $p$ (difference) & $p$ (equivalence) \\",
        r"    \midrule",
    ]
    for score in report.conditions:
        wide, narrow = differences.get(score.condition), equivalences.get(score.condition)
        cells = [_escaped(score.condition), str(score.n), _mean(score)]
        if wide is None or narrow is None or wide.estimate is None:
            cells += ["", "", "", ""]
        else:
            interval = "" if narrow.ci_low is None else f"$[{narrow.ci_low:.2f}, {narrow.ci_high:.2f}]$"
            cells += [f"${wide.estimate:+.2f}$", interval, _p(wide.p_adjusted), _p(narrow.p_adjusted)]
        lines.append(f"    {' & '.join(cells)} \\\\")
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""])


def _adjustment(rows: Sequence[Comparison]) -> str:
    """Say of the p values of a test whether they are adjusted, over how many comparisons, and how."""
    tested = sum(row.p is not None for row in rows)
    if any(row.p_adjusted is not None for row in rows) and tested > 1:
        return f"p adjusted by Holm's method over {tested} comparisons"
    return "p not adjusted: one comparison" if tested == 1 else "p not adjusted"


def _random_effects(report: Report) -> str:
    """Name the random effects of the mixed model that was fitted."""
    effects = [
        name.replace("participant", "rater").replace(":", " by ") for name in report.components if name != "residual"
    ]
    if not effects:
        return "crossed random effects of rater and prompt and their interactions with the condition"
    return f"random effects of {listed(effects)}"


def _names(names: Sequence[str]) -> str:
    """Name the conditions, as far as a sentence can hold them."""
    more = len(names) - MOST_NAMES
    return f"{', '.join(names[:MOST_NAMES])} and {more} more" if more > 1 else ", ".join(names)


def _program(facts: StudyFacts) -> str:
    """Name the program."""
    return f"The analysis was made with Earmark {facts.earmark}." if facts.earmark else ""


def _agreement(report: Report) -> str:
    """Say how far the raters agreed."""
    icc = report.reliability.icc
    if icc.single is None or icc.average is None:
        return ""
    alpha = report.reliability.krippendorff_alpha
    level = report.reliability.krippendorff_level
    krippendorff = f", {level} Krippendorff's alpha {alpha:.2f}" if alpha is not None else ""
    return f"Agreement of raters: ICC(A,1) {icc.single:.2f}, ICC(A,k) {icc.average:.2f}{krippendorff}."


def _mean(score: OpinionScore) -> str:
    """Write a mean with its interval."""
    if score.mean is None:
        return ""
    return f"{score.mean:.2f}" + ("" if score.ci_low is None else f" $[{score.ci_low:.2f}, {score.ci_high:.2f}]$")


def _p(value: float | None) -> str:
    """Write a p value."""
    return "" if value is None else "$<0.001$" if value < 0.001 else f"${value:.3f}$"


def _level(level: float) -> str:
    """Write a level in LaTeX."""
    return level_text(level).replace(" %", r"\,\%")


def _escaped(text: str) -> str:
    """Write a text so that LaTeX prints it as it is, on one line: an empty line would end the caption."""
    seen = " ".join("".join(mark if mark.isprintable() or mark.isspace() else "?" for mark in text).split())
    return "".join(_ESCAPES.get(mark, mark) for mark in seen)
