"""Question: the types that an analysis knows, each with its scores and the words in which a report tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Question:
    """A type of question, as a report tells of it.

    Parameters
    ----------
    title
        Head of its report.
    answers
        What its answers are, after "The answers are".
    task
        What participants did, after "Participants".
    heard
        How they heard a prompt, after "Each participant was to hear every prompt".
    scores
        The scores that there are; none for words.
    primary
        The test that the sentences rest on: its name without the question's. Empty where nothing is tested.
    paired
        Whether an answer compares a condition with a reference.
    estimate
        What the primary test estimates, as the head of its column.
    """

    title: str
    answers: str
    task: str
    heard: str
    scores: range
    primary: str = ""
    paired: bool = False
    estimate: Literal["difference", "mean", "share right"] = "difference"

    @property
    def signed(self) -> bool:
        """Whether the estimate has a sign; a share has none."""
        return self.estimate != "share right"


BESIDE = "with every condition beside the reference"
QUESTIONS = {
    "acr": Question(
        "Absolute category rating (ITU-T P.800, annex B)",
        "scores from 1 to 5 (5 the best)",
        "rated one clip at a time on an absolute category scale of five grades",
        "under every condition",
        range(1, 6),
    ),
    "ab": Question(
        "Paired preference (AB)",
        "paired preferences (AB)",
        "heard two clips, A and B, and said which of them they preferred",
        BESIDE,
        range(-1, 2),
        "t",
        paired=True,
        estimate="mean",
    ),
    "ccr": Question(
        "Comparison category rating (ITU-T P.800, annex E)",
        "comparison category ratings (CCR) from -3 to 3",
        "heard two clips, A and B, and rated B against A on a scale of seven steps, from -3 to 3",
        BESIDE,
        range(-3, 4),
        "t",
        paired=True,
        estimate="mean",
    ),
    "abx": Question(
        "ABX",
        "ABX answers",
        "heard two clips, A and B, and said which of them a third clip, X, was",
        BESIDE,
        range(2),
        "binomial",
        paired=True,
        estimate="share right",
    ),
    "mushra": Question(
        "MUSHRA (ITU-R BS.1534-3)",
        "MUSHRA ratings from 0 to 100",
        "rated all clips of a prompt side by side with sliders from 0 to 100, beside an open reference",
        "with all conditions on one page",
        range(101),
        "t",
    ),
    "text": Question(
        "Free text",
        "free texts",
        "heard one clip at a time and answered in their own words",
        "under every condition",
        range(0),
    ),
}
"""The types by the name that stands in the column `question`."""
