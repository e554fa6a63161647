"""The verb generate: from a study.yaml to its clips, whatever is missing on the way."""

import argparse

from app.counts import counted
from app.folder import read_study
from app.settings import load_settings
from app.verbs.clips.check import pass_gate
from app.verbs.clips.conditions import find_model
from app.verbs.options import device, study


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    device(made)
    made.add_argument("--fresh", action="store_true", help="render existing clips again, too")
    made.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS", help="render on a Ray cluster; without ADDRESS, start one"
    )


def run(arguments: argparse.Namespace) -> None:
    """Render the clips of every condition, doing first whatever is missing, and check them."""
    from app.study import refuse_changes

    folder, config = read_study(arguments.study)
    refuse_changes(folder, config, load_settings())
    find_model(folder, config)
    from app.verbs.clips.pipeline import generate_study
    from quant.model.devices import device_named

    manifest = generate_study(folder, config, arguments.fresh, device_named(arguments.device), arguments.ray)
    print(f"{counted(len(manifest.clips), 'clip')}: {folder / 'clips'}")
    pass_gate(folder, config)
