"""Dispatch: which analysis the answers to a question get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from analysis.describe.screening import CHECKS, failed_checks
from analysis.errors import BaselineError, RatingsError
from analysis.questions.abx import abx
from analysis.questions.findings import Findings
from analysis.questions.mushra import mushra
from analysis.questions.pairs import COMPARISON, comparison_rating, preference
from analysis.questions.text import comments
from analysis.read.answers import Answers
from analysis.read.question import QUESTIONS, SCORED
from analysis.settings import ALPHA, BASELINE, MARGIN, check_alpha, check_margin, find_baseline


def analyze_answers(
    answers: Answers, *, baseline: str | None = None, margin: float = MARGIN, alpha: float = ALPHA
) -> Findings:
    r"""Analyse answers of any type but scores of single clips.

    The last sentences name who failed a check, whom nothing leaves out.

    Parameters
    ----------
    answers
        What `load_answers` gave.
    baseline
        The condition that others are compared with, the hidden reference of `mushra`. By default the one named
        "baseline", and for pair types without one the most frequent reference.
    margin
        Margin of equivalence in points, for `ccr`; other types test no equivalence and do not use it.
    alpha
        Significance level; intervals are 1 - alpha.

    Raises
    ------
    AnalysisError
        For an unknown baseline or an impossible setting, and for scores of single clips, which `analysis.analyze`
        takes.

    Examples
    --------
    >>> from pathlib import Path
    >>> from analysis.read.answers import load_answers
    >>> text = "question,participant,prompt,condition,reference,score\nabx,a,p,x,y,1\nabx,b,p,x,y,1\nabx,c,p,x,y,0\n"
    >>> written = Path("answers.csv").write_text(text, encoding="utf-8")
    >>> (row,) = analyze_answers(load_answers(Path("answers.csv"))).of("abx_binomial")
    >>> round(row.estimate, 4), row.p  # two of three right: 4 of 8 outcomes are as good
    (0.6667, 0.5)
    """
    found = _analyzed(answers, baseline, margin, alpha)
    rules = (failed_checks(answers.frame, answers.checks, rule) for rule in CHECKS)
    failed = [f"{one.found} They are included in these results." for one in rules if one.count]
    return replace(found, sentences=(*found.sentences, *failed))


def _analyzed(answers: Answers, baseline: str | None, margin: float, alpha: float) -> Findings:
    """Analyse by the type of question."""
    if answers.question in SCORED:
        raise RatingsError(f"{answers.source.file}: holds scores of single clips, which analysis.analyze reports on")
    check_alpha(alpha)
    return ANALYSES[answers.question](answers, baseline, margin, alpha)


def _comparison(answers: Answers, asked: str | None, margin: float, alpha: float) -> Findings:
    scale = answers.scale or COMPARISON
    check_margin(margin, scale.high)
    return comparison_rating(answers.frame, _baseline(answers, asked), margin=margin, alpha=alpha, scale=scale)


def _mushra(answers: Answers, asked: str | None, _: float, alpha: float) -> Findings:
    reference = _baseline(answers, asked)
    if reference in answers.anchors:
        raise BaselineError(f"anchor {reference!r}: it is the hidden reference; name another one with --anchor")
    return mushra(answers.frame, reference, alpha=alpha, anchors=answers.anchors)


def _baseline(answers: Answers, asked: str | None) -> str:
    """Find the baseline, or list what there is."""
    frame = answers.frame
    held = [frame[column] for column in ("condition", "reference") if column in frame.columns]
    names = sorted({str(name) for column in held for name in column.unique()})
    if asked is None and BASELINE not in names and QUESTIONS[answers.question].paired:
        return str(frame["reference"].value_counts().index[0])
    return find_baseline(names, asked)


ANALYSES: dict[str, Callable[[Answers, str | None, float, float], Findings]] = {
    "ab": lambda answers, asked, _, alpha: preference(answers.frame, _baseline(answers, asked), alpha=alpha),
    "ccr": _comparison,
    "abx": lambda answers, asked, _, alpha: abx(answers.frame, baseline=_baseline(answers, asked), alpha=alpha),
    "mushra": _mushra,
    "text": lambda answers, *_: comments(answers.frame),
}
"""The analysis of each type: of its answers, the baseline that was asked for, the margin and alpha."""
