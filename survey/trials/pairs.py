"""Types that set a condition beside the baseline: preference, comparison, ABX, and degradation from a reference."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from survey.trials import quality
from survey.trials.question import AbsoluteCategory, Given, Result, Wording
from survey.trials.stimulus import Stimulus

BOTH_BAD = "both_bad"  # the answer of `ab` that neither clip is any good


class _Pair(AbsoluteCategory):
    """What types share that set a condition beside the baseline."""

    ways = 2
    family = hears = "pair"

    def tested(self, stimuli: Sequence[Stimulus], baseline: str) -> list[Stimulus]:
        """Return the stimuli of every condition but the baseline."""
        return [stimulus for stimulus in stimuli if stimulus.condition != baseline]

    def clips(self, conditions: int) -> int:
        """Return two, A and B."""
        return 2

    def arrange(
        self, stimulus: Stimulus, others: Mapping[str, Stimulus], baseline: str, way: int, rng: random.Random
    ) -> tuple[str, ...]:
        """Name the condition and the baseline in the order heard."""
        pair = (stimulus.name, others[baseline].name)
        return tuple(pair[place] for place in self._order(way))

    def results(self, clips: Sequence[int], stimulus: int, given: Given) -> Iterator[Result]:
        """Yield the score, positive where the condition is preferred to the baseline."""
        second = clips[1] == stimulus
        assert given.score is not None
        reference = clips[0] if second else clips[1]
        yield Result(stimulus, given.score if second else -given.score, reference, clips[0], answer=given.answer)

    def _order(self, way: int) -> tuple[int, ...]:
        """Return which of a trial's two clips is heard at each place."""
        return (0, 1) if way % 2 else (1, 0)


class Preference(_Pair):
    """Paired preference: which of two clips; -1 is the first, 1 the second."""

    name = "ab"
    grades = (-1, 0, 1)
    legend = False
    checks = ("attention_checks", "repeats")

    def mark(self, grade: int) -> str:
        """Return A, B, or = for neither."""
        return {-1: "A", 0: "=", 1: "B"}[grade]

    def describe(self, scale: Wording) -> dict[str, Any]:
        """Return what the page shows, with the answer that both are bad where the study has it."""
        made = super().describe(scale)
        if scale.both_bad:
            made["grades"].append({"score": BOTH_BAD, "mark": "✕", "label": ""})
        return made

    def parse(self, answer: object, comment: str, clips: int, scale: Wording) -> Given:
        """Return the answer; that both are bad prefers neither."""
        if scale.both_bad and answer == BOTH_BAD:
            return Given(0, answer=BOTH_BAD)
        return super().parse(answer, comment, clips, scale)

    def attention(self, way: int, scale: Wording) -> tuple[Mapping[str, Any], tuple[int, ...]]:
        """Ask for the clip that belongs to the text."""
        right = -1 if way % 2 else 1
        return quality.expects(right, right), self._order(way)

    def _grades(self, scale: Wording) -> tuple[int, ...]:
        return self.grades if scale.no_preference else (-1, 1)


class ComparisonCategory(_Pair):
    """Comparison category rating (ITU-T P.800, annex E): the second clip against the first, -3 to 3."""

    name = "ccr"
    grades = (3, 2, 1, 0, -1, -2, -3)
    checks = ("attention_checks", "repeats")

    def mark(self, grade: int) -> str:
        """Return the grade with its sign."""
        return f"{grade:+d}".replace("-", "−") if grade else "0"

    def attention(self, way: int, scale: Wording) -> tuple[Mapping[str, Any], tuple[int, ...]]:
        """Ask for the clip that belongs to the text."""
        return quality.expects(*((-3, -1) if way % 2 else (1, 3))), self._order(way)


class Abx(_Pair):
    """ABX: which of two clips the third one is; 0 is the first, 1 the second."""

    name = "abx"
    grades = (0, 1)
    ways = 4
    family = hears = ""
    letters = "ABX"
    legend = False
    checks = ("attention_checks",)

    def clips(self, conditions: int) -> int:
        """Return three, A, B and X."""
        return 3

    def mark(self, grade: int) -> str:
        """Return A or B."""
        return "AB"[grade]

    def results(self, clips: Sequence[int], stimulus: int, given: Given) -> Iterator[Result]:
        """Yield 1 for a right answer, 0 for a wrong one."""
        first, second, x = clips
        right = int(clips[int(given.score or 0)] == x)
        yield Result(stimulus, right, second if first == stimulus else first, first, x)

    def attention(self, way: int, scale: Wording) -> tuple[Mapping[str, Any], tuple[int, ...]]:
        """Ask which of two sounds of different prompts a third is."""
        return quality.expects(way // 2, way // 2), self._order(way)

    def _order(self, way: int) -> tuple[int, ...]:
        """Return which clip A, B and X is."""
        pair = super()._order(way)
        return (*pair, pair[way // 2])


class DegradationCategory(AbsoluteCategory):
    """Degradation category rating (ITU-T P.800, annex D): the reference in the open, then a clip, in five grades.

    The baseline is rated beside itself, too: the null pairs of D.2 show how the scale's top is used.
    """

    name = "dcr"
    family = hears = "reference"
    reference = 0
    letters = "RA"
    checks = ("attention_checks", "repeats")

    def clips(self, conditions: int) -> int:
        """Return two, the reference and the clip."""
        return 2

    def arrange(
        self, stimulus: Stimulus, others: Mapping[str, Stimulus], baseline: str, way: int, rng: random.Random
    ) -> tuple[str, ...]:
        """Name the reference and the clip."""
        return others[baseline].name, stimulus.name

    def results(self, clips: Sequence[int], stimulus: int, given: Given) -> Iterator[Result]:
        """Yield the grade, and beside which reference it was given."""
        yield Result(stimulus, given.score, clips[0], clips[0])

    def attention(self, way: int, scale: Wording) -> tuple[Mapping[str, Any], tuple[int, ...]]:
        """Ask of another prompt's clip how far it is from the reference."""
        return quality.expects(*quality.MISMATCH), (0, 1)
