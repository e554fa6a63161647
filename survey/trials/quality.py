"""Quality checks: what an attentive participant answers, and when a session has failed.

A check is what its trial stores: the lowest and highest answer that pass, or the position of the trial that is
repeated, from whose answer this one may differ by a point of five grades, or as far as it says.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

MISMATCH = (1, 2)  # a clip under another prompt's text
REPEAT_TOLERANCE = 1
SLACK = 1e-9  # two answers a tenth apart are not so to a computer
HEADPHONE_TRIALS, HEADPHONE_TRIES = 6, 2
HEADPHONE_CHECKS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "antiphase": ("antiphase",),
    "huggins": ("huggins",),
    "both": ("antiphase", "huggins"),
}
"""The headphone checks that a study asks for, in their order."""
PASSED, FAILED = HEADPHONES = "passed", "failed"  # how they went


class Checkable(Protocol):
    """An answer that is checked or repeated: the position and check of its trial, and its score."""

    @property
    def position(self) -> int:
        """Its trial's place in the session."""

    @property
    def check(self) -> Mapping[str, Any] | None:
        """Which answers to its trial pass; none if any does."""

    @property
    def score(self) -> float | None:
        """What was given, where that is one number."""


class Given(NamedTuple):
    """What of an answer says whether a check was failed."""

    position: int
    check: Mapping[str, Any] | None
    score: float | None


def expects(low: float, high: float) -> dict[str, float]:
    """Return the check of a trial whose answer must be from `low` to `high`."""
    return {"low": low, "high": high}


def near(expected: float, tolerance: float) -> dict[str, float]:
    """Return the check of a trial whose answer must lie within `tolerance` of the one `expected`."""
    return {"low": round(expected - tolerance, 6), "high": round(expected + tolerance, 6)}


def repeats(position: int, within: float = REPEAT_TOLERANCE) -> dict[str, float]:
    """Return the check of a trial that repeats the one at `position`, with an answer `within` so much of the first."""
    return {"repeats": position, **({} if within == REPEAT_TOLERANCE else {"within": within})}


def failures(answers: Iterable[Checkable]) -> list[int]:
    """Return the positions of the checks that were failed."""
    given = {answer.position: answer for answer in answers}
    return [position for position, answer in sorted(given.items()) if answer.check and not _passed(answer, given)]


def deciding(checks: Mapping[int, Mapping[str, Any]]) -> set[int]:
    """Return the positions whose answers say whether checks were failed: their own, and those that they repeat.

    Examples
    --------
    >>> sorted(deciding({7: expects(1, 2), 9: repeats(4)}))
    [4, 7, 9]
    """
    return {*checks, *(check["repeats"] for check in checks.values() if "repeats" in check)}


def _passed(answer: Checkable, given: Mapping[int, Checkable]) -> bool:
    check = answer.check or {}
    if "repeats" in check:
        first = given.get(check["repeats"])
        within = check.get("within", REPEAT_TOLERANCE)
        return first is None or bool(abs((first.score or 0) - (answer.score or 0)) <= within + SLACK)
    return answer.score is not None and bool(check["low"] <= answer.score <= check["high"])


def headphones(tries: Iterable[int], needed: int, checks: int = 1) -> str:
    """Say how the headphone checks went: `passed` all, `failed` one in all its tries, or nothing while that is open.

    Parameters
    ----------
    tries
        The right answers of each try, one check after the other; with as many as are `needed` its check is passed.
    checks
        How many there are.
    """
    passed, missed = headphone_standing(tries, needed)
    return PASSED if passed >= max(1, checks) else FAILED if missed >= HEADPHONE_TRIES else ""


def headphone_standing(tries: Iterable[int], needed: int) -> tuple[int, int]:
    """Return how many headphone checks were passed, and how many tries at the one that follows were missed."""
    passed = missed = 0
    for right in tries:
        passed, missed = (passed + 1, 0) if right >= needed else (passed, missed + 1)
    return passed, missed


def failed(failures: int, tries: Sequence[int], *, allowed: int, needed: int, checks: int = 1) -> bool:
    """Say whether a session fails: more failed checks than `allowed`, or a headphone check without a pass.

    Parameters
    ----------
    failures
        How many checks were failed.
    tries
        The right answers of each try at the headphone `checks`, `needed` of which are a pass.
    """
    return failures > allowed or headphones(tries, needed, checks) == FAILED
