"""Words: how numbers, lists and notes are written, the same in every sentence, table and figure."""

from __future__ import annotations

from collections.abc import Iterable


def counted(count: int, noun: str) -> str:
    """Write a number of things: 1 rater, 1,200 raters."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(texts: Iterable[str]) -> str:
    """Write a list as a person would: a, b and c."""
    found = list(texts)
    return f"{', '.join(found[:-1])} and {found[-1]}" if len(found) > 1 else "".join(found)


def joined(*notes: str) -> str:
    """Join the notes there are."""
    return "; ".join(note for note in notes if note)


def points(value: float) -> str:
    """Write a difference in points with its sign."""
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text in ("+0.00", "−0.00") else text


def percent(share: float) -> str:
    """Write a share as a whole percentage."""
    return f"{100 * share:.0f} %"


def level_text(value: float) -> str:
    """Write the level of an interval, such as 0.95 as 95 %."""
    return f"{100 * value:g} %"


def p_text(value: float) -> str:
    """Write a p value as `p = 0.012` or `p < 0.001`."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
