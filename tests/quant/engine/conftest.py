"""Fixtures of the engine's tests: a checkpoint, and models converted by either engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from checkpoints import make
from integer_layers import OUTLIERS
from tiny_models import PROMPTS, QUICK, fresh, inputs_of
from torch import Tensor, nn

from quant.engine.convert import quantize_
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS, EngineName, Variant
from quant.model.loading import AudioModel
from quant.rendering.sampling import sample_batch


@pytest.fixture(scope="session")
def checkpoint(folders: dict[str, Path], calibration_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint to be damaged by copies."""
    path = tmp_path_factory.mktemp("checkpoint") / "sqd-lora-w8a8.safetensors"
    make(folders["v"], calibration_file, VARIANTS["sqd-lora-w8a8"], path)
    return path


@pytest.fixture(params=["integer", "reference"])
def engine(request: pytest.FixtureRequest) -> EngineName:
    """Both engines owe a user the same."""
    found: EngineName = request.param
    return found


@pytest.fixture
def quantized(
    folders: dict[str, Path], calibration: Calibration, engine: EngineName
) -> Callable[[Variant], AudioModel]:
    def make(variant: Variant) -> AudioModel:
        model = fresh(folders["v"])
        quantize_(model, variant, calibration, engine=engine)
        return model

    return make


@pytest.fixture
def network_error(loaded: dict[str, AudioModel], calibration: Calibration) -> Callable[[AudioModel], float]:
    """Relative error of a model's prediction at every step that full precision walked through in calibration."""
    baseline = loaded["v"]
    with inputs_of(baseline) as steps:
        sample_batch(baseline, PROMPTS, [0, 1], QUICK)
    conditioning = baseline.condition(PROMPTS, QUICK.seconds)

    @torch.no_grad()
    def measure(model: AudioModel) -> float:
        wrong, right = 0.0, 0.0
        for x, t in steps:
            exact, found = (m.wrapper.model(x, t, use_checkpointing=False, **conditioning) for m in (baseline, model))
            wrong += float((found - exact).square().sum())
            right += float(exact.square().sum())
        return (wrong / right) ** 0.5

    return measure


@pytest.fixture(params=[(70, 96), (128, 64)], ids=["odd", "blocks"])
def layer(request: pytest.FixtureRequest, generator: torch.Generator) -> nn.Linear:
    """Weights that are small where inputs are large; of a shape that processors like, and of one that they do not."""
    outputs, inputs = request.param
    layer = nn.Linear(inputs, outputs).requires_grad_(False)
    layer.weight.copy_(torch.randn(outputs, inputs, generator=generator) * 0.2)
    layer.weight[:, OUTLIERS] /= 30
    layer.bias.copy_(torch.randn(outputs, generator=generator))
    return layer


@pytest.fixture
def rows(layer: nn.Linear, generator: torch.Generator) -> list[Tensor]:
    """Inputs of three groups of timesteps, whose channels grow and shrink apart from each other."""
    width = layer.in_features
    spread = torch.ones(width)
    spread[OUTLIERS] = 30
    return [
        torch.randn(2, 11, width, generator=generator) * spread * (torch.rand(width, generator=generator) + 0.2)
        for _ in range(3)
    ]
