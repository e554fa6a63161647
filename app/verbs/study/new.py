"""The verb new: a study folder to begin with."""

import argparse
from pathlib import Path

from app.folder import TEMPLATE, create_study


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument("folder", type=Path, metavar="FOLDER", help="folder to make")
    made.add_argument(
        "--model",
        metavar="NAME",
        help="mini, stable-audio-open-1.0, stable-audio-open-small, a folder, or a weight file in one",
    )


def run(arguments: argparse.Namespace) -> None:
    """Make a study folder with a commented study.yaml to edit."""
    create_study(arguments.folder, TEMPLATE, arguments.model)
    print(f"made {arguments.folder}/study.yaml; edit it, then: earmark generate {arguments.folder}")
