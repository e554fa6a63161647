"""The scale: what is asked of every clip, in which words; and several of them in one trial."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from survey.errors import AnswerError
from survey.trials.question import AbsoluteCategory, Given
from survey.trials.questions import MAX_ANSWER, QUESTION_TYPES, ends
from survey.values import CONFIG, TEXT, WORD, Limits, OneOf, Reads, Truth, read_text, shown, text

GRADES = (5, 4, 3, 2, 1)
MAX_LABEL = 100
NUMBERS = ("numeric", "slider")  # types between two ends
FURTHEST = 1_000_000
LATER = ("name", "both_bad", "low", "high", "step", "ends", "required")  # keys that older versions did not freeze
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


def _read_ends(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) not in (0, 2):
        raise ValueError(f"must be a list of two texts, of the low end and of the high end, not {shown(value)}")
    return value


def _ends_schema(made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "anyOf": [{"maxItems": 0}, {"minItems": 2, "maxItems": 2}]}


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
    both_bad: Truth = False
    """whether `ab` has a further answer: both are bad"""
    low: Annotated[float, Limits(-FURTHEST, FURTHEST)] | None = None
    """the lowest number of `numeric` and `slider`, which need it"""
    high: Annotated[float, Limits(-FURTHEST, FURTHEST)] | None = None
    """the highest number of `numeric` and `slider`, which need it"""
    step: Annotated[float, Limits(0.001, FURTHEST)] | None = None
    """from one number of `numeric` to the next, such as 0.5 for halves; 1 where it is not given"""
    ends: Annotated[tuple[Annotated[str, text(100)], ...], Reads(_read_ends, _ends_schema)] = ()
    """words for the low end and for the high end of `numeric` and `slider`"""
    name: Annotated[str, text(40)] | None = None
    """of several scales each has one: lower-case words joined by hyphens; it stands in the column `scale`"""
    required: Truth = True
    """whether it must be answered; the first of several must"""

    @property
    def own_labels(self) -> bool:
        """Whether the words of the grades are its own."""
        return self.labels != plain_scale().labels

    @property
    def kind(self) -> AbsoluteCategory:
        """Its type of question."""
        return QUESTION_TYPES[self.type]

    @property
    def span(self) -> tuple[float, float] | tuple[None, None]:
        """Its ends where it is one of numbers."""
        return ends(self) if self.type in NUMBERS else (None, None)

    def describe(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        more = {"name": self.name or "", "required": self.required, "ends": list(self.ends)}
        return {**self.kind.describe(self), **more}

    def stored(self) -> dict[str, Any]:
        """Return it as it is frozen; a key of later versions stands there only where it is used."""
        usual, found = asdict(plain_scale()), asdict(self)
        return {key: value for key, value in found.items() if key not in LATER or value != usual[key]}


@cache
def plain_scale() -> Scale:
    """Return the scale of a study that says nothing of its own.

    Examples
    --------
    >>> plain_scale().type, plain_scale().labels[5]
    ('acr', 'Matches completely')
    """
    return Scale()


@dataclass(frozen=True)
class Asked:
    """What is asked in a trial: one scale or several about the same clips. The first plans the trial and is checked."""

    scales: tuple[Scale, ...]
    layout: str = "together"

    @property
    def first(self) -> Scale:
        """The scale by which the trial is planned."""
        return self.scales[0]

    @property
    def several(self) -> bool:
        """Whether there are more than one."""
        return len(self.scales) > 1

    @property
    def remarked(self) -> bool:
        """Whether the words beside an answer are the answer."""
        return not self.several and self.first.type == "text"

    def tolerant(self) -> "Asked":
        """Return it with every answer that any study of its types may have allowed."""
        return replace(self, scales=tuple(replace(one, no_preference=True, both_bad=True) for one in self.scales))

    def parse(self, answer: object, comment: str, clips: int) -> tuple[Given | None, ...]:
        """Return an answer to a trial of so many clips, scale by scale, or refuse all of it; None where one is open.

        Of several scales it is a mapping of their names.

        Raises
        ------
        AnswerError
            If it is none.
        """
        if not self.several:
            return (self.first.kind.parse(answer, comment, clips, self.first),)
        names = [one.name or "" for one in self.scales]
        if not isinstance(answer, Mapping) or set(answer) != set(names):
            raise AnswerError(f"score: must be a mapping of {', '.join(names)}, not {shown(answer)}")
        return tuple(_parsed(one, answer[name], clips) for one, name in zip(self.scales, names, strict=True))

    def answers(self, given: tuple[Given | None, ...]) -> dict[str, Any] | None:
        """Return what an answer is beside the first score: by name; None where that is all there is to it."""
        if self.several:
            return {one.name or "": each and each.plain for one, each in zip(self.scales, given, strict=True)}
        first = given[0]
        return {"": first.answer} if first and first.answer else None


def _parsed(scale: Scale, answer: object, clips: int) -> Given | None:
    if answer is None and not scale.required:
        return None
    try:
        if scale.type != "text":
            return scale.kind.parse(answer, "", clips, scale)
        return Given(None, words=read_text(answer, MAX_ANSWER))
    except AnswerError as error:
        raise AnswerError(f"score.{scale.name}{str(error).removeprefix('score')}") from None
    except ValueError as error:
        raise AnswerError(f"score.{scale.name}: {error}") from None
