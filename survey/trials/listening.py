"""Whether an answer can have been heard as the page says: its claims beside what the server itself saw.

The page counts plays, seconds heard and its own time, and a script can send any numbers. The server knows which clips
it was asked for, and from when until when the trial was open. What cannot be true together is a flag in the export.
Nobody is refused for one: the server may be wrong about a single answer, and who reads the table judges.
"""

from __future__ import annotations

from dataclasses import dataclass

HEARD_SHARE = 0.8  # of a clip that must sound; browsers report what they played a little short
SLACK_MS, LONGER = 250.0, 1.05  # browsers round their clocks, and a sound card keeps its own time

FLAGS = (
    "not_served",  # a clip of the trial was never asked for
    "never_played",  # no play, where the clips must be heard
    "too_soon",  # open for less time than the share of the clips takes that must sound
    "heard_more_than_open",  # more sound than the trial was open, as also when it is played faster than it is
    "response_longer_than_open",  # the page's time is longer than the server's
    "response_shorter_than_heard",  # the page's time is shorter than the sound that it says was heard
)


@dataclass(slots=True)  # as records.RatingRow is
class Listening:
    """What the page says of one answer, and what the server saw.

    `open_ms` is how long the trial could be seen by the server's clock, None where that is not known; `served` whether
    each of its clips was asked for; `seconds` how long they last in all. `plays`, `heard_seconds` and `response_ms`
    are the page's.
    """

    plays: int
    heard_seconds: float
    response_ms: int
    open_ms: int | None
    served: bool
    seconds: float
    must_listen: bool


def flags(one: Listening) -> tuple[str, ...]:
    """Name what cannot be true of an answer, in the order of FLAGS; what cannot be judged gets no flag."""
    heard, opened, response = one.heard_seconds * 1000, one.open_ms, one.response_ms
    if (  # as of nearly all, of which there are many
        one.served
        and (one.plays or not one.must_listen)
        and response * LONGER + SLACK_MS >= heard
        and (opened is None or (opened * LONGER + SLACK_MS >= max(response, heard) and not _too_soon(one, opened)))
    ):
        return ()
    found = {
        "not_served": not one.served,
        "never_played": one.must_listen and not one.plays,
        "too_soon": opened is not None and _too_soon(one, opened),
        "heard_more_than_open": opened is not None and _less(opened, heard),
        "response_longer_than_open": opened is not None and _less(opened, response),
        "response_shorter_than_heard": _less(response, heard),
    }
    return tuple(name for name in FLAGS if found[name])


def _too_soon(one: Listening, opened: float) -> bool:
    """Say whether a trial was open for too short to hear the share of its clips that must sound."""
    return one.must_listen and _less(opened, HEARD_SHARE * one.seconds * 1000)


def _less(time: float, other: float) -> bool:
    """Say whether a time (ms) is less than another by more than clocks differ."""
    return time * LONGER + SLACK_MS < other
