"""How often each answer was given to what a study asks beside the clips."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import select

from db.engine import reading
from db.scope import Scope
from db.tables import Session
from survey.config.items import Item, items, restored


@dataclass(frozen=True, slots=True)
class Tally:
    """The answers to a question with options: how often each was given, those that nobody gave among them."""

    item: Item
    counts: dict[str, int]


def tallies(scope: Scope) -> list[Tally]:
    """Count the answers to the questions with options in the sessions of the newest revision, whatever became of them.

    One that comes every N trials has an answer for each time.
    """
    asked: dict[str, Item] = {item.name: item for item in items(scope.recruitment, scope.questions)}
    counts: dict[str, Counter[str]] = {}
    with reading(scope.engine) as db:
        for answers, own in db.execute(
            select(Session.answers, Session.asked).where(scope.mine(Session), scope.present())
        ):
            asked = {item.name: item for item in restored(own or [])} | asked
            for name, answer in (answers or {}).items():
                for one in answer.values() if isinstance(answer, dict) else (answer,):
                    counts.setdefault(name, Counter()).update(one if isinstance(one, list) else [one])
    return [
        Tally(item, {option: counts.get(item.name, Counter())[option] for option in item.options})
        for item in asked.values()
        if item.options
    ]
