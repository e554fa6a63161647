"""The verb generate: from a study.yaml to its clips, whatever is missing on the way."""

import argparse

from app.counts import counted
from app.folder import read_study
from app.settings import load_settings
from app.verbs.clips.check import pass_gate
from app.verbs.options import beyond_training, device, study


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    device(made)
    beyond_training(made)
    made.add_argument("--fresh", action="store_true", help="render or import existing clips again, too")
    made.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS", help="render on a Ray cluster; without ADDRESS, start one"
    )


def run(arguments: argparse.Namespace) -> None:
    """Render the clips of every condition or import own ones, doing first whatever is missing, and check them."""
    from app.study import refuse_changes
    from app.verbs.clips.conditions import check_model
    from app.verbs.clips.own import import_study
    from app.verbs.clips.pipeline import generate_study

    folder, config = read_study(arguments.study)
    refuse_changes(folder, config, load_settings())
    if config.model is None:
        manifest = import_study(folder, config, arguments.fresh)
    else:
        check_model(folder, config, arguments.beyond_training)
        manifest = generate_study(folder, config, arguments.fresh, arguments.device, arguments.ray)
    print(f"{counted(len(manifest.clips), 'clip')}: {folder / 'clips'}")
    pass_gate(folder, config)
