"""The verb status: how far a study is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.folder import read_study
from app.progress import read_report, runs
from app.settings import load_settings
from app.verbs.options import study

if TYPE_CHECKING:
    from app.study import Study
    from survey import StudyConfig


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)


def run(arguments: argparse.Namespace) -> None:
    """Say how far a study is: clips, participants and ratings."""
    print(*status_lines(*read_study(arguments.study)), sep="\n")


def status_lines(folder: Path, config: StudyConfig) -> list[str]:
    """Say how far a study is, in a line each: whether it is open, its people, and the ratings of each cell."""
    from app.researcher.overview import cells_there
    from app.researcher.people import FINISHED, UNDER_WAY, count_people, others_in_words
    from app.study import Study

    study = Study(folder, load_settings(), keyed=False)
    try:
        there, wanted = cells_there(study)
        newest = study.store.revisions.find()
        count = count_people(study.store.results.progress(), newest.number if newest else 0)
        others = others_in_words(count)
        lines = [
            f"{config.name}: {openness(study)}{f'; revision {newest.number}' if newest else ''}",
            *study.changes(),
            f"clips: {there} of {wanted}",
            f"participants: {count[FINISHED]} finished of {study.runs.look().target} wanted, "
            f"{count[UNDER_WAY]} under way{', ' + others if others else ''}",
        ]
        cells = study.store.results.cells()
        width = max((len(cell.prompt) for cell in cells), default=0)
        for cell in cells:
            lines.append(
                f"  {cell.prompt:<{width}}  {cell.condition:<16} seed {cell.seed:<6} {cell.ratings:>4} ratings"
            )
        return lines
    finally:
        study.close()


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
