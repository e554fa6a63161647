"""For how long a trial is open, by the server's clocks."""

import time
from collections.abc import Sequence

MOST = 2**31 - 1  # that a column of whole numbers holds in every database


def both_clocks() -> list[float]:
    """Return this moment by the clock on the wall, which somebody may set, and by the machine's, which runs on."""
    return [time.time(), time.monotonic()]


def open_since(opened: Sequence[float] | None, before: int | None = 0) -> int | None:
    """Return for how many milliseconds a trial has been open that opened at this moment, with those `before`.

    The longer of what both clocks say: setting the one back, a new start of the machine or another machine can make
    only one of them say too little. None where both do, or where the moment is not known.
    """
    if opened is None or before is None:
        return None
    passed = max(now - then for now, then in zip(both_clocks(), opened, strict=True))
    return min(before + int(passed * 1000), MOST) if passed >= 0 else None
