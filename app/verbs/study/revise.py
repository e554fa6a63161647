"""The verb revise: a launched study goes on under other rules."""

import argparse

from app.folder import read_study
from app.settings import load_settings
from app.verbs.options import study


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)


def run(arguments: argparse.Namespace) -> None:
    """Take over changes of what was frozen when the first session began, as a new revision of the study."""
    from app.study import revise_study

    folder, config = read_study(arguments.study)
    print(*revise_study(folder, config, load_settings()), sep="\n")
