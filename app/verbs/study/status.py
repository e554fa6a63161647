"""The verb status: how far a study is, once or as it changes, for people or for programs."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app.counts import counted
from app.folder import read_study
from app.output.terminal import word
from app.progress import read_report, runs
from app.settings import load_settings
from app.verbs.options import study

if TYPE_CHECKING:
    from app.study import Study
    from db import Cell

AGAIN_SECONDS = 2.0
REDRAW = "\x1b[H\x1b[J"  # from the first line on, down to the last


@dataclass(frozen=True)
class Standing:
    """How far a study is; the attributes are the keys of ``--json``.

    Attributes
    ----------
    study
        name of the study
    open
        whether anybody can take part
    state
        `open`, or why not
    revision
        number of the newest revision; null before anybody has taken part
    changes
        what of `study.yaml` is not in use, in a line each
    problems
        what the launch gate says against the clips, in a line each
    clips
        how many clips are `there` of those `wanted`
    wanted
        how many participants are wanted
    participants
        how many there are of each kind: `finished` and `under way`, which count, and the others
    ratings
        ratings of the newest revision that count
    last_rated_at
        when the last of them was stored, ISO 8601 in UTC; null before the first
    cells
        each clip under test: `prompt_id`, `prompt`, `condition`, `seed` and its number of `ratings`
    pages
        each page: its `name`, how many `reached` it, are `here` now, `left` it for good, or were led `out` there
    times
        seconds: `whole`, `low` and `high` of the middle half of who finished, and of a `trial`; empty before that
    checks
        each `check` on each `day` (UTC) of the last 14: how many were `passed`, `met`, and `unplayed`
    alarms
        which checks fell so far that they, not the people, may be at fault, in a line each
    flags
        `answers` in all, how many are `flagged`, of how many `participants`, and how many got each of the `kinds`
    devices
        each device and browser: its `name`, `sessions`, those `with_stalls`, `plays`, `stalls`, and `failed` sounds
    stopping
        the `rule`, whether the study `ends` by it, and each of the `conditions` by the sequence; null without one
    """

    study: str
    open: bool
    state: str
    revision: int | None
    changes: list[str]
    problems: list[str]
    clips: dict[str, int]
    wanted: int
    participants: dict[str, int]
    ratings: int
    last_rated_at: str | None
    cells: list[dict[str, str | int]]
    pages: list[dict[str, Any]]
    times: dict[str, float]
    checks: list[dict[str, str | int]]
    alarms: list[str]
    flags: dict[str, Any]
    devices: list[dict[str, Any]]
    stopping: dict[str, Any] | None


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    made.add_argument("--watch", action="store_true", help="say it again whenever it has changed, until Ctrl-C")
    made.add_argument("--json", action="store_true", help="say it as JSON, on one line")


def run(arguments: argparse.Namespace) -> None:
    """Say how far a study is: clips, participants, ratings, checks and devices, as /admin shows it."""
    folder, _ = read_study(arguments.study)
    if arguments.watch:  # for many clips that takes a while
        said = "checking the clips, then it is said whenever it has changed; Ctrl-C ends it"
        print(f"earmark: {folder}: {said}", file=sys.stderr, flush=True)
    from app.study import Study

    opened = Study(folder, load_settings(), keyed=False)
    try:
        for standing in changing(opened) if arguments.watch else (standing_of(opened),):
            text = json.dumps(asdict(standing), ensure_ascii=False) if arguments.json else "\n".join(lines(standing))
            if arguments.watch and not arguments.json and sys.stdout.isatty():
                _redraw(text)
            else:
                print(text, flush=True)
    except KeyboardInterrupt:  # the one end that watching has
        if not arguments.watch:
            raise
    finally:
        opened.close()


def standing_of(study: Study) -> Standing:
    """Find out how far a study is."""
    from app.researcher.overview import cells_there
    from app.researcher.views.filling import filled
    from app.researcher.views.people import FINISHED, OTHERS, UNDER_WAY, count_people
    from app.researcher.views.sums import of
    from db.actions import OPEN

    there, wanted = cells_there(study)
    state = openness(study)
    results, newest = study.store.results, study.store.revisions.find()
    number = newest.number if newest else 0
    look = results.watch.look()
    count = count_people(look.people, number)
    counting = [look.sessions[one.code] for one in look.people if one.counted and one.revision == number > 0]
    stored = [at for session in counting for at in session.at]
    filling, stopping = filled(look, of(look), study.config), study.stopping.look(look)
    return Standing(
        study=study.config.name,
        open=state == OPEN,
        state=state,
        revision=number or None,
        changes=study.changes(),
        problems=[str(problem) for problem in study.problems],
        clips={"there": there, "wanted": wanted},
        wanted=study.runs.look().target,
        participants={name: count[name] for name in (FINISHED, UNDER_WAY, *OTHERS)},
        ratings=len(stored),
        last_rated_at=datetime.fromtimestamp(max(stored), UTC).isoformat(timespec="seconds") if stored else None,
        cells=[_plain(cell) for cell in look.cells],
        pages=[asdict(page) for page in filling.pages],
        times=filling.times,
        checks=[
            {"day": f"{day}", "check": kind, "passed": passed, "met": met, "unplayed": unplayed}
            for day, row in filling.days.items()
            for kind, (passed, met, unplayed) in row.items()
        ],
        alarms=filling.alarms,
        flags={
            "answers": filling.answers,
            "flagged": filling.flagged,
            "participants": filling.flagging,
            "kinds": filling.flags,
        },
        devices=[asdict(device) for device in filling.devices],
        stopping=stopping.as_dict() if stopping else None,
    )


def lines(standing: Standing) -> list[str]:
    """Say it in a line each: whether it is open, its people, the ratings of each cell, and how those came about."""
    from app.output.terminal import columns, padded
    from app.researcher.views.people import FINISHED, UNDER_WAY, others_in_words

    count, revision = standing.participants, standing.revision
    others = others_in_words(count)
    first, second = (
        max((columns(str(cell[name])) for cell in standing.cells), default=0) for name in ("prompt", "condition")
    )
    return [
        f"{standing.study}: {standing.state}{f'; revision {revision}' if revision else ''}",
        *standing.changes,
        f"clips: {standing.clips['there']} of {standing.clips['wanted']}",
        f"participants: {count[FINISHED]} finished of {standing.wanted} wanted, "
        f"{count[UNDER_WAY]} under way{', ' + others if others else ''}",
        f"ratings: {standing.ratings:,}{f', the last at {standing.last_rated_at}' if standing.last_rated_at else ''}",
        *(
            f"  {padded(str(cell['prompt']), first)}  {padded(str(cell['condition']), second)}  seed {cell['seed']:<6} "
            f"{counted(int(str(cell['ratings'])), 'rating'):>13}"
            for cell in standing.cells
        ),
        *_filling_lines(standing),
    ]


def _filling_lines(standing: Standing) -> list[str]:
    """Say page by page, check by check and device by device how the ratings came about."""
    from app.researcher.views.filling import NAMES
    from app.researcher.views.templates import duration

    said = [f"look at the checks: {line.replace('`', '')}" for line in standing.alarms]
    if standing.stopping:
        said += [f"stopping rule ({standing.stopping['rule']}): {standing.stopping['words']}"]
        said += [f"  {one['words']}" for one in standing.stopping["conditions"]]
    if standing.pages:
        said.append("page by page:          came   here   left  ended")
    for page in standing.pages:
        counts = " ".join(f"{page[name]:>6,}" for name in ("reached", "here", "left", "out"))
        said.append(f"  {page['name']:<18} {counts}")
    if took := standing.times:
        half = f"half of them {duration(took['low'])} to {duration(took['high'])}"
        said.append(f"time: {duration(took['whole'])} in the middle, {half}; a trial {took['trial']:.1f} s")
    if standing.checks:
        said.append("checks passed by day (UTC):")
    for check in standing.checks:
        unplayed = f", {check['unplayed']} not played" if check["unplayed"] else ""
        name = NAMES[str(check["check"])]
        said.append(f"  {check['day']}  {name:<20} {check['passed']} of {check['met']}{unplayed}")
    if kinds := standing.flags["kinds"]:
        flagged, answers, people = (standing.flags[name] for name in ("flagged", "answers", "participants"))
        each = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in kinds.items())
        said.append(f"flagged: {flagged:,} of {answers:,} answers, of {counted(people, 'participant')}: {each}")
    if standing.devices:
        said.append("stalls by device:")
    for one in standing.devices:
        failed = f", {one['failed']:,} not played at all" if one["failed"] else ""
        where = f"in {one['with_stalls']:,} of {counted(one['sessions'], 'session')}"
        said.append(f"  {one['name']:<30} {counted(one['stalls'], 'stall')} {where}, {one['plays']:,} plays{failed}")
    return said


def openness(study: Study) -> str:
    """Say whether anybody can take part, and if not, what is to be done."""
    from db.actions import OPEN

    state = study.runs.look().state
    if state != OPEN:
        return f"{state} by a researcher; earmark state {word(study.folder)} launch opens it"
    if study.ready:
        return OPEN
    report = read_report(study.folder)
    if report is not None and runs(study.folder, report):
        return f"clips are being rendered, {report.share:.0%} is done"
    return "clips are missing or faulty; run earmark generate"


def changing(study: Study) -> Iterator[Standing]:
    """Yield how far a study is, whenever that has changed; where that cannot be known, say so once, and try again."""
    shown, told = None, ""
    while True:
        found, trouble = _known(study)
        if trouble and trouble != told:
            print(f"earmark: {study.folder}: {trouble}; it is tried again, Ctrl-C ends it", file=sys.stderr, flush=True)
        told = trouble
        if trouble:
            shown = None  # once it can be known again, that is told
        elif found is not None and found != shown:
            shown = found
            yield found
        time.sleep(AGAIN_SECONDS)


def _known(study: Study) -> tuple[Standing | None, str]:
    """Find out how far a study is, or what of the database stands against that."""
    from sqlalchemy.exc import SQLAlchemyError

    from db import detail_of, fault_of

    if study.store.soundness.moved:
        return None, "the database was moved or replaced; put it back, or start this again"
    try:
        study.refresh(wait=True)
        return standing_of(study), ""
    except SQLAlchemyError as error:
        return None, f"{fault_of(error) or 'the database cannot be used'} ({detail_of(error)})"


def _redraw(text: str) -> None:
    """Show a text in place of the last one; what moves the cursor goes to the terminal itself, the text as ever."""
    stream = sys.__stdout__
    assert stream is not None
    stream.write(REDRAW)
    print(text, flush=True)


def _plain(cell: Cell) -> dict[str, str | int]:
    return {name: getattr(cell, name) for name in ("prompt_id", "prompt", "condition", "seed", "ratings")}
