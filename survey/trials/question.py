"""A type of question: which clips a trial holds, what may be answered, and what that says of the conditions.

What all types share, and the first of them, absolute category rating, whose ways the others follow where they have
none of their own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from survey.errors import AnswerError
from survey.trials import quality
from survey.trials.stimulus import Stimulus
from survey.values import shown


class Wording(Protocol):
    """What a study asks, in which words, and whether they are its own: `survey.trials.scale.Scale`."""

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
    def both_bad(self) -> bool:
        """Whether `ab` has the answer that neither is any good."""

    @property
    def low(self) -> float | None:
        """The lowest number of a scale of numbers."""

    @property
    def high(self) -> float | None:
        """The highest number."""

    @property
    def step(self) -> float | None:
        """What is between two numbers next to each other."""

    @property
    def own_labels(self) -> bool:
        """Whether the words of the grades are its own."""


class AbsoluteCategory:
    """Absolute category rating (ITU-T P.800, annex B): one clip, five labelled grades."""

    name = "acr"
    grades: tuple[int, ...] = (5, 4, 3, 2, 1)
    ways = 1  # in how many a trial can be heard: survey/trials/ways.py
    answer = "grades"  # what the page takes it with: grades, "slider", "sliders" for each clip, or "words"
    family = ""  # types whose explanations are the same, such as how_2_pair in the page's texts
    hears = "clip"  # what a trial holds: scales of types that hold the same go together; alone where it is empty
    reference: int | None = None  # the place of the clip that is the open reference
    letters = "ABCDEFGHIJKLMNOPQSTUVWXYZ"  # what its clips are called, where there are several; R is the reference
    legend = True  # whether the grades are shown before the first trial
    checks: tuple[str, ...] = ("attention_checks", "repeats", "instructed_checks", "gold_checks")

    @property
    def span(self) -> tuple[float, float] | None:
        """The lowest and the highest score; None where the study says them, or there are none."""
        return (min(self.grades), max(self.grades)) if self.grades else None

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
        """Return what the page shows, best grade first."""
        own = scale.own_labels
        return {
            "type": self.name,
            "question": scale.question,
            "answer": self.answer,
            "family": self.family,
            "reference": self.reference,
            "letters": self.letters,
            "legend": self.legend,
            "grades": [
                {
                    "score": grade,
                    "mark": self.mark(grade),
                    "label": scale.labels.get(grade, "") if own else "",
                }
                for grade in self._grades(scale)
            ],
        }

    def mark(self, grade: int) -> str:
        """Return what stands before a grade's words."""
        return str(grade)

    def parse(self, answer: object, comment: str, clips: int, scale: Wording) -> Given:
        """Return an answer to a trial of so many clips, or refuse it."""
        grades = self._grades(scale)
        if isinstance(answer, bool) or not isinstance(answer, int) or answer not in grades:
            allowed = f"a whole number from {min(grades)} to {max(grades)}"
            raise AnswerError(f"score: must be {allowed}, not {shown(answer)}")
        return Given(answer)

    def results(self, clips: Sequence[int], stimulus: int, given: Given) -> Iterator[Result]:
        """Yield what an answer says, given the stimuli heard and the one under test."""
        yield Result(stimulus, given.score)

    def attention(self, way: int, scale: Wording) -> tuple[Mapping[str, Any], tuple[int, ...]]:
        """Return which answers pass a check, and the clips heard: 0 is the prompt's own, 1 its foil's."""
        return quality.expects(*quality.MISMATCH), ()

    def within(self, scale: Wording) -> float:
        """Return how far the answer to a repeat may be from the first."""
        return quality.REPEAT_TOLERANCE

    def _grades(self, scale: Wording) -> tuple[int, ...]:
        return self.grades


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it was given: a score, or one for each clip.

    `answer` names one that is more than its score; `words` are those of a scale that is answered in words beside
    others.
    """

    score: float | None
    scores: tuple[int, ...] | None = None
    answer: str = ""
    words: str = ""

    @property
    def plain(self) -> object:
        """The answer as the page sends it."""
        return self.answer or self.words or (self.score if self.scores is None else list(self.scores))


@dataclass(frozen=True, slots=True)
class Result:
    """What an answer says of one stimulus; where it compares, with which `reference`, and which was heard `first`.

    All but the score and the `answer` are the stimuli that were handed in; `x` is the one that ABX asks for.
    """

    stimulus: int
    score: float | None
    reference: int | None = None
    first: int | None = None
    x: int | None = None
    answer: str = ""
