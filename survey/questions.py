"""Question types: what a participant may answer, and what the page needs to ask.

A new type is a class with the same three members, its entry in `QUESTION_TYPES` and its widget on the page.
"""

from typing import Any

from survey.config import Scale
from survey.errors import AnswerError


class AbsoluteCategory:
    """Absolute category rating: one clip, five labelled grades."""

    name = "acr"

    @staticmethod
    def describe(scale: Scale) -> dict[str, Any]:
        """Return what the page shows, best grade first."""
        grades = [{"score": score, "label": scale.labels[score]} for score in (5, 4, 3, 2, 1)]
        return {"type": AbsoluteCategory.name, "question": scale.question, "grades": grades}

    @staticmethod
    def parse(answer: object) -> int:
        """Return the score of an answer, or refuse it."""
        if isinstance(answer, bool) or not isinstance(answer, int) or not 1 <= answer <= 5:
            raise AnswerError(f"score: must be a whole number from 1 to 5, not {answer!r}")
        return answer


QUESTION_TYPES = {AbsoluteCategory.name: AbsoluteCategory}
