"""Scores: the cells of a file as numbers on a scale, or a refusal that names the line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import ceil
from textwrap import shorten

from analysis.errors import RatingsError, ScoreError
from analysis.scale.rating_scale import FIVE, RatingScale, inferred, of_ends

REMEDY = "correct it or delete the line"
ENDS = ((0, 5), (1, 7))  # of scales that people use, beside 0-1, 0-10 and 0-100
PERCENT = RatingScale(0, 100, None)
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d{0,5})(?:\.\d*)?|\.\d+)", re.ASCII)
Ends = tuple[float, float]


def numbers(raw: Collection[str]) -> dict[str, float]:
    """Read the cells that are numbers, written as people and spreadsheets write scores.

    Examples
    --------
    >>> numbers(["4", "3.50", "1e0"])["3.50"]
    3.5
    """
    return {text: float(text) for text in set(raw) if _NUMBER.fullmatch(text)}


def scores(
    raw: Sequence[str],
    right: Mapping[str, float],
    wrong: str,
    lines: Sequence[int],
    name: str,
    remedy: str = REMEDY,
) -> list[float]:
    """Give the scores, or name the first line whose score is none.

    Parameters
    ----------
    raw, lines
        The cells, and the line of each.
    right
        What may stand in a cell, and the score that it is.
    wrong
        What is said of another cell, to be read after it.
    name
        The file's name.
    remedy
        What can be done about it.

    Raises
    ------
    ScoreError
        With the line.

    Examples
    --------
    >>> scores(["2", "4"], {"2": 2.0, "4": 4.0}, "is none", [2, 3], "r.csv")
    [2.0, 4.0]
    """
    bad = [row for row, text in enumerate(raw) if text not in right]
    if bad:
        text = shorten(raw[bad[0]], 30)
        what = f"score {text!r} {wrong}"
        if not text:  # analysis/table/numbers.py has emptied what says that there is none
            what = "score is missing"
            remedy = "fill it in, or leave out all such lines with --skip-missing"
        elif len(bad) > 1 and text[:1].isalpha() and "" not in right:
            remedy = "write the number of each word in its place"
        more = f" (and {len(bad) - 1} more such lines)" if len(bad) > 1 else ""
        raise ScoreError(f"{name}: line {lines[bad[0]]}: {what}{more}; {remedy}")
    return [right[text] for text in raw]


def scores_of_clips(
    raw: Sequence[str], ends: Ends | None, asked: Ends | None, lines: Sequence[int], name: str
) -> tuple[RatingScale, list[float], str]:
    """Read scores of single clips, and tell their scale; the last is what must be said of it.

    Parameters
    ----------
    raw, lines
        The cells, and the line of each.
    ends
        The ends of the scale as the file gives them.
    asked
        Those that somebody gives, which count where the file has none.
    name
        The file's name.

    Raises
    ------
    ScoreError
        For a score outside the scale, and where the scale cannot be told.

    Examples
    --------
    >>> scores_of_clips(["2", "4"], None, None, [2, 3], "r.csv")
    (RatingScale(low=1, high=5, step=1.0), [2, 4], '')
    """
    known = numbers(raw)
    values = [known[text] for text in raw if text in known]
    if given := ends or asked:
        low, high = given
        whose = "the columns low and high give" if ends else "--scale gives"
        right = {text: value for text, value in known.items() if low <= value <= high}
        found = scores(raw, right, f"is not a number from {low:g} to {high:g}, the scale that {whose}", lines, name)
        scale = of_ends(low, high, found)
        return scale, scale.numbers(found), ""
    told = inferred(values) if values else (FIVE, "")
    if told is None:
        right = {text: value for text, value in known.items() if FIVE.low <= value <= FIVE.high and value % 1 == 0}
        low, high = min(values), max(values)
        reach = f"{_example(low, high)} (the scores go from {low:g} to {high:g})"
        remedy = f"correct it, or say which scale it is with --scale LOW-HIGH, such as {reach}"
        return FIVE, scores(raw, right, _wrong(FIVE), lines, name, remedy), ""
    scale, said = told
    found = scores(raw, known, _wrong(scale), lines, name)
    return scale, scale.numbers(found), said


def scores_on(
    scale: RatingScale, question: str, raw: Sequence[str], asked: Ends | None, lines: Sequence[int], name: str
) -> tuple[RatingScale, list[float], str]:
    """Read the scores of a type of question that has a scale of its own; the last is what must be said of it.

    Sliders of MUSHRA that somebody gives other ends, or that are plainly from 0 to 1, are carried over to 0 to 100;
    comparison ratings may have other ends, as far from zero on one side as on the other.

    Examples
    --------
    >>> scores_on(PERCENT, "mushra", ["0.5", "1"], None, [2, 3], "r.csv")[1]
    [50, 100]
    """
    known, said = numbers(raw), ""
    if question == "ccr" and asked and asked[0] == -asked[1]:
        scale = replace(scale, low=asked[0], high=asked[1])
    elif question == "mushra":
        low, high = asked or (0.0, 100.0)
        if asked is None and known and min(known.values()) >= 0 and max(known.values()) <= 1 and _fractions(known):
            low, high = 0.0, 1.0
        if (low, high) != (0.0, 100.0):
            known = {text: round(100 * (value - low) / (high - low), 9) for text, value in known.items()}
            said = f"The scores are from {low:g} to {high:g}, and were carried over to 0 to 100, the scale of MUSHRA."
    right = {text: value for text, value in known.items() if scale.low <= value <= scale.high}
    if scale.step:
        right = {text: value for text, value in right.items() if (value / scale.step).is_integer()}
    found = scores(raw, right, f"{_wrong(scale)} (question {question})", lines, name)
    scale = of_ends(scale.low, scale.high, found)
    return scale, scale.numbers(found), said


def ends_of(question: str, low: Sequence[str], high: Sequence[str], raw: Sequence[str], name: str) -> Ends | None:
    """Give the ends of a scale that stand beside its scores; None where there are none.

    Types `numeric` and `slider` have them; beside others they are the scale's where they are alike throughout and hold
    all scores, since a foreign file may have columns of these names for other things.

    Raises
    ------
    RatingsError
        If a scale has several ends.

    Examples
    --------
    >>> ends_of("slider", ["0", "0"], ["10", "10"], ["7.5", "3"], "r.csv")
    (0.0, 10.0)
    """
    pairs = dict.fromkeys(zip(low, high, strict=True))
    own = question in ("numeric", "slider")
    known = {pair: tuple(numbers([text]).get(text) for text in pair) for pair in pairs}
    found = [(one, other) for one, other in known.values() if one is not None and other is not None and one < other]
    if own and len(pairs) > 1 and found:
        told = shorten(", ".join(f"{one or '(empty)'} to {other or '(empty)'}" for one, other in pairs), 80)
        raise RatingsError(
            f"{name}: the ends of a scale differ from line to line ({told}); give each scale a name of its own in the "
            "column scale, or write one to a file of its own"
        )
    if len(pairs) != 1 or not found:
        return None
    given = numbers(raw).values()
    return found[0] if own or all(found[0][0] <= value <= found[0][1] for value in given) else None


def _example(low: float, high: float) -> str:
    """Write the option for a scale that people use, and that holds these scores."""
    if low < 0:
        end = ceil(max(-low, high))
        return f"--scale=-{end}-{end}"
    if (low, high) in ENDS:
        return f"--scale {low:g}-{high:g}"
    return "--scale 0-1" if high <= 1 else "--scale 0-10" if high <= 10 else "--scale 0-100"


def _fractions(known: Mapping[str, float]) -> bool:
    """Tell whether some score is no whole number."""
    return any(not value.is_integer() for value in known.values())


def _wrong(scale: RatingScale) -> str:
    """Say what a score of the scale is not."""
    if scale.step is None:
        return f"is not a number {scale.words}"
    if scale.step == 1:
        return f"is not a whole number {scale.words}"
    return f"is not a number {scale.words} in steps of {scale.step:g}"
