"""Agreement: how far one metric orders as people do, as a row and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Over = Literal["clips", "within prompts", "conditions"]
Kind = Literal["agrees", "does not agree", "contradicts", "cannot tell", "no value"]
SAID: Mapping[Kind, str] = {
    "agrees": "agrees with the ratings",
    "does not agree": "does not agree with the ratings",
    "contradicts": "contradicts the ratings",
    "cannot tell": "the study cannot tell",
    "no value": "no value",
}


def summary(found: Sequence[Agreement]) -> str:
    """Say in a line how many metrics agree with the ratings.

    Examples
    --------
    >>> summary([Agreement("fd", "distance", "conditions", 0.5, None, None, True, 3, 4, "cannot tell", "")])
    '1 beside ratings, 1 cannot be told'
    >>> summary([Agreement("fd", "distance", "conditions", 0.1, -0.1, 0.2, True, 9, 4, "does not agree", "")])
    '1 beside ratings, 1 does not agree'
    """
    heads = headlines(found)
    words: dict[Kind, tuple[str, str]] = {
        "agrees": ("agrees with the ratings", "agree with the ratings"),
        "does not agree": ("does not agree", "do not agree"),
        "contradicts": ("contradicts them", "contradict them"),
        "cannot tell": ("cannot be told", "cannot be told"),
        "no value": ("has no value", "have no value"),
    }
    counts = {kind: sum(one.kind == kind for one in heads) for kind in words}
    told = [f"{count} {words[kind][count > 1]}" for kind, count in counts.items() if count]
    return f"{len(heads)} beside ratings, {', '.join(told)}"


def headlines(found: Sequence[Agreement]) -> tuple[Agreement, ...]:
    """Choose for each metric the row that says most of conditions: within prompts, else over conditions.

    Examples
    --------
    >>> rows = [Agreement("fd", "distance", over, 0.5, None, None, True, 9, 3, "cannot tell", "")
    ...         for over in ("clips", "within prompts", "conditions")]
    >>> [one.over for one in headlines(rows)]
    ['within prompts']
    """
    chosen: dict[str, Agreement] = {}
    for one in found:
        held = chosen.get(one.metric)
        if held is None or _rank(one) > _rank(held):
            chosen[one.metric] = one
    return tuple(chosen.values())


def sentences(found: Sequence[Agreement]) -> tuple[str, ...]:
    """Say of each metric whether it agrees with the ratings, in a sentence, and in the next ones by how much.

    Examples
    --------
    >>> rows = [Agreement("fd", "distance", "conditions", None, None, None, True, 0, 0, "no value", "No clip.")]
    >>> sentences(rows)
    ('distance: no value. No clip.',)
    """
    return tuple(
        f"{head.name}: {SAID[head.kind]}. {' '.join(one.words for one in found if one.metric == head.metric)}"
        for head in headlines(found)
    )


def _rank(one: Agreement) -> tuple[bool, int]:
    """Order rows by how much they say of conditions."""
    return one.kind != "no value", ("clips", "conditions", "within prompts").index(one.over)


@dataclass(frozen=True)
class Agreement:
    """How far one metric orders as people do: over clips, over clips of one prompt, or over conditions.

    Parameters
    ----------
    metric, name
        The metric's key and its name.
    over
        What is ordered.
    correlation, low, high
        Spearman's rank correlation, + where the metric agrees with the ratings, whichever way it is better; its 95 %
        interval. None where there is none.
    turned
        Whether the sign was turned, as lower is better.
    n, prompts
        How many clips or conditions, of how many prompts.
    kind
        What is shown.
    words
        The numbers in a sentence, and why where there is none.
    """

    metric: str
    name: str
    over: Over
    correlation: float | None
    low: float | None
    high: float | None
    turned: bool
    n: int
    prompts: int
    kind: Kind
    words: str

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)
