"""What is made once for each group of timesteps, and kept while the group may come again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

_Made = TypeVar("_Made")


class PerGroup(Generic[_Made]):
    """Keeps what was made for the groups of timesteps; what sees no step has one group, 0.

    Examples
    --------
    >>> made = PerGroup()
    >>> made.of(0, lambda old: "first"), made.of(0, lambda old: "again"), made.of(0, lambda old: "anew", version=1)
    ('first', 'first', 'anew')
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[int, _Made]] = {}

    def of(
        self, group: int, make: Callable[[_Made | None], _Made], *, version: int = 0, resident: bool = True
    ) -> _Made:
        """Return what was made for ``group``, or have it made.

        Parameters
        ----------
        make
            Called with what was made for another version, to be renewed in its memory, or with None.
        version
            Of what the thing is made of; another one makes it anew.
        resident
            Whether the things of other groups are kept too; where memory is short they are not.
        """
        held = self._made.get(group)
        if held is None and not resident:
            self._made.clear()
        if held is None or held[0] != version:
            held = self._made[group] = version, make(None if held is None else held[1])
        return held[1]

    def __iter__(self) -> Iterator[_Made]:
        return iter([made for _, made in self._made.values()])

    def clear(self) -> None:
        """Forget all that was made."""
        self._made.clear()

    def __len__(self) -> int:
        return len(self._made)
