"""Quality checks: what an attentive participant answers, and when a session has failed.

A check is what its trial stores: the lowest and highest answer that pass, or the position of the trial that is
repeated, from whose answer this one may differ by a point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from survey.config.study import SessionRules

MISMATCH = (1, 2)  # a clip under another prompt's text
REPEAT_TOLERANCE = 1
HEADPHONE_TRIALS, HEADPHONE_TRIES = 6, 2


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that is checked or repeated: the position and check of its trial, and its score."""

    position: int
    check: Mapping[str, Any] | None
    score: int | None


def expects(low: int, high: int) -> dict[str, int]:
    """Return the check of a trial whose answer must be from `low` to `high`."""
    return {"low": low, "high": high}


def repeats(position: int) -> dict[str, int]:
    """Return the check of a trial that repeats the one at `position`."""
    return {"repeats": position}


def failures(answers: Iterable[Given]) -> list[int]:
    """Return the positions of the checks that were failed."""
    given = {answer.position: answer for answer in answers}
    return [position for position, answer in sorted(given.items()) if answer.check and not _passed(answer, given)]


def _passed(answer: Given, given: Mapping[int, Given]) -> bool:
    check = answer.check or {}
    if "repeats" in check:
        first = given.get(check["repeats"])
        return first is None or abs((first.score or 0) - (answer.score or 0)) <= REPEAT_TOLERANCE
    return answer.score is not None and bool(check["low"] <= answer.score <= check["high"])


def headphones_passed(tries: Iterable[int], rules: SessionRules) -> bool:
    """Say whether one of the tries at the headphone check had enough right answers."""
    return any(right >= rules.headphone_pass for right in tries)


def headphones(tries: Iterable[int], rules: SessionRules) -> str:
    """Say how the headphone check went: `passed`, `failed` in all its tries, or nothing while that is open."""
    heard = list(tries)
    if headphones_passed(heard, rules):
        return "passed"
    return "failed" if len(heard) >= HEADPHONE_TRIES else ""


def failed(failures: int, tries: Iterable[int], rules: SessionRules) -> bool:
    """Say whether a session fails: too many failed checks, or a headphone check without a pass in all its tries."""
    return failures > rules.allowed_failures or headphones(tries, rules) == "failed"
