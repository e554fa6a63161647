"""Every setting of a variant, and alpha, changes what is computed or is refused by its name."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from integer_layers import ALPHA, OUTLIERS, branch_of, double, made, weight_of
from tiny_models import PROMPTS, QUICK, fresh, one_line
from torch import Tensor, nn

from quant.engine.convert import quantize_
from quant.errors import VariantError
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS, EngineName, Variant
from quant.rendering.sampling import sample

# By field of a variant, another value than the variants below have.
CHANGES: dict[str, object] = {
    "scheme": "static",
    "weight_bits": 6,
    "activation_bits": 6,
    "rank": 8,
    "lowrank": "weight",
    "groups": 2,
    "keep": ("ff.2",),
    "range": "minmax",
    "rounding": "feedback",
    "rotate": True,
    "cache": 100.0,
}


def test_changes_cover_every_field() -> None:
    assert set(CHANGES) == {field.name for field in fields(Variant)} - {"name"}


@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("base", ["sqs-w8a8", "sqd-w8a8", "sqd-lora-w8a8"])
def test_every_setting_is_honoured_or_refused_by_name(
    folders: dict[str, Path], calibration: Calibration, engine: EngineName, base: str, field: str
) -> None:
    """A setting that leaves every answer of the network as it was must not be taken in silence."""
    # The reference engine's own range is minmax; tests/quant/engine/choices has the other.
    if getattr(VARIANTS[base], field) == CHANGES[field] or (field, engine) == ("range", "reference"):
        pytest.skip("that is what the variant has")
    models = [fresh(folders["v"]) for _ in range(2)]
    quantize_(models[0], VARIANTS[base], calibration, engine=engine)
    refusal = ""
    try:
        changed = replace(VARIANTS[base], **{field: CHANGES[field]})
        quantize_(models[1], changed, calibration, engine=engine)
    except VariantError as error:
        refusal = one_line(error)
    if refusal:  # of the field, or of one that does not go with it
        assert refusal.startswith(f"{base}: ")
        assert refusal.split(": ")[1] in CHANGES
    else:
        assert not torch.equal(*(sample(model, PROMPTS[0], 0, QUICK) for model in models))


def test_alpha_is_honoured(folders: dict[str, Path], calibration: Calibration, engine: EngineName) -> None:
    answers = []
    for alpha in (0.5, 0.8):
        model = fresh(folders["v"])
        quantize_(model, VARIANTS["sqd-w8a8"], calibration, alpha, engine)
        answers.append(sample(model, PROMPTS[0], 0, QUICK))
    assert not torch.equal(*answers)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("groups", [1, 3])
def test_branch_of_the_error_is_its_best_approximation(
    layer: nn.Linear, rows: list[Tensor], bits: int, groups: int
) -> None:
    """Equations (6) to (8) by numpy, with the mean over groups of what the codes stand for."""
    variant = Variant("x", "dynamic", weight_bits=bits, rank=16, lowrank="error", groups=groups)
    quantized, _, _ = made(layer, rows, variant)
    weight = double(layer.weight.half() if groups > 1 else layer.weight)
    error = weight - sum(weight_of(quantized, group) for group in range(groups)) / groups
    u, sigma, vh = np.linalg.svd(error, full_matrices=False)
    best = (u[:, :16] * sigma[:16]) @ vh[:16]
    assert quantized.a.dtype == quantized.b.dtype == torch.float16
    assert np.linalg.norm(branch_of(quantized) - best) < 2e-3 * np.linalg.norm(best)
    assert np.linalg.norm(error - branch_of(quantized)) < 0.9 * np.linalg.norm(error)


@pytest.mark.parametrize("groups", [1, 3])
def test_branch_carries_the_channels_that_make_the_scales_large(
    layer: nn.Linear, rows: list[Tensor], groups: int
) -> None:
    """The largest of the smoothed channels, in the mean over groups; the rest then has a far smaller error."""
    layer.weight[:, OUTLIERS] *= 30
    variant = Variant("x", "dynamic", rank=5, groups=groups)
    quantized, step, table = made(layer, rows, variant)
    plain, other, _ = made(layer, rows, replace(variant, rank=0))
    smoothed = double(table) / (double(table) ** ALPHA / np.abs(double(layer.weight)).max(0) ** (1 - ALPHA))
    assert quantized.channels is not None
    assert quantized.channels.tolist() == sorted(np.argsort((smoothed**2).mean(0))[-5:])
    assert set(OUTLIERS) <= set(quantized.channels.tolist())
    assert not quantized.codes_of(0)[:, quantized.channels].any()
    errors = np.zeros(2)
    for index, x in enumerate(rows):
        step.index = other.index = index
        exact = double(x) @ double(layer.weight).T + double(layer.bias)
        errors += [np.linalg.norm(double(each(x)) - exact) ** 2 for each in (quantized, plain)]
    assert errors[0] < errors[1] / 2


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("groups", [1, 3])
def test_branch_of_the_weight_leaves_the_rest_to_the_codes(
    layer: nn.Linear, rows: list[Tensor], bits: int, groups: int
) -> None:
    variant = Variant("x", "dynamic", weight_bits=bits, rank=16, groups=groups, lowrank="weight")
    quantized, _, _ = made(layer, rows, variant)
    weight = double(layer.weight)
    u, sigma, vh = np.linalg.svd(weight, full_matrices=False)
    best = (u[:, :16] * sigma[:16]) @ vh[:16]
    assert np.linalg.norm(branch_of(quantized) - best) < 2e-3 * np.linalg.norm(best)
    for group in range(groups):
        rest = weight - best
        assert np.linalg.norm(weight_of(quantized, group) - rest) < (0.02 if bits == 8 else 0.2) * np.linalg.norm(rest)
