"""How often something may be done, counted before it is done; by a clock that nobody can set."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Protocol

from db import Store

MOST_KEYS = 20_000  # of whom is remembered; whoever rotates keys must not fill the memory


class Limit(Protocol):
    """How often each key may do something."""

    def take(self, key: str) -> float:
        """Count one more of a key and return 0, or count nothing and return the seconds until it may be tried again."""


class Throttle:
    """Let each key do something so often within each of some windows; several windows are a back-off.

    Own code, since the libraries for it count by the wall clock, which may be set back.

    Parameters
    ----------
    windows
        Pairs of a count and of seconds: 5 within 60 and 20 within 3600 are ``[(5, 60), (20, 3600)]``.
    clock
        Seconds that never go back.
    """

    def __init__(self, windows: Sequence[tuple[int, float]], clock: Callable[[], float] = time.monotonic) -> None:
        self._windows, self._clock = windows, clock
        self._most = max(count for count, _ in windows)
        self._longest = max(seconds for _, seconds in windows)
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> float:
        """Count one more of a key and return 0, or count nothing and return the seconds until it may be tried again."""
        with self._lock:
            now = self._clock()
            times = self._times.setdefault(key, deque(maxlen=self._most))
            self._times.move_to_end(key)
            wait = max(
                (times[-count] + seconds - now for count, seconds in self._windows if len(times) >= count), default=0.0
            )
            if wait > 0:
                return wait
            times.append(now)
            oldest = next(iter(self._times))  # of them the last that came first
            while len(self._times) > MOST_KEYS or self._times[oldest][-1] <= now - self._longest:
                del self._times[oldest]
                oldest = next(iter(self._times))
            return 0.0

    def __len__(self) -> int:
        """Count of how many something is remembered: of nobody whose waits are all over."""
        return len(self._times)


class Shared:
    """A throttle over all processes that serve a study, in its database."""

    def __init__(self, store: Store, kind: str, windows: Sequence[tuple[int, float]]) -> None:
        self._store, self._kind, self._windows = store, kind, windows

    def take(self, key: str) -> float:
        """Count one more of a key and return 0, or count nothing and return the seconds until it may be tried again."""
        return self._store.attempts.take(self._kind, key, self._windows)


def limit(
    store: Store, kind: str, windows: Sequence[tuple[int, float]], clock: Callable[[], float] = time.monotonic
) -> Limit:
    """Return what counts a kind of thing: here where one process serves the study, else in its database."""
    return Shared(store, kind, windows) if store.attempts.shared else Throttle(windows, clock)
