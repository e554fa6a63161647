"""The verb calibrate: from a study's model to the ranges of its activations."""

import argparse

from app.folder import read_study
from app.verbs.options import beyond_training, device, study


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    device(made)
    beyond_training(made)


def run(arguments: argparse.Namespace) -> None:
    """Record the activation ranges of the study's model over its calibration prompts."""
    from app.verbs.clips.conditions import check_model
    from app.verbs.clips.pipeline import calibrate_study

    folder, config = read_study(arguments.study)
    check_model(folder, config, arguments.beyond_training)
    path = calibrate_study(folder, config, arguments.device)
    print(f"calibration: {path}" if path else "no condition is quantized; nothing to calibrate")
