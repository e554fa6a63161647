"""Every setting of a variant, and alpha, changes what is computed or is refused by its name."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from tiny_models import PROMPTS, QUICK, fresh, one_line

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
    if getattr(VARIANTS[base], field) == CHANGES[field]:
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
