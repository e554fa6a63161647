"""How many people take part, and how far they are: one count for the command line and the researcher's page."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import combinations

from db import Progress
from survey.session import DISCARDED, FINISHED_DISCARDED, LAPSED, SCREENED_OUT

FINISHED, UNDER_WAY = "finished", "under way"
OTHERS = (
    "inactive",  # for so long that somebody else may have the place
    "failed and not counted",
    "screened out",
    "back too late",
    "excluded",  # by the researcher
    "invited",
    "withdrawn",
    "revoked",  # links that nobody used, by the researcher
    "of earlier revisions",
)


def count_people(people: Iterable[Progress], revision: int) -> Counter[str]:
    """Count people by where they stand; each is counted once, and `finished` are those that the target counts."""
    return Counter(standing(person, revision) for person in people)


def others_in_words(count: Mapping[str, int]) -> str:
    """Say who is neither finished nor under way, empty if nobody is."""
    return ", ".join(f"{count[name]} {name}" for name in OTHERS if count[name])


def sharing(people: Iterable[Progress]) -> dict[str, list[str]]:
    """Return who was at their seat of the laboratory at the same time as others, and which: two browsers have its link.

    Somebody is there from the consent to the last answer; who left in the middle is not in the way of the next.
    """
    seats, found = defaultdict(list), defaultdict(list)
    for person in people:
        if person.seat:
            seats[person.seat].append(person)
    for one, other in (pair for seated in seats.values() for pair in combinations(seated, 2)):
        if max(_times(one)[0], _times(other)[0]) < min(_times(one)[1], _times(other)[1]):
            found[one.code].append(other.code)
            found[other.code].append(one.code)
    return found


def _times(person: Progress) -> tuple[datetime, datetime]:
    """Return when somebody with a session began and was last seen."""
    assert person.started_at is not None
    return person.started_at, person.finished_at or person.seen_at or person.started_at


def standing(person: Progress, revision: int) -> str:
    """Say where somebody stands, in a word or a few."""
    if person.stage in ("invited", "withdrawn", "revoked"):
        return person.stage
    if person.revision != revision:
        return "of earlier revisions"
    if person.outcome in (DISCARDED, FINISHED_DISCARDED):
        return "excluded"
    if person.outcome == SCREENED_OUT:
        return "screened out"
    if person.outcome == LAPSED:
        return "back too late"
    if person.finished_at is not None:
        return FINISHED if person.counted else "failed and not counted"
    return "inactive" if person.still else UNDER_WAY
