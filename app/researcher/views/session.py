"""One session from its start to its end: what was answered, with what happened on the page in between."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.counts import counted
from app.researcher.views.templates import frame, plain
from survey import EventRow, RatingRow, SessionRow
from survey.session import DISCARDED, FINISHED_DISCARDED

NAMES = {
    "language": "language",
    "device": "device",
    "browser": "browser",
    "volume": "volume",
    "seat": "seat",
    "source": "came through",
    "headphone_right": "right in each headphone try",
    "seeks": "jumps in a sound",
    "hidden": "turns to another page",
}


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of the log: when, so long after the start; what it was, in which trial, and more about it."""

    at: datetime
    after: str
    what: str
    position: int | None
    more: str
    stimulus: str = ""
    marked: bool = False


def session_page(
    study: str, row: SessionRow, ratings: Sequence[RatingRow], events: Sequence[EventRow], problem: str
) -> str:
    """Draw a session, with what stood against the last thing that was tried with it."""
    about = [(name, value) for field, name in NAMES.items() if (value := getattr(row, field)) not in ("", None)]
    asked = json.loads(row.asked)
    about += [(asked.get(name) or name, plain(answer)) for name, answer in json.loads(row.answers).items()]
    happened = sorted(_happened(row, ratings, events), key=lambda one: one.at)
    shown = {"row": row, "outcome": _ended(row.outcome), "about": about, "happened": happened, "problem": problem}
    return frame("session", f"{row.participant}", study, "../", **shown)


def _happened(row: SessionRow, ratings: Sequence[RatingRow], events: Sequence[EventRow]) -> Iterator[Happened]:
    began = row.started_at

    def line(at: datetime, what: str, position: int | None = None, more: str = "", **rest: Any) -> Happened:
        return Happened(at, _clock((at - began).total_seconds()), what, position, more, **rest)

    yield line(began, "consent")
    for event in events:
        detail = ", ".join(f"{key} {_measured(key, value)}" for key, value in json.loads(event.detail).items())
        yield line(event.at, event.kind.replace("_", " "), event.position, detail, marked=event.kind == "error")
    for rating in ratings:
        yield line(
            rating.rated_at,
            f"answer ({rating.kind})" if rating.kind != "trial" else "answer",
            rating.position,
            _said(rating),
            stimulus=rating.stimulus,
            marked=bool(rating.flags) or rating.passed is False,
        )
    if row.finished_at:
        yield line(row.finished_at, _ended(row.outcome))


def _ended(outcome: str) -> str:
    """Say how a session stands; the page excludes what the store calls discarded."""
    words = {DISCARDED: "excluded", FINISHED_DISCARDED: "finished, then excluded"}
    return words.get(outcome, outcome.replace("_", " "))


def _measured(key: str, value: object) -> str:
    """Write what the page told of something that happened, with its unit."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:.2f} s" if key in ("at", "heard") else f"{value:,.0f}" if key == "ms" else plain(value)
    return plain(value)


def _said(rating: RatingRow) -> str:
    said = [f"{rating.scale}:"] if rating.scale else []
    said.append(_answer(rating))
    said.append(f"in {rating.response_ms / 1000:.1f} s, {counted(rating.plays, 'play')}")
    said.append(f"{rating.heard_seconds:.1f} s heard")
    if rating.passed is not None:
        said.append("check passed" if rating.passed else "check failed")
    said += [flag.replace("_", " ") for flag in rating.flags.split()]
    said += [f"“{rating.comment}”"] if rating.comment else []
    return ", ".join(said).replace(":,", ":")


def _answer(rating: RatingRow) -> str:
    """Say what was answered: of a preference which clip, whatever the sign of its score."""
    if rating.answer or rating.score is None:
        return rating.answer.replace("_", " ") or "no score"
    if rating.question != "ab" or rating.condition == rating.reference:
        return f"{rating.score:g}"
    if not rating.score:
        return "no preference"
    preferred = rating.condition if rating.score > 0 else rating.reference
    return f"prefers the {'first' if preferred == rating.first else 'second'} ({preferred})"


def _clock(seconds: float) -> str:
    """Write seconds as a clock that began with the session: 1:02:03 or 2:03."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
