"""What a study does by the log of its researchers: open, paused or closed, looked up once a second at most."""

import time

from db import Running, Store
from db.actions import CLOSED, PAUSED

FRESH_SECONDS = 1.0  # that participants may go on after another process closed the study


class Runs:
    """Whether a study is open, kept for a moment so that no answer waits for a look into the database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: tuple[float, Running] | None = None

    @property
    def stale(self) -> bool:
        """Whether the next look asks the database."""
        found = self._found
        return found is None or time.monotonic() - found[0] > FRESH_SECONDS

    def look(self) -> Running:
        """Return what the study does, as it was a second ago at most."""
        found = self._found
        if found is None or self.stale:
            found = self._found = (time.monotonic(), self._store.actions.running())
        return found[1]

    def run(self, account: str, kind: str, by: int = 0) -> str:
        """Launch, pause, close or extend the study, and return what stands against it; empty if nothing does."""
        said = self._store.actions.run(account, kind, by)
        self._found = None
        return said

    def bars(self, stage: str) -> str:
        """Say why who is at a stage may not go on: `over` or `paused`, keys of the page's texts; empty if they may.

        Who is under way when a study is paused may finish; who has finished sees their last page whatever it does.
        """
        state = self.look().state
        if state == CLOSED and stage != "done":
            return "over"
        return "paused" if state == PAUSED and stage == "consent" else ""
