"""A file's tensors against the model's: counts both ways, and what is left out."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from quant.errors import ModelError
from quant.pretrained.fitting import fitted

PATH = Path("model.safetensors")


def test_the_count_of_what_lacks_and_what_is_too_much_is_said(seed: int) -> None:
    rng = random.Random(seed)
    own = [f"{part}.layers.{n}.weight" for part in ("model", "pretransform") for n in range(30)]
    for _ in range(20):
        gone, strange = rng.sample(own[:30], rng.randint(1, 29)), rng.randint(1, 20)
        wanted = {name: torch.zeros(2, 3) for name in own}
        state = {name: torch.zeros(2, 3) for name in own if name not in gone}
        state |= {f"unet.{n}": torch.zeros(1) for n in range(strange)}
        with pytest.raises(ModelError) as caught:
            fitted(state, wanted, own, PATH, "model_config.json")
        first = " and ".join(sorted(gone)[:2])
        assert f"lacks tensors of model_config.json, {len(gone)} of 60, such as {first};" in str(caught.value)
        assert f"; holds {strange} that it does not have, such as unet.0" in str(caught.value)


def test_whatever_a_tensor_came_in_is_float32(generator: torch.Generator) -> None:
    value = torch.randn(3, 4, generator=generator).bfloat16()
    wanted = {"model.a": torch.zeros(3, 4), "model.count": torch.zeros(1, dtype=torch.int64)}
    found = fitted({"model.a": value, "model.count": torch.ones(1, dtype=torch.int64)}, wanted, [], PATH, "x.json")
    assert torch.equal(found["model.a"], value.float())
    assert found["model.a"].dtype == torch.float32
    assert found["model.count"].dtype == torch.int64
    with pytest.raises(ModelError, match=r"model\.a is stored as int8; "):
        fitted(wanted | {"model.a": value.to(torch.int8)}, wanted, [], PATH, "x.json")


def test_what_lacks_tensors_is_told_what_to_take() -> None:
    wanted = {"model.a.weight": torch.zeros(1), "model.b.weight": torch.zeros(1)}
    with pytest.raises(ModelError, match=r"1 of 2, such as model\.b\.weight; take the whole model's weights"):
        fitted({"model.a.weight": torch.zeros(1)}, wanted, wanted, Path("last.ckpt"), "model_config.json")
