"""What a participant is asked before listening, and which answers lead out of the study."""

from collections.abc import Mapping
from dataclasses import dataclass

from survey.config.session import Recruitment
from survey.errors import AnswerError

LONGEST = 60  # characters of an answer in one's own words


@dataclass(frozen=True, slots=True)
class Item:
    """A question: its `options`, none if it is answered in words, and which of them lead out of the study.

    Names and options are keys of the page's texts.
    """

    name: str
    options: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


# ITU-T P.800 B.4.4: naive listeners, not of late in a listening test, who have not heard the material.
ELIGIBILITY = (
    Item("hearing", ("yes", "no"), ("no",)),
    Item("audio_work", ("yes", "no"), ("yes",)),
    Item("recent_test", ("yes", "no"), ("yes",)),
    Item("heard_before", ("yes", "no"), ("yes",)),
)
DEMOGRAPHICS = {
    "age": Item("age", ("under_18", "18_29", "30_44", "45_59", "60_up", "no_answer")),
    "gender": Item("gender", ("woman", "man", "other", "no_answer")),
    "language": Item("language"),
    "listening": Item("listening", ("headphones_often", "headphones_rarely", "speakers", "no_answer")),
}


def items(recruitment: Recruitment) -> tuple[Item, ...]:
    """Return the questions that a study asks."""
    asked = tuple(DEMOGRAPHICS[name] for name in recruitment.demographics)
    return (*(ELIGIBILITY if recruitment.eligibility else ()), *asked)


def check_answers(answers: Mapping[str, str], asked: tuple[Item, ...]) -> dict[str, str]:
    """Return the answers to `asked`, all of them, or refuse; those in words may be empty."""
    if set(answers) != {item.name for item in asked}:
        raise AnswerError(f"answers: must be given to each of {', '.join(item.name for item in asked)}")
    for item in asked:
        answer = answers[item.name]
        if item.options and answer not in item.options:
            raise AnswerError(f"answers.{item.name}: must be one of {', '.join(item.options)}")
        if len(answer) > LONGEST:
            raise AnswerError(f"answers.{item.name}: must have at most {LONGEST} characters")
    return {item.name: answers[item.name].strip() for item in asked}


def eligible(answers: Mapping[str, str], asked: tuple[Item, ...]) -> bool:
    """Say whether no answer leads out of the study."""
    return all(answers[item.name] not in item.refused for item in asked)
