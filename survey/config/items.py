"""Questions: what a study asks its participants beside the clips, each with when and of whom it is asked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from survey.config.session import Recruitment
from survey.values import CONFIG, DISTINCT, WORD, Limits, Reads, Truth, entries, read_text, shown, text

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
EVERY = re.compile(r"every +([1-9][0-9]{0,3})")
MOST_TRIALS, LONGEST_OPTION = 9999, 200
BEFORE, AFTER, AFTER_TRIALS, EACH = "before", "after", "after_trials", "every"

Kind = Literal["single", "multiple", "text", "number"]


@dataclass(frozen=True)
class Place:
    """Where in a session a question is asked; `trials` after so many trials, or after each so many."""

    at: str = BEFORE
    trials: int = 0


def _read_name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError(
            f"must be a lower-case word of letters, digits and _, such as first_language, not {shown(value)}"
        )
    return value


def _read_option(value: Any) -> str:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return read_text(str(value) if plain else value, LONGEST_OPTION)


def _option_schema(made: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{**made, "minLength": 1, "maxLength": LONGEST_OPTION}, {"type": "number"}]}


def _read_when(value: Any) -> dict[str, list[Any]]:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"must be a mapping of another question to its answer, or a list of them, not {shown(value)}")
    return {str(name): answers if isinstance(answers, list) else [answers] for name, answers in value.items()}


def _when_schema(made: dict[str, Any]) -> dict[str, Any]:
    several = made["additionalProperties"]
    return {**made, "additionalProperties": {"anyOf": [several["items"], several]}, "minProperties": 1}


def _read_place(value: Any) -> Any:
    if isinstance(value, str) and (found := EVERY.fullmatch(value.strip())):
        return Place(EACH, int(found[1]))
    if value in (BEFORE, AFTER):
        return Place(value)
    if isinstance(value, dict) and len(value) == 1:
        ((at, trials),) = value.items()
        if at in (AFTER_TRIALS, EACH) and type(trials) is int and 1 <= trials <= MOST_TRIALS:
            return Place(at, trials)
    raise ValueError(f"must be before, after, {{after_trials: N}} or every N, not {shown(value)}")


def _place_schema(made: dict[str, Any]) -> dict[str, Any]:
    number = {"type": "integer", "minimum": 1, "maximum": MOST_TRIALS}
    mappings = [
        {"type": "object", "properties": {name: number}, "required": [name], "additionalProperties": False}
        for name in (AFTER_TRIALS, EACH)
    ]
    return {"anyOf": [{"enum": [BEFORE, AFTER]}, {"type": "string", "pattern": f"^ *{EVERY.pattern} *$"}, *mappings]}


Option = Annotated[str, Reads(_read_option, _option_schema)]


@dataclass(frozen=True)
class Item:
    """A question to a participant. One without words of its own is asked in the page's, by its name."""

    __pydantic_config__ = CONFIG

    name: Annotated[str, Reads(_read_name, lambda made: {**made, "pattern": f"^{NAME.pattern}$"})]
    """what its answers are called in `sessions.csv`"""
    ask: Annotated[str, text(1000)]
    """the question, as it is put"""
    type: Annotated[Kind, WORD] = "single"
    """single (one of the options), multiple (any of them), text or number"""
    options: Annotated[tuple[Option, ...], entries(), DISTINCT] = ()
    """what can be chosen, of single and multiple"""
    low: Annotated[float, Limits(-1_000_000, 1_000_000)] | None = None
    """of number: the lowest that is taken"""
    high: Annotated[float, Limits(-1_000_000, 1_000_000)] | None = None
    """of number: the highest that is taken"""
    required: Truth = True
    """whether it must be answered before one can go on"""
    when: Annotated[dict[str, tuple[Option, ...]], Reads(_read_when, _when_schema)] = field(default_factory=dict)
    """asked only of who gave this answer, or one of these, to that question before it: `{device: [headphones]}`. It may
    be one of `recruitment`'s, by its name and the names of its answers; of several questions all must fit"""
    place: Annotated[Place, Reads(_read_place, _place_schema)] = field(default_factory=Place)
    """before (the trials), after (them), `{after_trials: N}` or `every N` trials; practice is not counted"""
    screen_out: Annotated[tuple[Option, ...], entries(1), DISTINCT] = ()
    """options that lead out of the study, of a question before the trials"""

    @property
    def own(self) -> bool:
        """Whether it is the study's, in its words."""
        return bool(self.ask)


def _asked(name: str, options: tuple[str, ...] = (), screen_out: tuple[str, ...] = ()) -> Item:
    """Make a question in the page's words: its name and options are keys of the page's texts."""
    kind: Kind = "single" if options else "text"
    return Item(name, "", kind, options, required=bool(options), screen_out=screen_out)


# ITU-T P.800 B.4.4: naive listeners, not of late in a listening test, who have not heard the material.
ELIGIBILITY = (
    _asked("hearing", ("yes", "no"), ("no",)),
    _asked("audio_work", ("yes", "no"), ("yes",)),
    _asked("recent_test", ("yes", "no"), ("yes",)),
    _asked("heard_before", ("yes", "no"), ("yes",)),
)
DEMOGRAPHICS = {
    "age": _asked("age", ("under_18", "18_29", "30_44", "45_59", "60_up", "no_answer")),
    "gender": _asked("gender", ("woman", "man", "other", "no_answer")),
    "language": _asked("language"),
    "listening": _asked("listening", ("headphones_often", "headphones_rarely", "speakers", "no_answer")),
}
NAMES = (*(item.name for item in ELIGIBILITY), *DEMOGRAPHICS)


def items(recruitment: Recruitment, own: Sequence[Item] = ()) -> tuple[Item, ...]:
    """Return the questions that a study asks, its `own` last."""
    asked = tuple(DEMOGRAPHICS[name] for name in recruitment.demographics)
    return (*(ELIGIBILITY if recruitment.eligibility else ()), *asked, *own)


def stored(items: tuple[Item, ...]) -> list[dict[str, Any]]:
    """Return questions as JSON gives them back."""
    return [
        {**asdict(one), "options": list(one.options), "when": {name: list(of) for name, of in one.when.items()},
         "screen_out": list(one.screen_out)}
        for one in items
    ]  # fmt: skip


def restored(kept: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
    """Make questions again of what was stored; they were checked when they were read."""
    return tuple(
        Item(
            **{
                **one,
                "options": tuple(one["options"]),
                "when": {name: tuple(answers) for name, answers in one["when"].items()},
                "place": Place(**one["place"]),
                "screen_out": tuple(one["screen_out"]),
            }
        )
        for one in kept
    )
