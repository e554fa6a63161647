"""The verb inspect: a model before anything is quantized, or a study's model under the magnifier."""

import argparse
import os
import sys
from pathlib import Path

from app.errors import UsageError
from app.folder import read_study
from app.verbs.options import device
from quant.pretrained import header
from quant.pretrained.folder import MODELS, find

WEIGHTS = (header.SAFETENSORS, header.INDEX, *header.PICKLES)


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument(
        "target", type=Path, nargs="?", metavar="STUDY|MODEL", help="study folder, or a model by its name or folder; "
        "default: this folder, else demo-study",
    )  # fmt: skip
    device(made)
    made.add_argument(
        "--keep", action="append", default=[], metavar="LAYER", help="of a model: a layer that would not be quantized, "
        "by its name or its end, may be repeated",
    )  # fmt: skip
    made.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="of a study: folder to write to; default: inspection in it"
    )
    made.add_argument(
        "--variant", action="append", default=[], metavar="NAME", help="of a study: variant to inspect, may be "
        "repeated; default: the study's quantized conditions",
    )  # fmt: skip
    made.add_argument("--layers", action="store_true", help="of a study: also quantize each layer alone, and rank them")


def run(arguments: argparse.Namespace) -> None:
    """Say what quantization would make of a model, or draw a study's activations and where its variants err."""
    name = model_meant(arguments.target)
    if name is None:
        _inspect_study(arguments)
    else:
        _inspect_model(name, arguments)


def model_meant(given: Path | None) -> str | None:
    """Return the name of the model that is meant, or None if it is a study.

    Raises
    ------
    UsageError
        If it could be both, or is neither.
    """
    if given is None:
        return None
    is_file = os.path.isfile(given)  # of os.path, which answers where pathlib raises: a name too long, no rights
    if is_file and given.name in ("study.yaml", "model_config.json"):
        return None if given.name == "study.yaml" else str(given.parent)
    study, model = given / "study.yaml", given / "model_config.json"
    if os.path.isfile(study) and os.path.isfile(model):
        raise UsageError(f"{given}: holds a study and a model; name {study} or {model}")
    if os.path.isfile(study):
        return None
    # What looks like a model is refused by the loader, which knows what it is.
    if is_file or str(given) in MODELS or _looks_like_a_model(given):
        return str(given)
    raise UsageError(
        f"{given}: no study here (no study.yaml) and no model (no model_config.json); "
        f"name a folder with either, or one of {', '.join(MODELS)}"
    )


def _looks_like_a_model(folder: Path) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(name.endswith(WEIGHTS) or name in ("model_config.json", "model_index.json") for name in names)


def _inspect_study(arguments: argparse.Namespace) -> None:
    if arguments.keep:
        raise UsageError("--keep: is for a model; a study has quantization.keep in its study.yaml")
    from app.verbs.clips.conditions import check_model

    given = arguments.target
    folder, config = read_study(given.parent if given and given.is_file() else given)
    check_model(folder, config)  # before torch is imported
    from app.verbs.model.inspection import inspect_study
    from quant.model.devices import device_named

    out, device = arguments.output or folder / "inspection", device_named(arguments.device)
    found = inspect_study(folder, config, out, arguments.variant, arguments.layers, device)
    print(*found.summary(), sep="\n")
    print(f"figures and tables: {found.out}")


def _inspect_model(name: str, arguments: argparse.Namespace) -> None:
    given = {"-o": arguments.output, "--variant": arguments.variant, "--layers": arguments.layers}
    for option in (option for option, value in given.items() if value):
        raise UsageError(f"{option}: is for a study, which {name} is not; of a model all variants are shown")
    files = find(name)
    from tqdm import tqdm

    from quant.inspect.description import describe
    from quant.model.devices import device_named
    from quant.model.loading import load_model
    from quant.pretrained.state import read_weights

    model = load_model(name, device_named(arguments.device))
    with tqdm(desc="timing", unit="run", leave=False, disable=not sys.stderr.isatty()) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        lines = list(describe(model, read_weights(files.weights), arguments.keep, advance))
    print(*lines, sep="\n")
