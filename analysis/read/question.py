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
        The whole scores that there are; none for words, and where each file has a scale of its own.
    step
        From one score to the next: half points are read where whole ones are usual; None for any number.
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
    step: float | None = 1.0

    @property
    def signed(self) -> bool:
        """Whether the estimate has a sign; a share has none."""
        return self.estimate != "share right"


SCORED = ("acr", "dcr", "numeric", "slider")
"""The types whose answers are scores of one clip on a `RatingScale`."""
UNDER = "under every condition"
BESIDE = "with every condition beside the reference"
QUESTIONS = {
    "acr": Question(
        "Absolute category rating (ITU-T P.800, annex B)",
        "scores from 1 to 5 (5 the best)",
        "rated one clip at a time on an absolute category scale of five grades",
        UNDER,
        range(0),
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
        step=0.5,
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
        step=None,
    ),
    "text": Question(
        "Free text",
        "free texts",
        "heard one clip at a time and answered in their own words",
        UNDER,
        range(0),
    ),
    "dcr": Question(
        "Degradation category rating (ITU-T P.800, annex D)",
        "degradation ratings (DCR)",
        "heard an open reference and then a clip, and rated the degradation of the clip on a scale of five grades",
        UNDER,
        range(0),
    ),
    "numeric": Question(
        "Numeric rating",
        "ratings on a numeric scale",
        "rated one clip at a time on a numeric scale",
        UNDER,
        range(0),
    ),
    "slider": Question(
        "Rating with a slider",
        "ratings with a continuous slider",
        "rated one clip at a time with a continuous slider",
        UNDER,
        range(0),
    ),
}
"""The types by the name that stands in the column `question`."""
