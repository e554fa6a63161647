"""Options: what somebody says of a foreign file where it does not say so itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """What somebody says of a file of ratings.

    Parameters
    ----------
    columns
        The file's column for each of ours, such as `{"participant": "rater"}`.
    scale
        The lowest and the highest score that could be given; None where the file must say.
    anchors
        Conditions that are anchors: reported, and not compared.
    practice
        Pages (prompts) that were practice.
    repeat
        The column that tells the showings of a repeated clip apart.
    skip_missing
        Whether lines without a score are left out instead of refused.
    wide
        Whether the scores stand side by side, in several columns; None to find out.
    baseline
        The condition that the others are compared with; None where nobody said.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    scale: tuple[float, float] | None = None
    anchors: tuple[str, ...] = ()
    practice: tuple[str, ...] = ()
    repeat: str | None = None
    skip_missing: bool = False
    wide: bool | None = None
    baseline: str | None = None
