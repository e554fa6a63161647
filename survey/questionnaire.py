"""What a participant is asked beside the clips, of whom, when, and which answers lead out of the study."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from survey.config.items import AFTER, AFTER_TRIALS, BEFORE, EACH, Item
from survey.errors import AnswerError

LONGEST, LONGEST_OWN = 60, 2000  # characters of an answer in one's own words to the page's questions, the study's own


STAGES = {BEFORE: "questions", AFTER: "after", AFTER_TRIALS: "between", EACH: "between"}  # by the place

Answers = Mapping[str, Any]


def due(stage: str, asked: Sequence[Item], answers: Answers, done: int = 0) -> tuple[Item, ...]:
    """Return the questions of a page: those of this stage that are still to be asked, with `done` trials answered.

    One that waits for the answer to another of the same page is among them; `check_answers` leaves it out where that
    answer is not the one.
    """
    found: list[Item] = []
    for item in asked:
        if STAGES[item.place.at] != stage or not _open(item, answers, done):
            continue
        here = {one.name for one in found}
        if all(name in here or _fits(answers.get(name), wanted) for name, wanted in item.when.items()):
            found.append(item)
    return tuple(found)


def worded(item: Item, texts: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return a question beside the clips in the words of a language: how it is put, and what each option reads."""
    place = f"questions.{item.name}"
    return texts.get(f"{place}.ask", item.ask), {one: texts.get(f"{place}.options.{one}", one) for one in item.options}


def check_answers(given: Answers, page: Sequence[Item], before: Answers | None = None) -> dict[str, Any]:
    """Return the answers to a page, one to each question that is asked of who answers so, or refuse them.

    What is left open is empty: None for single and number, nothing in a list or a text for the others.

    Raises
    ------
    AnswerError
        With the question's name.
    """
    checked: dict[str, Any] = {}
    here = {item.name for item in page}
    for item in page:
        known = {name: checked.get(name) if name in here else (before or {}).get(name) for name in item.when}
        if not all(_fits(known[name], wanted) for name, wanted in item.when.items()):
            continue
        if item.name not in given:
            raise AnswerError(f"answers: must be given to {item.name}")
        checked[item.name] = _read(item, given[item.name])
    if more := next(iter(given.keys() - checked.keys()), None):
        raise AnswerError(f"answers: no question {more[:40]!r} is asked here; asked: {', '.join(checked) or 'none'}")
    return checked


def merged(before: Answers | None, page: Sequence[Item], checked: Answers, done: int = 0) -> dict[str, Any]:
    """Return all answers, those of a page among them: of a question that is asked again and again one for each time."""
    answers = dict(before or {})
    for item in page:
        if item.name in checked and item.place.at == EACH:
            answers[item.name] = {**answers.get(item.name, {}), str(_time(item, done)): checked[item.name]}
        elif item.name in checked:
            answers[item.name] = checked[item.name]
    return answers


def eligible(answers: Answers, asked: Sequence[Item]) -> bool:
    """Say whether no answer leads out of the study."""
    return not any(_fits(answers.get(item.name), item.screen_out) for item in asked if item.screen_out)


def _open(item: Item, answers: Answers, done: int) -> bool:
    """Say whether it is time for a question, and it was not asked yet."""
    if item.place.at == EACH:
        time = _time(item, done)
        return time > 0 and str(time) not in answers.get(item.name, {})
    return item.name not in answers and done >= item.place.trials


def _time(item: Item, done: int) -> int:
    """Return after how many trials a question that comes again and again is asked this time."""
    return done // item.place.trials * item.place.trials


def _fits(answer: Any, wanted: Collection[str]) -> bool:
    """Say whether an answer is, or has among what was chosen, one that is wanted."""
    if isinstance(answer, list):
        return any(one in wanted for one in answer)
    if isinstance(answer, int | float):
        return any(float(one) == answer for one in wanted)
    return answer in wanted


def _read(item: Item, answer: Any) -> Any:
    """Return an answer as it is stored, or refuse it."""
    place = f"answers.{item.name}"
    left_open = answer is None or answer in ("", []) or (isinstance(answer, str) and not answer.strip())
    if left_open and item.required:
        raise AnswerError(f"{place}: must be answered")
    match item.type:
        case "single":
            if not left_open and answer not in item.options:
                raise AnswerError(f"{place}: must be one of {', '.join(item.options)}")
            return None if left_open else answer
        case "multiple":
            chosen = [] if left_open else answer
            if not isinstance(chosen, list) or any(one not in item.options for one in chosen):
                raise AnswerError(f"{place}: must be a list of {', '.join(item.options)}")
            return [option for option in item.options if option in chosen]
        case "number":
            return None if left_open else _number(item, answer, place)
    longest = LONGEST_OWN if item.own else LONGEST
    if not left_open and not isinstance(answer, str):
        raise AnswerError(f"{place}: must be a text")
    if answer and len(answer) > longest:
        raise AnswerError(f"{place}: must have at most {longest} characters")
    return (answer or "").strip()


def _number(item: Item, answer: Any, place: str) -> float:
    """Return a number within its limits."""
    low, high = (-math.inf if item.low is None else item.low), (math.inf if item.high is None else item.high)
    whole = isinstance(answer, int | float) and not isinstance(answer, bool)
    if not whole or not math.isfinite(answer) or not low <= answer <= high:
        raise AnswerError(f"{place}: must be a number from {low:g} to {high:g}")
    number = float(answer)
    return int(number) if number.is_integer() and abs(number) < 1e15 else number
