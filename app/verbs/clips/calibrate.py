"""The verb calibrate: from a study's model to the ranges of its activations."""

import argparse

from app.folder import read_study
from app.verbs.clips.conditions import find_model
from app.verbs.options import device, study


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    device(made)


def run(arguments: argparse.Namespace) -> None:
    """Record the activation ranges of the study's model over its calibration prompts."""
    folder, config = read_study(arguments.study)
    find_model(folder, config)
    from app.verbs.clips.pipeline import calibrate_study
    from quant.model.devices import device_named

    path = calibrate_study(folder, config, device_named(arguments.device))
    print(f"calibration: {path}" if path else "no condition is quantized; nothing to calibrate")
