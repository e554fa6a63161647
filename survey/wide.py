"""The wide form of ratings: a row for each participant and clip's prompt, the scores of the conditions side by side."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, groupby

from survey.columns import Column, Described, described
from survey.records import RatingRow, harmless
from survey.trials.design import TRIAL

KEYS = ("study", "participant", "session", "revision", "prompt_id", "prompt", "seed", "question", "scale", "reference")


def wide_columns(conditions: Sequence[str]) -> list[Described]:
    """Describe the columns of the wide form: what a row is about, then a score for each of the conditions.

    Examples
    --------
    >>> [one.name for one in wide_columns(["baseline", "seed"])][-3:]
    ['reference', 'baseline', 'seed (condition)']
    """
    names = [f"{name} (condition)" if name in KEYS else name for name in conditions]
    (score,) = described(RatingRow, ["score"])
    scores = [
        Described(
            str(harmless(name)), float, True, Column(f"score of the condition {condition}", rule=score.column.rule)
        )
        for name, condition in zip(names, conditions, strict=True)
    ]
    return [*described(RatingRow, KEYS), *scores]


def wide_rows(rows: Iterable[RatingRow], conditions: Sequence[str]) -> Iterator[list[object]]:
    """Yield the cells of the wide form; trials that do not count, checks and answers without a score have none.

    A condition that was heard twice under one prompt gets a second row. The rows must come session by session.
    """
    places = {name: len(KEYS) + place for place, name in enumerate(conditions)}
    for _, session in groupby(rows, key=lambda row: row.session):
        made: dict[tuple[object, ...], list[object]] = {}
        for row in session:
            if row.kind != TRIAL or row.score is None:
                continue
            about, place = [harmless(getattr(row, name)) for name in KEYS], places[row.condition]
            for turn in count():
                cells = made.setdefault((turn, *about), [*about, *[None] * len(places)])
                if cells[place] is None:
                    cells[place] = row.score
                    break
        yield from made.values()
