"""Values: what a cell is: a score, a gap, a yes or no."""

from __future__ import annotations

import re
from collections.abc import Iterable

from analysis.table.labels import SCALES
from analysis.table.numbers import MISSING

TRUE = frozenset(("true", "1", "yes", "y", "on", "t"))
FALSE = frozenset(("false", "0", "no", "n", "off", "f", ""))
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)", re.ASCII)
_BEHIND = re.compile(r"[^\W\d_]\D*[(\[]\s*[+-]?\d{1,3}\s*[)\]]")
_LABEL = re.compile(r"[+-]?\d{1,3}(?:[.,]\d+)?\s*(?:[-:=.)(]|\N{EN DASH}|\N{EM DASH})\s*\D.*", re.ASCII | re.DOTALL)
_GRADES = frozenset(word for scale in SCALES for word in scale)


def is_missing(cell: str) -> bool:
    """Say whether a cell holds nothing, by one of the ways in which programs write that.

    Examples
    --------
    >>> is_missing("NaN"), is_missing(" "), is_missing("0")
    (True, True, False)
    """
    return cell.strip().casefold() in MISSING


def is_number(cell: str) -> bool:
    """Say whether a cell is a number, with a decimal point or comma.

    Examples
    --------
    >>> is_number("4,5"), is_number("-3"), is_number("p01")
    (True, True, False)
    """
    return _NUMBER.fullmatch(cell.strip()) is not None


def is_score(cell: str) -> bool:
    """Say whether a cell may be a score: a number, a number with its label, or a grade's word.

    Examples
    --------
    >>> is_score("5 - Excellent"), is_score("Excellent"), is_score("3.5"), is_score("5 dogs bark")
    (True, True, True, False)
    """
    text = cell.strip()
    if is_number(text) or _LABEL.fullmatch(text) or _BEHIND.fullmatch(text):
        return True
    return text.casefold().replace(",", "").rstrip(".") in _GRADES


def are_scores(cells: Iterable[str], share: float = 1.0) -> bool:
    """Say whether a column is one of scores: of its cells that hold something, at least this share are.

    Examples
    --------
    >>> are_scores(["4", "NaN", "5"]), are_scores(["4", "a dog"]), are_scores(["", ""])
    (True, False, False)
    """
    held = {cell for cell in set(cells) if not is_missing(cell)}
    return bool(held) and sum(map(is_score, held)) >= share * len(held)


def number(cell: str) -> float | None:
    """Read the number at the front of a cell.

    Examples
    --------
    >>> number("4,5"), number("5 - Excellent"), number("good") is None
    (4.5, 5.0, True)
    """
    found = _NUMBER.match(cell.strip())
    return float(found[0].replace(",", ".")) if found else None


def is_true(cell: str) -> bool:
    """Say whether a cell says yes.

    Examples
    --------
    >>> is_true("TRUE"), is_true("0")
    (True, False)
    """
    return cell.strip().casefold() in TRUE
