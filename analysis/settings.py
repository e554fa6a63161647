"""Settings: baseline, margin and level of an analysis, their defaults, and what of them no study can mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite
from textwrap import shorten

from analysis.errors import BaselineError, SettingError

BASELINE = "baseline"
REFERENCES = frozenset(
    ("reference", "hiddenreference", "hiddenref", "ref", "original", "groundtruth", "gt", "natural", "source")
)
"""What a condition is called that is the reference, in small letters and without what is between its words."""
MARGIN = 0.3
ALPHA = 0.05
LARGEST_ALPHA = 0.5


def check_margin(margin: float, widest: float, usual: float = MARGIN) -> None:
    """Refuse a margin of equivalence that is not between zero and `widest`, both in points of the scale.

    Raises
    ------
    SettingError
        With what is allowed.
    """
    if not (isfinite(margin) and 0 < margin < widest):
        raise SettingError(f"margin {margin:g}: not between 0 and {widest:g} points; a usual margin is {usual:g}")


def check_alpha(alpha: float) -> None:
    """Refuse a level that is not between zero and one half.

    Raises
    ------
    SettingError
        With what is allowed.
    """
    if not (isfinite(alpha) and 0 < alpha < LARGEST_ALPHA):
        raise SettingError(f"alpha {alpha:g}: not between 0 and {LARGEST_ALPHA:g}; the usual level is {ALPHA:g}")


def reference_among(names: Sequence[str]) -> str | None:
    """Give the one condition that is called as references are in listening tests; None if there is none, or several.

    Examples
    --------
    >>> reference_among(["sysA", "Hidden_Ref"]), reference_among(["ref", "original"])
    ('Hidden_Ref', None)
    """
    found = [name for name in names if re.sub(r"[\W_]", "", name.casefold()) in REFERENCES]
    return found[0] if len(found) == 1 else None


def find_baseline(names: Sequence[str], asked: str | None) -> str:
    """Give the baseline among the names of conditions: that asked for, so named, the reference, or the only one.

    Raises
    ------
    BaselineError
        With the names there are.
    """
    name = asked if asked is not None else BASELINE
    if name in names:
        return name
    if asked is None and (only := names[0] if len(names) == 1 else reference_among(names)):
        return only
    raise BaselineError(
        f"baseline {name!r}: not among the conditions ({shorten(', '.join(names), 300)}); choose one with --baseline"
    )
