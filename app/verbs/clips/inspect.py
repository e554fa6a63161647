"""The verb inspect: a study's model under the magnifier."""

import argparse
from pathlib import Path

from app.folder import read_study
from app.verbs.clips.conditions import find_model
from app.verbs.options import device, study


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    device(made)
    made.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder to write to; default: inspection in the study"
    )
    made.add_argument(
        "--variant", action="append", default=[], metavar="NAME", help="variant to inspect, may be repeated; "
        "default: the study's quantized conditions",
    )  # fmt: skip
    made.add_argument("--layers", action="store_true", help="also quantize each layer alone, and rank them")


def run(arguments: argparse.Namespace) -> None:
    """Draw the model's activations and where quantization makes its error: figures and tables."""
    folder, config = read_study(arguments.study)
    find_model(folder, config)
    from app.verbs.clips.inspection import inspect_study
    from quant.model.devices import device_named

    out, device = arguments.output or folder / "inspection", device_named(arguments.device)
    found = inspect_study(folder, config, out, arguments.variant, arguments.layers, device)
    print(*found.summary(), sep="\n")
    print(f"figures and tables: {found.out}")
