"""How a study fills: its pages, its cells, its checks by day, its times and the devices, out of one look at it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, lgamma
from statistics import median, quantiles
from typing import Any

from app.researcher.views.templates import show
from db import Progress
from db.results.tallying import CHECKS, HEADPHONES, Checked, Tallied
from db.results.watching import Look
from survey import StudyConfig
from survey.config.items import AFTER, BEFORE, items
from survey.session import FINISHED, FINISHED_DISCARDED, STAGES, next_stage

DAYS = 14  # that the table of checks goes back
FEWEST = 5  # checks of a day from which anything is concluded
FALL, CHANCE = 0.2, 0.001  # so much less than before, and so improbable by chance, is said aloud
NAMES = {
    "attention": "attention checks",
    "repeat": "repeated clips",
    "instructed": "instructed answers",
    "gold": "gold clips",
    HEADPHONES: "headphone checks",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the study: how many came so far, are there now, left it there, and were led out of the study there."""

    name: str
    reached: int
    here: int
    left: int
    out: int


@dataclass(frozen=True, slots=True)
class Device:
    """A class of devices and a browser: its sessions, those with a stall, and how often anything was played or stalled.

    `failed` counts sounds that could not be played at all.
    """

    name: str
    sessions: int
    with_stalls: int
    plays: int
    stalls: int
    failed: int


@dataclass(frozen=True, slots=True)
class Filling:
    """How the newest revision of a study fills.

    `answers` counts all, `flagged` those that got any of the `flags`, and `flagging` the people whose they are.
    """

    pages: list[Page]
    times: dict[str, float]
    days: dict[date, dict[str, tuple[int, int, int]]]
    alarms: list[str]
    answers: int
    flags: dict[str, int]
    flagged: int
    flagging: int
    devices: list[Device]


def filling(look: Look, config: StudyConfig) -> str:
    """Draw how a study fills."""
    found = filled(look, config)
    met = {kind for row in found.days.values() for kind in row}
    kinds = [kind for kind in NAMES if kind in met]
    return show("filling", filling=found, kinds=kinds, names=NAMES, **heat(look))


def filled(look: Look, config: StudyConfig) -> Filling:
    """Count how a study fills."""
    people = [one for one in look.people if one.code in look.sessions and one.revision == look.revision]
    sessions = [look.sessions[one.code] for one in people]
    checks = [check for one in sessions for check in one.checks]
    answers = sum(one.answered for one in sessions)
    flags: Counter[str] = Counter()
    for one in sessions:
        flags.update(one.flags)
    return Filling(
        pages=pages(people, look.sessions, config) if people else [],
        times=times(people, sessions),
        days=by_day(checks),
        alarms=alarms(checks),
        answers=answers,
        flags=dict(flags.most_common()),
        flagged=sum(one.flagged for one in sessions),
        flagging=sum(bool(one.flagged) for one in sessions),
        devices=devices(sessions),
    )


def heat(look: Look) -> dict[str, Any]:
    """Return the number of ratings of every cell: a row for each prompt and seed, a column for each condition."""
    conditions = list(dict.fromkeys(cell.condition for cell in look.cells))
    counts: dict[tuple[str, str, int], dict[str, int]] = defaultdict(dict)
    for cell in look.cells:
        counts[cell.prompt_id, cell.prompt, cell.seed][cell.condition] = cell.ratings
    totals = {name: sum(row.get(name, 0) for row in counts.values()) for name in conditions}
    found = [cell.ratings for cell in look.cells]
    return {
        "conditions": conditions,
        "counts": counts,
        "totals": totals,
        "most": max(found, default=0),
        "fewest": min(found, default=0),
    }


def pages(people: Sequence[Progress], sessions: Mapping[str, Tallied], config: StudyConfig) -> list[Page]:
    """Count by page who came so far, and who went no further."""
    asked = {one.place.at for one in items(config.recruitment, config.questions)}
    asks = {name for name, at in (("questions", BEFORE), ("after", AFTER)) if at in asked}
    path = ["consent"]
    while path[-1] != "done":
        path.append(next_stage(path[-1], config.session, asks))
    ends = [(one, _furthest(one, sessions[one.code])) for one in people]
    path = [name for name in STAGES if name in path or any(name == end for _, end in ends)]
    found = []
    for name in path[1:]:  # a session begins with the consent
        at = [one for one, end in ends if end == name and name != "done"]
        found.append(
            Page(
                name.replace("_", " "),
                sum(STAGES.index(end) >= STAGES.index(name) for _, end in ends),
                sum(one.finished_at is None and not one.still for one in at),
                sum(one.finished_at is None and one.still for one in at),
                sum(one.finished_at is not None for one in at),
            )
        )
    return found


def _furthest(person: Progress, session: Tallied) -> str:
    """Return the last page that somebody came to; of who was led out, as far as their answers show."""
    if person.finished_at is None:
        return "trials" if person.stage == "between" else person.stage
    if person.outcome in (FINISHED, FINISHED_DISCARDED):
        return "done"
    if session.answered:
        return "trials"
    if session.last:
        return "practice"
    return "headphones" if any(check.kind == HEADPHONES for check in session.checks) else "questions"


def times(people: Sequence[Progress], sessions: Sequence[Tallied]) -> dict[str, float]:
    """Return the middle time of who came to the end, the middle half of their times, and that of a trial, in seconds.

    Empty while nobody did.
    """
    took = [
        (one.finished_at - one.started_at).total_seconds()
        for one in people
        if one.finished_at and one.started_at and one.outcome == FINISHED
    ]
    if not took:
        return {}
    low, _, high = quantiles(took, n=4) if len(took) > 1 else took * 3
    paces = [one.pace_s for one in sessions if one.pace_s is not None]
    return {"whole": median(took), "low": low, "high": high, "trial": median(paces) if paces else 0.0}


def by_day(checks: Iterable[Checked]) -> dict[date, dict[str, tuple[int, int, int]]]:
    """Return of each day, the last first, and each kind of check how many were passed, met, and could not be played."""
    found: dict[date, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    for one in checks:
        count = found[one.day][one.kind]
        count[0] += one.passed is True
        count[1] += one.passed is not None
        count[2] += one.passed is None
    last = sorted(found, reverse=True)[:DAYS]
    return {day: {kind: (count[0], count[1], count[2]) for kind, count in found[day].items()} for day in last}


def alarms(checks: Sequence[Checked]) -> list[str]:
    """Say in a line each which checks are passed so much less than before that the people can hardly be the reason."""
    said = []
    for kind in (*CHECKS, HEADPHONES):
        unplayed = sum(one.kind == kind and one.passed is None for one in checks)
        if unplayed:
            said.append(
                f"{unplayed} of the {NAMES[kind]} could not be played. They count for nothing; "
                "`earmark check` says whether the files are sound."
            )
        met = [one for one in checks if one.kind == kind and one.passed is not None]
        if not met:
            continue
        last = max(one.day for one in met)
        now, before = ([one.passed for one in met if (one.day == last) is late] for late in (True, False))
        if fell((sum(map(bool, now)), len(now)), (sum(map(bool, before)), len(before))):
            once = f", {sum(map(bool, before)) / len(before):.0%} before" if before else ""
            said.append(
                f"{sum(map(bool, now))} of {len(now)} {NAMES[kind]} passed on {last:%d %b}{once}. So many fail at "
                "once where a check cannot be heard or asks for the wrong answer: try it before you exclude anybody."
            )
    return said


def fell(now: tuple[int, int], before: tuple[int, int]) -> bool:
    """Say whether so many are passed of so many, now and before, that the rate has fallen beyond chance.

    By Fisher's exact test, one-sided; of a first day, that nobody passes.
    """
    (passed, met), (once, ever) = now, before
    if met < FEWEST:
        return False
    if ever < FEWEST:
        return passed == 0
    if once / ever - passed / met < FALL:
        return False
    held, all_met = passed + once, met + ever
    ways = _chosen(all_met, met)
    low = max(0, held - ever)
    return sum(exp(_chosen(held, k) + _chosen(all_met - held, met - k) - ways) for k in range(low, passed + 1)) < CHANCE


def _chosen(of: int, some: int) -> float:
    """Return the logarithm of how many ways there are to choose."""
    return lgamma(of + 1) - lgamma(some + 1) - lgamma(of - some + 1)


def devices(sessions: Iterable[Tallied]) -> list[Device]:
    """Count stalls by device and browser, those with most sessions first."""
    held: dict[str, list[Tallied]] = defaultdict(list)
    for one in sessions:
        browser = one.browser.rstrip("0123456789 ") or "unknown browser"
        held[f"{one.device or 'unknown device'}, {browser}"].append(one)

    def of(some: Sequence[Tallied], kind: str) -> int:
        return sum(one.events.get(kind, 0) for one in some)

    made = [
        Device(
            name,
            len(some),
            sum(bool(one.events.get("stall")) for one in some),
            of(some, "play"),
            of(some, "stall"),
            of(some, "error"),
        )
        for name, some in held.items()
    ]
    return sorted(made, key=lambda one: (-one.sessions, one.name))
