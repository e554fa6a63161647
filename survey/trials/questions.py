"""Question types: which clips a trial holds, what a participant may answer, and what the answer says of the conditions.

A new type is a class below, or beside this file, and its entry in `QUESTION_TYPES`; CONTRIBUTING.md names the rest.
Answers are stored as they were given; `results` turns them towards the condition under test.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from survey.errors import AnswerError
from survey.trials import quality
from survey.trials.pairs import Abx, ComparisonCategory, DegradationCategory, Preference
from survey.trials.question import AbsoluteCategory, Given, Result, Wording
from survey.trials.stimulus import Stimulus
from survey.values import shown

ANCHOR = "anchor"  # the condition of the reference behind a low-pass filter: ITU-R BS.1534-3, 5.1
MAX_ANSWER = 2000
SLACK = 1e-9  # a step of a tenth is none to a computer
MOST_BUTTONS = 11  # numbers beyond that are set with a slider
MISMATCHED = REPEATED = 0.25  # shares of a scale of numbers: its lower quarter, and as far as two answers may be apart


class Mushra(AbsoluteCategory):
    """Multiple stimuli with hidden reference and anchor (ITU-R BS.1534-3): every condition from 0 to 100."""

    name = "mushra"
    grades = (4, 3, 2, 1, 0)  # the five bands beside the sliders
    answer = "sliders"
    hears = ""
    reference = -1
    checks = ()

    @property
    def span(self) -> tuple[float, float]:
        """The ends of a slider."""
        return 0, 100

    def conditions(self, conditions: Sequence[str]) -> tuple[str, ...]:
        """Return the conditions and the anchor."""
        return (*conditions, ANCHOR)

    def tested(self, stimuli: Sequence[Stimulus], baseline: str) -> list[Stimulus]:
        """Return the references: a trial shows all clips of its prompt and seed."""
        return [stimulus for stimulus in stimuli if stimulus.condition == baseline]

    def clips(self, conditions: int) -> int:
        """Return the conditions, the anchor, and the reference once more in the open."""
        return conditions + 2

    def arrange(
        self, stimulus: Stimulus, others: Mapping[str, Stimulus], baseline: str, way: int, rng: random.Random
    ) -> tuple[str, ...]:
        """Name all conditions in random order, then the reference."""
        names = [other.name for other in others.values()]
        return (*rng.sample(names, len(names)), stimulus.name)

    def mark(self, grade: int) -> str:
        """Return the scores of a band."""
        return f"{20 * grade}–{20 * grade + 20}"

    def parse(self, answer: object, comment: str, clips: int, scale: Wording) -> Given:
        """Return the scores, one for each clip but the reference."""
        wanted = clips - 1
        whole = isinstance(answer, list) and all(isinstance(s, int) and not isinstance(s, bool) for s in answer)
        low, high = self.span
        if (
            not isinstance(answer, list)
            or not whole
            or len(answer) != wanted
            or not all(low <= s <= high for s in answer)
        ):
            raise AnswerError(f"score: must be {wanted} whole numbers from {low} to {high}, not {shown(answer)}")
        return Given(None, tuple(answer))

    def results(self, clips: Sequence[int], stimulus: int, given: Given) -> Iterator[Result]:
        """Yield a score for each condition."""
        for clip, score in zip(clips, given.scores or (), strict=False):
            yield Result(clip, score)


class FreeText(AbsoluteCategory):
    """Free text: one clip, an answer in words."""

    name = "text"
    grades = ()
    answer = "words"
    legend = False
    checks = ()

    def parse(self, answer: object, comment: str, clips: int, scale: Wording) -> Given:
        """Return nothing but that there are words: they are kept as the answer's comment."""
        if answer is not None or not comment.strip():
            raise AnswerError("comment: must hold the answer in words, and score must be empty")
        return Given(None)


class Slider(AbsoluteCategory):
    """A continuous scale between two ends: one clip, any position, which is kept to a thousandth of its length."""

    name = "slider"
    grades = ()
    answer = "slider"
    legend = False
    checks: tuple[str, ...] = ("attention_checks", "repeats", "gold_checks")

    def describe(self, scale: Wording) -> dict[str, Any]:
        """Return what the page shows: the ends, and from step to step how far the thumb moves."""
        low, high = ends(scale)
        return {**super().describe(scale), "low": low, "high": high, "step": self.finest(scale), "counted": False}

    def finest(self, scale: Wording) -> float:
        """Return what is between two answers next to each other."""
        low, high = ends(scale)
        return whole(10.0 ** -_digits(high - low))

    def parse(self, answer: object, comment: str, clips: int, scale: Wording) -> Given:
        """Return a position, rounded as it is kept."""
        low, high = ends(scale)
        given = _number(answer)
        if not low <= given <= high:
            raise AnswerError(f"score: must be a number from {low} to {high}, not {shown(answer)}")
        return Given(whole(min(high, max(low, round(given, _digits(high - low))))))

    def attention(self, way: int, scale: Wording) -> tuple[Mapping[str, Any], tuple[int, ...]]:
        """Pass the lower quarter."""
        low, high = ends(scale)
        return quality.expects(low, whole(low + MISMATCHED * (high - low))), ()

    def within(self, scale: Wording) -> float:
        """Return a quarter of the scale, which is a point of five grades."""
        low, high = ends(scale)
        return whole(REPEATED * (high - low))


class Numeric(Slider):
    """A scale of numbers: one clip, from the lowest to the highest in steps; a button each where they are few."""

    name = "numeric"
    checks = ("attention_checks", "repeats", "instructed_checks", "gold_checks")

    def describe(self, scale: Wording) -> dict[str, Any]:
        """Return what the page shows, the lowest number first."""
        made, found = super().describe(scale), self.values(scale)
        made["counted"] = True
        if len(found) <= MOST_BUTTONS:
            made["answer"] = "grades"
            made["grades"] = [{"score": one, "mark": f"{one}".replace("-", "−"), "label": ""} for one in found]
        return made

    def finest(self, scale: Wording) -> float:
        """Return the step."""
        return whole(1.0 if scale.step is None else scale.step)

    def values(self, scale: Wording) -> list[float]:
        """Return all numbers of the scale, the lowest first."""
        low, high = ends(scale)
        step = self.finest(scale)
        return [whole(round(low + number * step, 6)) for number in range(round((high - low) / step) + 1)]

    def parse(self, answer: object, comment: str, clips: int, scale: Wording) -> Given:
        """Return one of the numbers."""
        found = self.values(scale)
        given = _number(answer)
        meant = [one for one in found if one - SLACK <= given <= one + SLACK]
        if not meant:
            steps = f"in steps of {self.finest(scale)}"
            raise AnswerError(f"score: must be a number from {found[0]} to {found[-1]} {steps}, not {shown(answer)}")
        return Given(meant[0])

    def within(self, scale: Wording) -> float:
        """Return a quarter of the scale, and a step at least."""
        return max(super().within(scale), self.finest(scale))


def whole(number: float) -> float:
    """Return a number without a fraction of nought."""
    return int(number) if float(number).is_integer() else number


def ends(scale: Wording) -> tuple[float, float]:
    """Return the lowest and the highest number of a scale that was checked."""
    assert scale.low is not None
    assert scale.high is not None
    return whole(scale.low), whole(scale.high)


def _number(answer: object) -> float:
    """Return an answer that is a number; NaN, which is on no scale, for any other."""
    return answer if isinstance(answer, (int, float)) and not isinstance(answer, bool) else math.nan


def _digits(span: float) -> int:
    """Return how many decimals a thousandth of a span takes."""
    return max(0, 3 - math.floor(math.log10(span)))


QUESTION_TYPES: dict[str, AbsoluteCategory] = {
    one.name: one()
    for one in (
        AbsoluteCategory,
        Preference,
        ComparisonCategory,
        Abx,
        Mushra,
        FreeText,
        DegradationCategory,
        Numeric,
        Slider,
    )
}
