"""The verb quantize: from a calibration to checkpoints, of a study or of a model alone."""

import argparse
import contextlib
from dataclasses import replace
from pathlib import Path
from typing import get_args

from app.counts import size
from app.errors import UsageError
from app.folder import read_study
from app.verbs.options import beyond_training, count, device, study
from quant.adapters.adapter import Adapter
from quant.method.variants import LOWRANK, EngineName, RangeName, RoundingName


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    device(made)
    beyond_training(made)
    made.usage = (
        f"{made.prog} [STUDY] [--device NAME] [--beyond-training]\n"
        f"       {made.prog} --model NAME --variant NAME -o FILE [OPTION ...]"
    )
    made.add_argument("--model", metavar="NAME", help="instead of a study: a model's name, folder or weight file")
    made.add_argument("--variant", metavar="NAME", help="which variant of it to make")
    made.add_argument(
        "--lora", action="append", type=_adapter, default=[], metavar="FILE[:STRENGTH]", help="LoRA or DoRA adapter to "
        "merge into it first, may be repeated; default strength: 1",
    )  # fmt: skip
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help="checkpoint to write")
    made.add_argument("--groups", type=count(1000), metavar="G", help="groups of timesteps; default: the variant's, 1")
    made.add_argument(
        "--rank", type=count(1000), metavar="R", help="rank of the low-rank branch; default: the variant's"
    )
    made.add_argument("--lowrank", choices=LOWRANK, help="what the branch carries; default: auto")
    made.add_argument("--rounding", choices=get_args(RoundingName), help="how weights become codes; default: auto")
    made.add_argument("--rotate", action="store_true", help="rotate activations and weights after smoothing")
    made.add_argument("--range", choices=get_args(RangeName), help="how far a static range reaches; default: auto")
    made.add_argument(
        "--alpha", type=_strength, default=0.5, metavar="A|search",
        help="strength of the smoothing, or search: the best for each layer; default: %(default)s",
    )  # fmt: skip
    made.add_argument("--keep", nargs="+", metavar="LAYER", help="layers that stay in 16 bits, such as ff.2")
    made.add_argument(
        "--engine", choices=get_args(EngineName), default="integer", help="what multiplies; default: %(default)s"
    )
    made.add_argument(
        "--prompts",
        type=count(64),
        metavar="N",
        default=50,
        help="calibration prompts, at most 64; default: %(default)s",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write a checkpoint for every quantized condition of a study, or one of a model, calibrating where not done."""
    if arguments.model or arguments.variant or arguments.output or arguments.lora:
        _quantize_model(arguments)
        return
    from app.verbs.clips.conditions import check_model
    from app.verbs.clips.pipeline import quantize_study

    folder, config = read_study(arguments.study)
    check_model(folder, config, arguments.beyond_training)
    for path in quantize_study(folder, config, arguments.device):
        print(f"{path}  {size(path.stat().st_size)}")


def _quantize_model(arguments: argparse.Namespace) -> None:
    from app.verbs.model.quantization import quantize_model
    from quant.method.variants import variant_named
    from quant.pretrained.folder import find

    if not (arguments.model and arguments.variant and arguments.output) or arguments.study:
        raise UsageError("quantize: give a study, whose study.yaml says it all, or --model, --variant and -o together")
    if arguments.beyond_training:
        raise UsageError("--beyond-training: is for a study; a model alone is calibrated within its trained length")
    variant = variant_named(arguments.variant)
    if variant.scheme is None:
        raise UsageError(f"--variant: {variant.name} is full precision; there is nothing to quantize")
    names = ("groups", "rank", "lowrank", "range", "rounding")
    given = {name: getattr(arguments, name) for name in names}
    variant = replace(variant, **{key: value for key, value in given.items() if value is not None})
    variant = replace(variant, keep=tuple(arguments.keep or ()), rotate=arguments.rotate)
    find(arguments.model)  # before torch is imported: a folder that will not do is refused at once
    from quant.model.devices import device_named

    device = device_named(arguments.device)
    quantize_model(
        arguments.model, arguments.lora, variant, arguments.engine, arguments.prompts, arguments.output, device,
        arguments.alpha,
    )  # fmt: skip
    print(f"{arguments.output}  {size(arguments.output.stat().st_size)}")


def _strength(text: str) -> float | None:
    """Read a strength of smoothing; None stands for ``search``."""
    if text == "search":
        return None
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text}: not a strength; give 0 to 1, or search")


def _adapter(text: str) -> Adapter:
    """Read a file and its strength; a colon that no number follows belongs to the file's name."""
    file, _, number = text.rpartition(":")
    try:
        strength = float(number)
    except ValueError:
        return Adapter(Path(text))
    if not file:  # a number alone
        return Adapter(Path(text))
    if not -10 <= strength <= 10:
        raise argparse.ArgumentTypeError(f"{text}: not a strength; give -10 to 10")
    return Adapter(Path(file), strength)
