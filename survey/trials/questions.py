"""Question types: which clips a trial holds, what a participant may answer, and what the answer says of the conditions.

A new type is a class below and its entry in `QUESTION_TYPES`; CONTRIBUTING.md names the rest. Answers are stored as
they were given; `results` turns them towards the condition under test.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from survey.errors import AnswerError
from survey.trials import quality
from survey.trials.stimulus import Stimulus

ANCHOR = "anchor"  # the condition of the reference behind a low-pass filter: ITU-R BS.1534-3, 5.1
MAX_ANSWER = 2000


class Wording(Protocol):
    """The words of a study's question, and whether they are its own: `survey.trials.scale.Scale`."""

    @property
    def question(self) -> str:
        """What is asked."""

    @property
    def labels(self) -> Mapping[int, str]:
        """The words of the five grades."""

    @property
    def no_preference(self) -> bool:
        """Whether `ab` has a third answer."""

    @property
    def own(self) -> bool:
        """Whether the study has words of its own."""


class AbsoluteCategory:
    """Absolute category rating (ITU-T P.800, annex B): one clip, five labelled grades."""

    name = "acr"
    grades: tuple[int, ...] = (5, 4, 3, 2, 1)
    ways = 1  # in how many a trial can be heard: survey/trials/ways.py
    answer = "grades"  # what the page takes it with: one of its grades, "sliders" for each clip, or "words"
    family = ""  # types whose explanations are the same, such as how_2_pair in the page's texts
    letters = "ABCDEFGHIJKLMNOPQSTUVWXYZ"  # what its clips are called, where there are several; R is the reference
    legend = True  # whether the grades are shown before the first trial
    checks: tuple[str, ...] = ("attention_checks", "repeats", "instructed_checks", "gold_checks")

    def conditions(self, conditions: Sequence[str]) -> tuple[str, ...]:
        """Return the conditions that clips are made for."""
        return tuple(conditions)

    def tested(self, stimuli: Sequence[Stimulus], baseline: str) -> list[Stimulus]:
        """Return the stimuli that get a trial each."""
        return list(stimuli)

    def clips(self, conditions: int) -> int:
        """Return how many clips a trial of a study with so many conditions holds."""
        return 1

    def arrange(
        self, stimulus: Stimulus, others: Mapping[str, Stimulus], baseline: str, way: int, rng: random.Random
    ) -> tuple[str, ...]:
        """Name the clips of a trial in the order heard; nothing for the one clip of the stimulus itself.

        Parameters
        ----------
        others
            The stimuli of the same prompt and seed by condition.
        way
            Which of its ways it is heard in: see `survey.trials.ways`.
        """
        return ()

    def describe(self, scale: Wording) -> dict[str, Any]:
        """Return what the page shows, best grade first; `own` where the study has words of its own."""
        return {
            "type": self.name,
            "question": scale.question,
            "answer": self.answer,
            "family": self.family,
            "letters": self.letters,
            "legend": self.legend,
            "grades": [
                {"score": grade, "mark": self.mark(grade), "label": scale.labels.get(grade, "")}
                for grade in self._grades(scale)
            ],
            "own": scale.own,
        }

    def mark(self, grade: int) -> str:
        """Return what stands before a grade's words."""
        return str(grade)

    def parse(self, answer: object, comment: str, clips: int, scale: Wording) -> Given:
        """Return an answer to a trial of so many clips, or refuse it."""
        grades = self._grades(scale)
        if isinstance(answer, bool) or not isinstance(answer, int) or answer not in grades:
            allowed = f"a whole number from {min(grades)} to {max(grades)}"
            raise AnswerError(f"score: must be {allowed}, not {answer!r}")
        return Given(answer)

    def results(self, clips: Sequence[int], stimulus: int, given: Given) -> Iterator[Result]:
        """Yield what an answer says, given the stimuli heard and the one under test."""
        yield Result(stimulus, given.score)

    def attention(self, way: int) -> tuple[Mapping[str, Any], tuple[int, ...]]:
        """Return which answers pass a check, and the clips heard: 0 is the prompt's own, 1 its foil's."""
        return quality.expects(*quality.MISMATCH), ()

    def _grades(self, scale: Wording) -> tuple[int, ...]:
        return self.grades


class _Pair(AbsoluteCategory):
    """What types share that set a condition beside the baseline."""

    ways = 2
    family = "pair"

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
        yield Result(stimulus, given.score if second else -given.score, reference, clips[0])

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

    def attention(self, way: int) -> tuple[Mapping[str, Any], tuple[int, ...]]:
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

    def attention(self, way: int) -> tuple[Mapping[str, Any], tuple[int, ...]]:
        """Ask for the clip that belongs to the text."""
        return quality.expects(*((-3, -1) if way % 2 else (1, 3))), self._order(way)


class Abx(_Pair):
    """ABX: which of two clips the third one is; 0 is the first, 1 the second."""

    name = "abx"
    grades = (0, 1)
    ways = 4
    family = ""
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
        right = int(clips[given.score or 0] == x)
        yield Result(stimulus, right, second if first == stimulus else first, first, x)

    def attention(self, way: int) -> tuple[Mapping[str, Any], tuple[int, ...]]:
        """Ask which of two sounds of different prompts a third is."""
        return quality.expects(way // 2, way // 2), self._order(way)

    def _order(self, way: int) -> tuple[int, ...]:
        """Return which clip A, B and X is."""
        pair = super()._order(way)
        return (*pair, pair[way // 2])


class Mushra(AbsoluteCategory):
    """Multiple stimuli with hidden reference and anchor (ITU-R BS.1534-3): every condition from 0 to 100."""

    name = "mushra"
    grades = (4, 3, 2, 1, 0)  # the five bands beside the sliders
    answer = "sliders"
    checks = ()

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
        if not isinstance(answer, list) or not whole or len(answer) != wanted or not all(0 <= s <= 100 for s in answer):
            raise AnswerError(f"score: must be {wanted} whole numbers from 0 to 100, not {answer!r}")
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


QUESTION_TYPES: dict[str, AbsoluteCategory] = {
    one.name: one() for one in (AbsoluteCategory, Preference, ComparisonCategory, Abx, Mushra, FreeText)
}


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it was given: a score, or one for each clip."""

    score: int | None
    scores: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What an answer says of one stimulus; where it compares, with which `reference`, and which was heard `first`.

    All but the score are the stimuli that were handed in; `x` is the one that ABX asks for.
    """

    stimulus: int
    score: int | None
    reference: int | None = None
    first: int | None = None
    x: int | None = None
