"""Quality checks: what an attentive participant answers, and when a session has failed.

A check is what its trial stores: the lowest and highest answer that pass, or the position of the trial that is
repeated, from whose answer this one may differ by a point of five grades, or as far as it says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MISMATCH = (1, 2)  # a clip under another prompt's text
REPEAT_TOLERANCE = 1
SLACK = 1e-9  # two answers a tenth apart are not so to a computer
HEADPHONE_TRIALS, HEADPHONE_TRIES = 6, 2


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that is checked or repeated: the position and check of its trial, and its score."""

    position: int
    check: Mapping[str, Any] | None
    score: float | None


def expects(low: float, high: float) -> dict[str, float]:
    """Return the check of a trial whose answer must be from `low` to `high`."""
    return {"low": low, "high": high}


def repeats(position: int, within: float = REPEAT_TOLERANCE) -> dict[str, float]:
    """Return the check of a trial that repeats the one at `position`, with an answer `within` so much of the first."""
    return {"repeats": position, **({} if within == REPEAT_TOLERANCE else {"within": within})}


def failures(answers: Iterable[Given]) -> list[int]:
    """Return the positions of the checks that were failed."""
    given = {answer.position: answer for answer in answers}
    return [position for position, answer in sorted(given.items()) if answer.check and not _passed(answer, given)]


def _passed(answer: Given, given: Mapping[int, Given]) -> bool:
    check = answer.check or {}
    if "repeats" in check:
        first = given.get(check["repeats"])
        within = check.get("within", REPEAT_TOLERANCE)
        return first is None or bool(abs((first.score or 0) - (answer.score or 0)) <= within + SLACK)
    return answer.score is not None and bool(check["low"] <= answer.score <= check["high"])


def headphones_passed(tries: Iterable[int], needed: int) -> bool:
    """Say whether one of the tries at the headphone check had as many right answers as are needed."""
    return any(right >= needed for right in tries)


def headphones(tries: Iterable[int], needed: int) -> str:
    """Say how the headphone check went: `passed`, `failed` in all its tries, or nothing while that is open."""
    heard = list(tries)
    if headphones_passed(heard, needed):
        return "passed"
    return "failed" if len(heard) >= HEADPHONE_TRIES else ""


def failed(failures: int, tries: Iterable[int], *, allowed: int, needed: int) -> bool:
    """Say whether a session fails: more failed checks than `allowed`, or a headphone check without a pass.

    Parameters
    ----------
    failures
        How many checks were failed.
    tries
        The right answers of each try at the headphone check, `needed` of which are a pass.
    """
    return failures > allowed or headphones(tries, needed) == "failed"
