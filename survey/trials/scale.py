"""The scale: what is asked of every clip, in which words."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from survey.trials.questions import QUESTION_TYPES
from survey.values import CONFIG, TEXT, WORD, OneOf, Reads, Truth, text

GRADES = (5, 4, 3, 2, 1)
MAX_LABEL = 100
# The page's own words; read, not imported: nothing of the page is needed to know them.
ENGLISH = Path(__file__).parents[2] / "app" / "static" / "texts" / "en.json"


@cache
def _english() -> dict[str, str]:
    found: dict[str, str] = json.loads(ENGLISH.read_text(encoding="utf-8"))
    return found


def _own_labels() -> dict[int, str]:
    return {grade: _english()[f"grade_{grade}"] for grade in GRADES}


def _read_labels(value: Any) -> dict[int, str]:
    if not isinstance(value, dict) or set(value) != set(GRADES):
        raise ValueError("must give a text for each of 5, 4, 3, 2 and 1")
    return {grade: value[grade] for grade in GRADES}


def _differ(labels: dict[int, str]) -> dict[int, str]:
    if len(set(labels.values())) < len(labels):
        raise ValueError("two labels read the same; make them differ")
    return labels


def _labels_schema(made: dict[str, Any]) -> dict[str, Any]:
    one = made["additionalProperties"]
    every = [str(grade) for grade in GRADES]
    return {"type": "object", "properties": dict.fromkeys(every, one), "required": every, "additionalProperties": False}


@dataclass(frozen=True)
class Scale:
    """What is asked of every clip."""

    __pydantic_config__ = CONFIG

    type: Annotated[str, OneOf(tuple(QUESTION_TYPES)), WORD] = "acr"
    """the type of question"""
    question: Annotated[str, TEXT] = field(default_factory=lambda: _english()["question"])
    """what is asked of a clip; the page asks its own question in the participant's language"""
    labels: Annotated[
        dict[int, Annotated[str, text(MAX_LABEL)]], Reads(_differ, after=True), Reads(_read_labels, _labels_schema)
    ] = field(default_factory=_own_labels)
    """the words of the five grades of `acr`, 5 the best; the page has its own in the participant's language"""
    no_preference: Truth = False
    """whether `ab` has a third answer: neither"""

    @property
    def own(self) -> bool:
        """Whether the study has words of its own."""
        plain = Scale()
        return (self.question, self.labels) != (plain.question, plain.labels)
