"""The verb status: how far a study is, once or as it changes, for people or for programs."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.folder import read_study
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


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    made.add_argument("--watch", action="store_true", help="say it again whenever it has changed, until Ctrl-C")
    made.add_argument("--json", action="store_true", help="say it as JSON, on one line")


def run(arguments: argparse.Namespace) -> None:
    """Say how far a study is: clips, participants and ratings."""
    from app.study import Study

    folder, _ = read_study(arguments.study)
    opened = Study(folder, load_settings(), keyed=False)
    try:
        for standing in _changing(opened) if arguments.watch else (standing_of(opened),):
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
    from app.researcher.people import FINISHED, OTHERS, UNDER_WAY, count_people
    from db.actions import OPEN

    there, wanted = cells_there(study)
    state = openness(study)
    results, newest = study.store.results, study.store.revisions.find()
    number = newest.number if newest else 0
    look = results.watch.look()
    count = count_people(look.people, number)
    counting = [look.sessions[one.code] for one in look.people if one.counted and one.revision == number > 0]
    stored = [at for session in counting for at in session.at]
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
        cells=[_plain(cell) for cell in results.cells()],
    )


def lines(standing: Standing) -> list[str]:
    """Say it in a line each: whether it is open, its people, and the ratings of each cell."""
    from app.researcher.people import FINISHED, UNDER_WAY, others_in_words

    count, revision = standing.participants, standing.revision
    others = others_in_words(count)
    width = max((len(str(cell["prompt"])) for cell in standing.cells), default=0)
    return [
        f"{standing.study}: {standing.state}{f'; revision {revision}' if revision else ''}",
        *standing.changes,
        f"clips: {standing.clips['there']} of {standing.clips['wanted']}",
        f"participants: {count[FINISHED]} finished of {standing.wanted} wanted, "
        f"{count[UNDER_WAY]} under way{', ' + others if others else ''}",
        f"ratings: {standing.ratings:,}{f', the last at {standing.last_rated_at}' if standing.last_rated_at else ''}",
        *(
            f"  {cell['prompt']:<{width}}  {cell['condition']:<16} seed {cell['seed']:<6} {cell['ratings']:>4} ratings"
            for cell in standing.cells
        ),
    ]


def openness(study: Study) -> str:
    """Say whether anybody can take part, and if not, what is to be done."""
    from db.actions import OPEN

    state = study.runs.look().state
    if state != OPEN:
        return f"{state} by a researcher; earmark state {study.folder} launch opens it"
    if study.ready:
        return OPEN
    report = read_report(study.folder)
    if report is not None and runs(study.folder, report):
        return f"clips are being rendered, {report.share:.0%} is done"
    return "clips are missing or faulty; run earmark generate"


def _changing(study: Study) -> Iterator[Standing]:
    """Yield how far a study is, whenever that has changed."""
    shown: Standing | None = None
    while True:
        study.refresh(wait=True)
        found = standing_of(study)
        if found != shown:
            shown = found
            yield found
        time.sleep(AGAIN_SECONDS)


def _redraw(text: str) -> None:
    """Show a text in place of the last one; what moves the cursor goes to the terminal itself, the text as ever."""
    stream = sys.__stdout__
    assert stream is not None
    stream.write(REDRAW)
    print(text, flush=True)


def _plain(cell: Cell) -> dict[str, str | int]:
    return {name: getattr(cell, name) for name in ("prompt_id", "prompt", "condition", "seed", "ratings")}
