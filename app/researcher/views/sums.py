"""A study in sums, brought up to date by those alone of whom anything changed between two looks at it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from app.researcher.views.people import standing
from db import Progress
from db.results.tallying import HEADPHONES, Checked, Tallied
from db.results.watching import Look
from survey.session import FINISHED, FINISHED_DISCARDED

End = tuple[str, bool, bool]  # the page that somebody came to, whether they ended, and whether they stand still


class Sums:
    """Who takes part, counted; but for `standings` and `ratings` those of the newest revision alone.

    `standings` count people by where they stand, and `ratings` the answers that count, once for each clip, by revision.
    `answers` holds the answers (`given`), those with a flag (`flagged`) and the people whose they are (`flagging`).
    `devices` counts by device and what happened there, and `said` and `asked` hold the answers beside the clips and
    the study's own questions: see :class:`db.results.tallying.Tallied`.
    """

    def __init__(self) -> None:
        self._clear(0)

    def follow(self, look: Look) -> None:
        """Become the sums of a look; the more of it is as in the last, the less it takes."""
        if look.revision != self._revision:
            self._clear(look.revision)
        for one in look.people:
            session, held = look.sessions.get(one.code), self._held.get(one.code)
            if held is None or held[0] is not one or held[1] is not session:
                self._put(one.code, (one, session))
        if len(self._held) > len(look.people):
            for code in self._held.keys() - {one.code for one in look.people}:
                self._put(code, None)

    def _clear(self, revision: int) -> None:
        self._revision = revision
        self._held: dict[str, tuple[Progress, Tallied | None]] = {}
        self.standings: Counter[str] = Counter()
        self.ratings: Counter[int] = Counter()
        self.answers: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        self.checks: Counter[Checked] = Counter()
        self.ends: Counter[End] = Counter()
        self.devices: Counter[tuple[str, str]] = Counter()
        self.said: Counter[tuple[str, object]] = Counter()
        self.asked: Counter[str] = Counter()

    def _put(self, code: str, now: tuple[Progress, Tallied | None] | None) -> None:
        """Count somebody as they are now in place of as they were."""
        for state, times in ((self._held.pop(code, None), -1), (now, 1)):
            for counter, key, number in self._told(*state) if state else ():
                counter[key] += times * number
                if not counter[key]:
                    del counter[key]
        if now:
            self._held[code] = now

    def _told(self, person: Progress, session: Tallied | None) -> Iterator[tuple[Counter[Any], Any, int]]:
        yield self.standings, standing(person, self._revision), 1
        if session is None:
            return
        if person.counted:
            yield self.ratings, person.revision, len(session.at)
        if person.revision != self._revision:
            return
        yield self.answers, "given", session.answered
        yield self.answers, "flagged", session.flagged
        yield self.answers, "flagging", bool(session.flagged)
        yield from ((self.flags, name, number) for name, number in session.flags.items())
        yield from ((self.checks, check, 1) for check in session.checks)
        yield self.ends, (_furthest(person, session), person.finished_at is not None, person.still), 1
        device = f"{session.device or 'unknown device'}, {session.browser.rstrip('0123456789 ') or 'unknown browser'}"
        yield self.devices, (device, "session"), 1
        yield self.devices, (device, "stalled"), bool(session.events.get("stall"))
        for kind in ("play", "stall", "error"):
            yield self.devices, (device, kind), session.events.get(kind, 0)
        yield from ((self.said, answer, 1) for answer in session.said)
        yield self.asked, session.asked, 1


def of(look: Look) -> Sums:
    """Sum up one look."""
    sums = Sums()
    sums.follow(look)
    return sums


def _furthest(person: Progress, session: Tallied) -> str:
    """Return the last page that somebody came to; of who was led out, as far as their answers show."""
    if person.finished_at is None:
        return "trials" if person.stage == "between" else person.stage
    if person.outcome in (FINISHED, FINISHED_DISCARDED):
        return "done"
    if session.answered:
        return "trials"
    if session.last:
        return "practice"
    return "headphones" if any(check.kind == HEADPHONES for check in session.checks) else "questions"
