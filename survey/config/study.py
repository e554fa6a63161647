"""study.yaml: what a study asks, of which model and under which conditions.

Sections are frozen dataclasses whose types carry the limits: pydantic reads a file by them (survey/config/reading.py),
and the JSON schema and the tables of docs/study.md are made of them and of the words below each key. So a new key is
two lines here.
"""

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from survey.config.clips import SHORT, OwnClips
from survey.config.items import Item
from survey.config.rendering import Calibration, Lora, Quantization, Sampling
from survey.config.session import LANGUAGES, Recruitment, SessionRules
from survey.faults import Place, Several
from survey.translations import read_texts, texts_schema
from survey.trials.scale import FURTHEST, Asked, Scale
from survey.values import CONFIG, TEXT, WORD, Limits, OneOf, Reads, entries, read_text, shown, text

MAX_PROMPT, MAX_CONDITION = 1000, 100
MOST_SCALES = 10
MOST_TAKES = 1000  # of a prompt of own clips
MARGIN, FIVE = 0.3, 4  # the usual margin in points of five grades, and how many points they span
HYPHENS = "must be lower-case words joined by hyphens"  # the names of variants
Language = Annotated[str, OneOf(LANGUAGES)]
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Prompt:
    """A description of a sound; `id` is p1, p2, ... in the study's order."""

    id: str
    text: str


def _read_conditions(value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"must be a list of at least one condition, not {shown(value)}")
    names, faults = list[str](), list[tuple[Place, str]]()
    for number, name in enumerate(value):
        try:
            names.append(_read_condition(name))
        except ValueError as error:
            faults.append(((number,), str(error)))
    first: dict[str, int] = {}
    twice = [number for number, name in enumerate(names) if first.setdefault(name, number) != number]
    if faults := faults or [((number,), "one appears twice; remove it") for number in twice]:
        raise Several(faults)
    return names


def _read_condition(name: Any) -> str:
    if isinstance(name, (int, float)):
        read_text(name)
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{shown(name)} {HYPHENS}")
    return read_text(name, MAX_CONDITION)


def _conditions_schema(made: dict[str, Any]) -> dict[str, Any]:
    one = {"type": "string", "pattern": r"\S", "maxLength": MAX_CONDITION}
    return {**made, "items": one, "minItems": 1, "uniqueItems": True}


def _read_prompts(value: Any) -> tuple[Prompt, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"must be a list of at least one text, not {shown(value)}")
    checked, faults = list[str](), list[tuple[Place, str]]()
    for number, one in enumerate(value, 1):
        try:
            checked.append(read_text(one, MAX_PROMPT))
        except ValueError as error:
            faults.append(((number - 1,), f"number {number}: {error}"))
    if faults:
        raise Several(faults)
    return tuple(Prompt(f"p{number}", one) for number, one in enumerate(checked, 1))


def _prompts_schema(made: dict[str, Any]) -> dict[str, Any]:
    one = {"type": "string", "pattern": r"\S", "maxLength": MAX_PROMPT}
    return {"type": "array", "items": one, "minItems": 1}


def _read_loras(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise ValueError(f"must be a mapping of file and strength, or a list of them, not {shown(value)}")
    return value


def _loras_schema(made: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [made["items"], made]}


def _read_scales(value: Any) -> list[Any]:
    if not isinstance(value, list) or not 2 <= len(value) <= MOST_SCALES:
        raise ValueError(f"must be a list of 2 to {MOST_SCALES} mappings; for one question, use scale")
    return value


def _scales_schema(made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "minItems": 2, "maxItems": MOST_SCALES}


@dataclass(frozen=True)
class AnalysisRules:
    """What the ratings are tested against."""

    __pydantic_config__ = CONFIG

    baseline: Annotated[str, TEXT] = "baseline"
    """the reference condition; the first condition if none is called baseline"""
    equivalence_margin: Annotated[float, Limits(0.01, 2 * FURTHEST)] = MARGIN
    """in points, stated before the first rating; of numbers, where it is not stated, 7.5 % of their range; of several
    scales in points of the first that has points, and the same share of the others' range"""
    alpha: Annotated[float, Limits(0.0001, 0.5)] = 0.05
    """level of the tests"""
    stopping: Annotated[Literal["none", "bounded", "asymptotic"], WORD] = "none"
    """the rule by which the study may stop early: that a confidence sequence of this kind has shown of every condition
    that it is equivalent to the baseline, or different from it; `/admin` says when"""


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """A whole study.yaml, checked.

    `model` is None where all conditions are own clips; `clips` where none is.
    """

    __pydantic_config__ = CONFIG

    name: Annotated[str, text(100)]
    """name of the study, in the database and in every row of its ratings"""
    model: Annotated[str | None, text(1000)] = None
    """`mini`, `stable-audio-open-1.0`, `stable-audio-open-small`, a folder, or a weight file in one"""
    clips: Annotated[OwnClips | None, SHORT] = None
    """clips of your own, beside those of a model or without one; a text is their `source`"""
    conditions: Annotated[tuple[str, ...], Reads(_read_conditions, _conditions_schema)]
    """variants under test, and the conditions of own clips; without a model those of `clips`, if left out"""
    prompts: Annotated[tuple[Prompt, ...], Reads(_read_prompts, _prompts_schema)]
    """descriptions, each up to 1,000 characters; without a model those of `clips`, if left out"""
    lora: Annotated[tuple[Lora, ...], Reads(_read_loras, _loras_schema)] = ()
    """a LoRA or DoRA adapter that is merged into the model under every condition, or several in their order"""
    sampling: Sampling = field(default_factory=Sampling)
    """how clips are sampled"""
    calibration: Calibration = field(default_factory=Calibration)
    """how activation ranges are collected"""
    quantization: Quantization = field(default_factory=Quantization)
    """how the conditions are quantized"""
    scale: Scale = field(default_factory=Scale)
    """what is asked of every clip"""
    scales: Annotated[tuple[Scale, ...], Reads(_read_scales, _scales_schema)] = ()
    """instead of `scale`: several questions about the same clips, each with the keys of `scale` and a `name`"""
    layout: Annotated[Literal["together", "one_by_one"], WORD] = "together"
    """of several scales: all on one page, or one after another in the same trial"""
    session: SessionRules = field(default_factory=SessionRules)
    """what a participant goes through"""
    questions: Annotated[tuple[Item, ...], entries()] = ()
    """what participants are asked beside the clips: before, between and after them"""
    recruitment: Recruitment = field(default_factory=Recruitment)
    """who takes part, and how they arrive and leave"""
    language: Annotated[Language, WORD] | None = None
    """of the words that are written here, so that the page can mark them beside those of another language"""
    translations: dict[Language, Annotated[dict[str, str], Reads(read_texts, texts_schema)]] = field(
        default_factory=dict
    )
    """the study's own words in further languages: for each its `consent`, `question`, `labels` and `prompts`"""
    analysis: AnalysisRules = field(default_factory=AnalysisRules)
    """what the ratings are tested against"""

    @property
    def most_blocks(self) -> int:
        """How many prompts and takes there are, at most: the takes of own clips are known when they are listed."""
        return len(self.prompts) * (len(self.sampling.seeds) if self.model is not None else MOST_TAKES)

    @property
    def asked(self) -> Asked:
        """What is asked in a trial; the first of several scales is also `scale`."""
        return Asked(self.scales or (self.scale,), self.layout)

    @property
    def points(self) -> float:
        """How many points the scale spans in whose points the margin is; those of five grades where it has none."""
        first = next((one for one in self.asked.scales if one.type != "text"), self.scale)
        return FIVE if first.low is None or first.high is None else first.high - first.low
