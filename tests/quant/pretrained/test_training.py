"""What training puts before a tensor's name comes off in whatever order it was put there."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from refusals import refusal
from torch import Tensor
from weight_files import as_safetensors

from quant.errors import ModelError
from quant.pretrained.training import WRAPPERS, own_names

PATH = Path("last.ckpt")


def model_names(rng: random.Random) -> list[str]:
    """Names as a model of stable-audio-tools has them, of a random size."""
    parts = [f"model.model.transformer.layers.{n}.ff.weight" for n in range(rng.randint(2, 20))]
    parts += [f"pretransform.model.decoder.layers.{n}.bias" for n in range(rng.randint(1, 9))]
    return [*parts, "conditioner.conditioners.seconds_total.embedder.weights"]


def wrapped(name: str, levels: list[tuple[int, str]]) -> str:
    """Put levels into a name, each at its place."""
    made = name.split(".")
    for place, level in levels:
        made.insert(min(place, len(made) - 1), level)
    return ".".join(made)


@pytest.mark.parametrize("prefix", ["", "diffusion.", "model.", "net.denoiser."])
@pytest.mark.parametrize("average", ["", "diffusion_ema.ema_model.", "ema.", "model_ema.module.", "params_ema."])
def test_names_come_back_through_any_nesting(seed: int, prefix: str, average: str) -> None:
    rng = random.Random(seed)
    for _ in range(20):
        wanted = model_names(rng)
        levels = [(rng.randint(0, 4), rng.choice(sorted(WRAPPERS))) for _ in range(rng.randint(0, 4))]
        file = {wrapped(prefix + name, levels): name for name in wanted}
        taken = {}
        if average:
            part = rng.choice(["", "model.", "model.model."])
            taken = {
                wrapped(average + name.removeprefix(part), levels): name for name in wanted if name.startswith("model.")
            }
        names = [*file, *taken, "losses.0.weight", "discriminator.weight"]
        rng.shuffle(names)
        found = own_names(names, wanted, wanted, PATH)
        expected = {name: stored for stored, name in (file | taken).items()}
        assert {name: stored for name, stored in found.own.items() if name in expected} == expected
        assert sorted(found.own.keys() - expected.keys()) == ["discriminator.weight", "losses.0.weight"]
        assert found.averaged == len(taken)


def test_a_model_whose_own_names_have_such_levels_is_left_alone() -> None:
    wanted = ["model.module.a", "model.ema.b", "model.ema_c"]
    found = own_names(wanted, wanted, wanted, PATH)
    assert (found.own, found.averaged) == ({name: name for name in wanted}, 0)


def test_two_models_in_one_file_are_refused() -> None:
    wanted = ["model.a", "model.b"]
    with pytest.raises(ModelError, match=r"holds the model twice, under first\. and second\."):
        own_names([f"{who}.{name}" for who in ("first", "second") for name in wanted], wanted, wanted, PATH)


def test_the_one_that_was_trained_is_taken_beside_its_teacher() -> None:
    """A distillation keeps both, and a discriminator that began as a copy of the model."""
    wanted = ["model.a", "model.b"]
    names = [f"{who}.{name}" for who in ("teacher_model", "discriminator", "diffusion") for name in wanted]
    found = own_names(names, wanted, wanted, PATH)
    assert {name: found.own[name] for name in wanted} == {name: f"diffusion.{name}" for name in wanted}


def test_names_that_no_one_could_read_are_refused(folder: Path, tensors: dict[str, Tensor]) -> None:
    """A name with a line's end or an escape code would make more of a message than one line."""
    for name in ("model.a\nb", "\x1b[31mmodel", "a" * 600):
        as_safetensors(tensors | {name: torch.zeros(2)}, folder / "model.safetensors")
        assert "no readable name" in refusal(folder)
