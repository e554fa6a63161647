"""How ranges and alpha are chosen: error against the number of calibration prompts, and on layers of full size.

The embedded model's velocity is compared with full precision's on 12 prompts that were not calibrated on, the mean
with its 95 % interval. Layers as wide as Stable Audio Open's have random weights and inputs with outliers as trained
models have them: channels up to a hundred times as large as others, and now and then a token of ten times its size.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.common.report import options, publish
from quant.engine.convert import quantize_, quantized_layer
from quant.engine.layer import Site
from quant.inspect.teacher import Teacher, overall, record_teacher, velocity_sqnr
from quant.method.calibration import Calibration
from quant.method.samples import Samples
from quant.method.timesteps import CurrentStep
from quant.method.variants import VARIANTS, EngineName, Variant
from quant.model.loading import load_model
from quant.rendering.calibrate import calibrate
from quant.rendering.sampling import Sampling

COUNTS, HELD_OUT = (5, 10, 20, 50), 12
SETTINGS = Sampling(steps=25)
TEXTS = (Path(__file__).parents[2] / "quant" / "calibration_prompts.txt").read_text(encoding="utf-8").split("\n")
QUANTILE = {12: 2.201, 2: 12.706}
"""Student's t at 97.5 % by the number of prompts."""

SQS, SQD = VARIANTS["sqs-w8a8"], VARIANTS["sqd-w8a8"]
WAYS: dict[str, tuple[Variant, float | None, EngineName]] = {
    "sqs_minmax": (replace(SQS, range="minmax"), 0.5, "integer"),
    "sqs_mse": (replace(SQS, range="mse"), 0.5, "integer"),
    "sqs_mse_search": (replace(SQS, range="mse"), None, "integer"),
    "sqd": (SQD, 0.5, "integer"),
    "sqd_search": (SQD, None, "integer"),
    "reference_sqs": (SQS, 0.5, "reference"),
    "reference_sqd": (SQD, 0.5, "reference"),
}
LAYERS = {"to_qkv": (1536, 4608), "to_out": (1536, 1536), "ff_in": (1536, 12288), "ff_out": (6144, 1536)}

NOTES = {
    **{f"{way}_{count}": f"dB, velocity, {way}, {count} prompts" for way in WAYS for count in COUNTS},
    **{f"{way}_{count}_interval": "dB, half its 95 % interval" for way in WAYS for count in COUNTS},
    **{f"{way}_{name}": f"dB, output of {name} at full size, {way}" for way in WAYS for name in LAYERS},
}


def calibrations(counts: Sequence[int], settings: Sampling) -> Iterator[tuple[int, Calibration]]:
    """Calibrate the embedded model on more and more prompts."""
    model = load_model("mini")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calibration.safetensors"
        for count in counts:
            yield count, calibrate(model, TEXTS[:count], settings, path)


def velocity(teachers: Sequence[Teacher], way: str, calibration: Calibration) -> tuple[float, float]:
    """Mean SQNR of the velocity over prompts, and half its interval."""
    model, (variant, alpha, engine) = load_model("mini"), WAYS[way]
    quantize_(model, variant, calibration, alpha, engine)
    found = torch.tensor([overall(velocity_sqnr(model.dit, teacher)) for teacher in teachers])
    return float(found.mean()), float(QUANTILE[len(teachers)] * found.std() / len(teachers) ** 0.5)


def inputs(width: int, rows: int, spread: Tensor, generator: torch.Generator) -> Tensor:
    """Inputs (rows, width) whose channels are as large as ``spread`` says, and of which one token in 500 is large."""
    token = torch.where(torch.rand(rows, 1, generator=generator) < 1 / 500, 10.0, 1.0)
    return torch.randn(rows, width, generator=generator) * spread * token


@torch.no_grad()
def full_size(way: str, shape: tuple[int, int], tokens: int = 20_000) -> float:
    """SQNR in dB of one random layer's output, on inputs that it was not calibrated on."""
    generator, (variant, alpha, engine) = torch.Generator().manual_seed(shape[0] + shape[1]), WAYS[way]
    width, outputs = shape
    dit = nn.Sequential(nn.Linear(width, outputs))
    dit[0].weight.copy_(torch.randn(outputs, width, generator=generator) / width**0.5)
    spread = torch.randn(width, generator=generator).mul(0.5).exp()
    spread[torch.randperm(width, generator=generator)[: width // 200]] *= 100
    x = inputs(width, tokens, spread, generator)
    samples = {"0": Samples.drawn(x, 0, generator)}
    calibration = Calibration("", {}, torch.ones(1), {"0": x.amin(0)[None]}, {"0": x.amax(0)[None]}, samples=samples)
    step = CurrentStep(torch.zeros(1), "v", torch.zeros(1, dtype=torch.int64))
    quantized = quantized_layer(Site(dit, "0", step, variant, alpha), calibration, engine)
    x = inputs(width, 512, spread, generator)
    exact = dit(x)
    return float(10 * (exact.square().sum() / (quantized(x) - exact).square().sum()).log10())


def main(
    settings: Sampling = SETTINGS, counts: Sequence[int] = COUNTS, held_out: int = HELD_OUT, tokens: int = 20_000
) -> None:
    """Measure every way to choose."""
    arguments, figures = options(__doc__), dict[str, float]()
    for name, shape in LAYERS.items():
        for way in WAYS:
            figures[f"{way}_{name}"] = full_size(way, shape, tokens)
    model, texts = load_model("mini"), [text for text in TEXTS if text][-held_out:]
    teachers = [record_teacher(model, [text], settings, seed) for seed, text in enumerate(texts)]
    for count, calibration in calibrations(counts, settings):
        for way in WAYS:
            key = f"{way}_{count}"
            figures[key], figures[f"{key}_interval"] = velocity(teachers, way, calibration)
            print(f"{key}: {figures[key]:.2f} +- {figures[f'{key}_interval']:.2f} dB", file=sys.stderr)
    publish(figures, NOTES, arguments.json)


if __name__ == "__main__":
    main()
