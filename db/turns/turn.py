"""Who writes next: in the order in which they asked."""

import threading
from collections import deque


class Turn:
    """A lock that is had in the order in which it was asked for: a plain one goes back to whoever has just let it go.

    The writer of what is committed together asks again at once, and would let nobody else in.
    """

    def __init__(self) -> None:
        self._lock, self._taken = threading.Lock(), False
        self._waiting: deque[threading.Lock] = deque()

    def __len__(self) -> int:
        """Count who waits."""
        return len(self._waiting)

    def acquire(self, timeout: float) -> bool:
        """Wait for the turn for so many seconds at most; False if it did not come."""
        mine = threading.Lock()
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout):
            return True
        with self._lock:
            if mine not in self._waiting:  # it came at the last moment
                return True
            self._waiting.remove(mine)
        return False

    def release(self) -> None:
        """Hand the turn to who has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
