"""How often each answer was given to what a study asks beside the clips."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from db.scope import Scope
from survey.config.items import Item, items, restored


@dataclass(frozen=True, slots=True)
class Tally:
    """The answers to a question with options: how often each was given, those that nobody gave among them."""

    item: Item
    counts: dict[str, int]


def tallies(scope: Scope, said: Mapping[tuple[str, object], int], asked: Iterable[str]) -> list[Tally]:
    """Count answers to questions with options, whatever became of the sessions.

    `said` tells how often each was given, and `asked` the study's own questions when they began, as JSON.
    """
    known: dict[str, Item] = {}
    for kept in sorted(asked):
        known |= {item.name: item for item in restored(json.loads(kept))}
    known |= {item.name: item for item in items(scope.recruitment, scope.questions)}
    return [
        Tally(item, {option: said.get((item.name, option), 0) for option in item.options})
        for item in known.values()
        if item.options
    ]
