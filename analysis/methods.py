"""Methods: what a paper needs of a report, as a paragraph and as a LaTeX table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.opinion import OpinionScore

if TYPE_CHECKING:
    from analysis.report import Report

_ESCAPES = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


def methods_paragraph(report: Report) -> str:
    """Write the methods paragraph of this study from its own facts, with those that ITU-T P.800.2 asks for."""
    facts, agreed = report.facts, report.reliability
    mixed = next((row.note.partition(";")[0] for row in report.rows("lmm") if row.estimate is not None), "")
    conditions = [score.condition for score in report.conditions]
    least = agreed.fewest_ratings_per_clip
    question = f" Participants answered the question “{facts.question}”" if facts.question else " Participants rated"
    left_out = sum(report.source.left_out.values())
    parts = [
        f"{_counted(agreed.raters, 'participant')} gave {_counted(agreed.ratings, 'rating')} of "
        f"{_counted(agreed.clips, 'clip')}: {_counted(len(report.prompt_means), 'prompt')} under "
        f"{_counted(len(conditions), 'condition')} ({', '.join(conditions)}), "
        f"at least {_counted(least, 'rating')} a clip.",
        f"{question.strip()} on an absolute category scale of five grades (5 the best), one clip at a time.",
        facts.protocol,
        f"{_counted(left_out, 'answer')} to practice trials and checks, or of sessions that did not count, "
        f"{'was' if left_out == 1 else 'were'} not analysed."
        if left_out
        else "",
        f"Mean ratings are given with {100 * (1 - report.alpha):g} % intervals that are clustered by rater.",
        f"Conditions were compared with {report.baseline} on rater means (paired t test and two one-sided tests, "
        f"equivalence margin ±{report.margin:g} points; Holm's adjustment), which speaks of the prompts that were "
        "rated."
        if report.verdicts
        else "",
        "A linear mixed model with crossed random effects of rater and prompt and their interactions with the "
        f"condition (REML, {mixed}) speaks of prompts like these."
        if mixed
        else "",
        _agreement(report),
        f"The analysis was made with Earmark {facts.earmark}." if facts.earmark else "",
    ]
    return " ".join(part for part in parts if part)


def latex_table(report: Report) -> str:
    """Write the means and differences as a LaTeX table (booktabs), with the facts that stand beside a mean."""
    differences = {row.condition: row for row in report.rows("paired_t")}
    equivalences = {row.condition: row for row in report.rows("tost")}
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{Mean opinion scores on a five-grade scale with {_level(1 - report.alpha)} intervals clustered "
        rf"by rater, and differences from {_escaped(report.baseline)} on rater means with "
        rf"{_level(1 - 2 * report.alpha)} intervals ({report.reliability.raters} raters, "
        rf"{len(report.prompt_means)} prompts, margin $\pm{report.margin:g}$).}}",
        r"  \begin{tabular}{lrlrlrr}",
        r"    \toprule",
        r"    Condition & $n$ & Mean & Diff. & Interval & $p$ (diff.) & $p$ (equiv.) \\",
        r"    \midrule",
    ]
    for score in report.conditions:
        wide, narrow = differences.get(score.condition), equivalences.get(score.condition)
        cells = [_escaped(score.condition), str(score.n), _mean(score)]
        if wide is None or narrow is None or wide.estimate is None:
            cells += ["", "", "", ""]
        else:
            interval = "" if narrow.ci_low is None else f"$[{narrow.ci_low:.2f}, {narrow.ci_high:.2f}]$"
            cells += [f"${wide.estimate:+.2f}$", interval, _p(wide.p_adjusted), _p(narrow.p)]
        lines.append(f"    {' & '.join(cells)} \\\\")
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""])


def _agreement(report: Report) -> str:
    """Say how far the raters agreed."""
    icc = report.reliability.icc
    if icc.single is None or icc.average is None:
        return ""
    alpha = report.reliability.krippendorff_alpha
    krippendorff = f", ordinal Krippendorff's alpha {alpha:.2f}" if alpha is not None else ""
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
    return rf"{100 * level:g}\,\%"


def _escaped(text: str) -> str:
    """Write a text so that LaTeX prints it as it is."""
    return "".join(_ESCAPES.get(mark, mark) for mark in text)


def _counted(count: int, noun: str) -> str:
    """Write a number of things."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
