"""How a study fills: its pages, its cells, its checks by day, its times and the devices, out of one look at it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, lgamma
from statistics import median, quantiles
from typing import Any

from app.researcher.views.sums import End, Sums
from app.researcher.views.templates import show
from db import Progress
from db.results.tallying import CHECKS, HEADPHONES, Checked, Tallied
from db.results.watching import Look
from survey import StudyConfig
from survey.config.items import AFTER, BEFORE, items
from survey.session import FINISHED, STAGES, next_stage

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


def filling(look: Look, sums: Sums, config: StudyConfig) -> str:
    """Draw how a study fills."""
    found = filled(look, sums, config)
    met = {kind for row in found.days.values() for kind in row}
    kinds = [kind for kind in NAMES if kind in met]
    return show("filling", filling=found, kinds=kinds, names=NAMES, **heat(look))


def filled(look: Look, sums: Sums, config: StudyConfig) -> Filling:
    """Say how a study fills, of a look and its sums."""
    return Filling(
        pages=pages(sums.ends, config) if sums.ends else [],
        times=times(look.present()),
        days=by_day(sums.checks),
        alarms=alarms(sums.checks),
        answers=sums.answers["given"],
        flags=dict(sorted(sums.flags.items(), key=lambda one: (-one[1], one[0]))),
        flagged=sums.answers["flagged"],
        flagging=sums.answers["flagging"],
        devices=devices(sums.devices),
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


def pages(ends: Mapping[End, int], config: StudyConfig) -> list[Page]:
    """Count by page who came so far, and who went no further."""
    asked = {one.place.at for one in items(config.recruitment, config.questions)}
    asks = {name for name, at in (("questions", BEFORE), ("after", AFTER)) if at in asked}
    path = ["consent"]
    while path[-1] != "done":
        path.append(next_stage(path[-1], config.session, asks))
    path = [name for name in STAGES if name in path or any(name == end for end, *_ in ends)]
    found = []
    for name in path[1:]:  # a session begins with the consent
        at = Counter({one: number for one, number in ends.items() if one[0] == name != "done"})
        found.append(
            Page(
                name.replace("_", " "),
                sum(number for (end, *_), number in ends.items() if STAGES.index(end) >= STAGES.index(name)),
                at[name, False, False],
                at[name, False, True],
                at[name, True, False] + at[name, True, True],
            )
        )
    return found


def times(people: Sequence[tuple[Progress, Tallied]]) -> dict[str, float]:
    """Return the middle time of who came to the end, the middle half of their times, and that of a trial, in seconds.

    Empty while nobody did.
    """
    took = [
        (one.finished_at - one.started_at).total_seconds()
        for one, _ in people
        if one.finished_at and one.started_at and one.outcome == FINISHED
    ]
    if not took:
        return {}
    low, _, high = quantiles(took, n=4) if len(took) > 1 else took * 3
    paces = [session.pace_s for _, session in people if session.pace_s is not None]
    return {"whole": median(took), "low": low, "high": high, "trial": median(paces) if paces else 0.0}


def by_day(checks: Mapping[Checked, int]) -> dict[date, dict[str, tuple[int, int, int]]]:
    """Return of each day, the last first, and each kind of check how many were passed, met, and could not be played."""
    found: dict[date, dict[str, tuple[int, int, int]]] = {}
    for day in sorted({one.day for one in checks}, reverse=True)[:DAYS]:
        for kind in NAMES:
            passed, failed, unplayed = (checks.get(Checked(kind, day, how), 0) for how in (True, False, None))
            if passed or failed or unplayed:
                found.setdefault(day, {})[kind] = passed, passed + failed, unplayed
    return found


def alarms(checks: Mapping[Checked, int]) -> list[str]:
    """Say in a line each which checks are passed so much less than before that the people can hardly be the reason."""
    said = []
    for kind in (*CHECKS, HEADPHONES):
        unplayed = sum(number for one, number in checks.items() if one.kind == kind and one.passed is None)
        if unplayed:
            said.append(
                f"{unplayed} of the {NAMES[kind]} could not be played. They count for nothing; "
                "`earmark check` says whether the files are sound."
            )
        met = [(one, number) for one, number in checks.items() if one.kind == kind and one.passed is not None]
        if not met:
            continue
        last = max(one.day for one, _ in met)
        now, before = ([(one, number) for one, number in met if (one.day == last) is late] for late in (True, False))
        (passed, of), (once, ever) = (
            (sum(number for one, number in some if one.passed), sum(number for _, number in some))
            for some in (now, before)
        )
        if fell((passed, of), (once, ever)):
            rate = f", {once / ever:.0%} before" if ever else ""
            said.append(
                f"{passed} of {of} {NAMES[kind]} passed on {last:%d %b}{rate}. So many fail at "
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


def devices(happened: Mapping[tuple[str, str], int]) -> list[Device]:
    """List stalls by device and browser, those with most sessions first."""
    kinds = ("session", "stalled", "play", "stall", "error")
    names = {name for name, _ in happened}
    made = [Device(name, *(happened.get((name, kind), 0) for kind in kinds)) for name in names]
    return sorted(made, key=lambda one: (-one.sessions, one.name))
