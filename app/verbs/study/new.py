"""The verb new: a study folder to begin with."""

import argparse
from pathlib import Path

from app.errors import UsageError
from app.folder import TEMPLATE, create_study


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument("folder", type=Path, metavar="FOLDER", help="folder to make")
    made.add_argument(
        "--model",
        metavar="NAME",
        help="mini, stable-audio-open-1.0, stable-audio-open-small, a folder, or a weight file in one",
    )
    made.add_argument(
        "--clips",
        type=Path,
        metavar="SOURCE",
        help="clips of your own to compare, imported at once: a folder of condition/prompt.wav, or a CSV file with the "
        "columns file, condition and prompt",
    )
    made.add_argument(
        "--missing", action="store_true", help="with --clips: conditions may lack the clips of some prompts"
    )


def run(arguments: argparse.Namespace) -> None:
    """Make a study folder with a commented study.yaml to edit; with clips of your own, one that can be served."""
    if arguments.clips is not None:
        from app.verbs.study.own import create_own_study

        if arguments.model:
            raise UsageError("--model: not beside --clips; add model and its variants to study.yaml afterwards")
        create_own_study(arguments.folder, arguments.clips, arguments.missing)
        print(f"made {arguments.folder}/study.yaml; edit it, then: earmark serve {arguments.folder}")
        return
    if arguments.missing:
        raise UsageError("--missing: says something of --clips alone; give both")
    create_study(arguments.folder, TEMPLATE, arguments.model)
    print(f"made {arguments.folder}/study.yaml; edit it, then: earmark generate {arguments.folder}")
