"""The verb new: a study folder to begin with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UsageError
from app.folder import create_study, read_study
from app.output.terminal import word
from app.verbs.options import count
from app.verbs.results import plan
from app.verbs.results.plan import PLANNED
from app.verbs.study.templates import DESCRIBED, FIRST, Choices, template, with_participants

if TYPE_CHECKING:
    from survey import StudyConfig

MOST_PARTICIPANTS = 100_000


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument(
        "folder",
        type=Path,
        nargs="?",
        metavar="FOLDER",
        help="folder to make; without it, a terminal asks for it and for all that no option says",
    )
    made.add_argument(
        "--test",
        choices=tuple(DESCRIBED),
        help=f"what is asked of the sounds, as in the example of that name; default: {FIRST}, as in the paper",
    )
    made.add_argument(
        "--model",
        metavar="NAME",
        help="mini, stable-audio-open-1.0, stable-audio-open-small, a folder, or a weight file in one",
    )
    made.add_argument(
        "--clips",
        type=Path,
        metavar="SOURCE",
        help="clips of your own to compare, imported at once: a folder of condition/prompt.wav, or a table "
        "(CSV, XLSX, ODS) with the columns file, condition and prompt",
    )
    made.add_argument(
        "--baseline",
        metavar="NAME",
        help="with --clips: condition that the others are compared with; default: reference, baseline, original, or "
        "the first",
    )
    made.add_argument(
        "--missing", action="store_true", help="with --clips: conditions may lack the clips of some prompts"
    )
    made.add_argument(
        "--participants", type=count(MOST_PARTICIPANTS), metavar="N", help="how many are wanted; default: 20"
    )


def run(arguments: argparse.Namespace) -> None:
    """Make a study folder with a commented study.yaml to edit; with clips of your own, one that can be served."""
    asks = arguments.folder is None
    if asks and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("new: no folder is named, and no terminal is there to ask; give one: earmark new FOLDER")
    if arguments.clips is not None and arguments.model:
        raise UsageError("--model: not beside --clips; add model and its variants to study.yaml afterwards")
    for name in ("baseline", "missing"):
        if getattr(arguments, name) and arguments.clips is None:
            raise UsageError(f"--{name}: says something of --clips alone; give both")
    if asks:
        from app.verbs.study.asking import ask

        ask(arguments)
    folder = arguments.folder
    chosen = Choices(arguments.test or FIRST, arguments.participants, arguments.baseline, arguments.missing)
    if arguments.clips is not None:
        from app.verbs.study.own import create_own_study

        create_own_study(folder, arguments.clips, chosen)
    else:
        create_study(folder, with_participants(template(chosen.test), chosen.participants), arguments.model)
    then = "serve" if arguments.clips is not None else "generate"
    print(f"made {folder}/study.yaml; edit it, then: earmark {then} {word(folder)}")
    _, config = read_study(folder)
    if arguments.clips is not None and not arguments.baseline:
        print(f"compared with: {config.analysis.baseline} (analysis.baseline in study.yaml)")
    print(*implied(folder, config), sep="\n")
    if asks and plannable(config):
        from app.verbs.study.asking import confirmed

        if confirmed("Work out how many people and prompts that takes (earmark plan)?"):
            _plan(folder)


def implied(folder: Path, config: StudyConfig) -> list[str]:
    """Say in a line each what a study asks of how many people, and how to learn whether that is enough."""
    from app.counts import counted
    from survey import ManifestError, read_manifest
    from survey.clips.length import planned_minutes, session_trials

    try:
        manifest = read_manifest(folder / "clips" / "manifest.json")
    except ManifestError:
        manifest = None
    people = config.recruitment.target_participants
    trials, minutes = session_trials(config, manifest), planned_minutes(config, manifest)
    lines = [
        f"{counted(len(config.conditions), 'condition')}, {counted(len(config.prompts), 'prompt')}, "
        f"{counted(people, 'participant')}: {counted(trials, 'trial')} and about {counted(minutes, 'minute')} each, "
        f"{counted(trials * people, 'trial')} in all"
    ]
    return [*lines, f"whether that is enough: earmark plan {word(folder)}"] if plannable(config) else lines


def plannable(config: StudyConfig) -> bool:
    """Say whether a study's answers have points, in which a plan is."""
    return config.asked.first.type in PLANNED


def _plan(folder: Path) -> None:
    parser = argparse.ArgumentParser()
    plan.options(parser)
    plan.run(parser.parse_args([str(folder)]))
