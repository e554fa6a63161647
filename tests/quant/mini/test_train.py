"""Training: it resumes exactly, and what it exports loads as a model."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from quant.mini import train as training
from quant.mini.train import FRAMES, loss_of, plain_attention, train
from quant.model.loading import build, load_model
from quant.model.log_mel import LogMelPretransform
from quant.pretrained.folder import MINI_FOLDER

CHANNELS = 8


def small_config() -> dict[str, Any]:
    """The embedded model's own configuration with a small network and small latents."""
    config: dict[str, Any] = json.loads((MINI_FOLDER / "model_config.json").read_text(encoding="utf-8"))
    model = config["model"]
    model["io_channels"] = model["diffusion"]["config"]["io_channels"] = CHANNELS
    model["pretransform"]["config"] |= {"channels": CHANNELS, "iterations": 2}
    model["diffusion"]["config"] |= {"embed_dim": 32, "depth": 1, "num_heads": 1, "cond_token_dim": 384}
    return config


def write_data(folder: Path, config: dict[str, Any], generator: torch.Generator) -> None:
    """Put a data set of five random takes where training finds it."""
    folder.mkdir(parents=True)
    pretransform = LogMelPretransform(config["sample_rate"], **config["model"]["pretransform"]["config"])
    pretransform.fit(torch.randn(200, len(pretransform.mean), generator=generator))
    data = {
        "latents": torch.randn(5, CHANNELS, FRAMES, generator=generator).half(),
        "caption": torch.tensor([0, 1, 2, 0, 1]),
        "states": torch.randn(3, 25, 384, generator=generator).half(),
        "silence": torch.zeros(CHANNELS, FRAMES).half(),
        **{f"pretransform.{key}": value.contiguous() for key, value in pretransform.state_dict().items()},
    }
    save_file(data, folder / "dataset.safetensors")


@pytest.fixture
def model_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where training reads the configuration and writes the model, instead of the package."""
    folder = tmp_path / "mini"
    folder.mkdir()
    (folder / "model_config.json").write_text(json.dumps(small_config()), encoding="utf-8")
    monkeypatch.setattr(training, "MINI_FOLDER", folder)
    return folder


@pytest.fixture
def work(tmp_path: Path, model_folder: Path, generator: torch.Generator) -> Path:
    folder = tmp_path / "work"
    write_data(folder, small_config(), generator)
    return folder


def trained(work: Path, model_folder: Path, *stages: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Train in stages up to so many steps each: the saved state and the exported weights."""
    for steps in stages:
        train(work, steps, batch=3, rate=1e-3, seed=7)
    return torch.load(work / "state.pt", weights_only=True), load_file(model_folder / "model.safetensors")


def equal(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(equal, left, right))
    return torch.equal(left, right) if isinstance(left, Tensor) else left == right


def test_two_and_two_steps_are_four(work: Path, model_folder: Path) -> None:
    again = work.with_name("again")
    shutil.copytree(work, again)
    state, weights = trained(work, model_folder, 4)
    resumed_state, resumed_weights = trained(again, model_folder, 2, 4)
    assert state["done"] == resumed_state["done"] == 4
    assert equal(state["model"], resumed_state["model"])
    assert equal(state["average"], resumed_state["average"])
    assert equal(state["optimizer"]["state"], resumed_state["optimizer"]["state"])
    assert equal(weights, resumed_weights)
    with (again / "loss.csv").open() as file:
        assert [row[0] for row in csv.reader(file)] == ["2", "4"]


def test_steps_move_the_network_and_the_seed_decides_where(work: Path, model_folder: Path) -> None:
    again, other = work.with_name("again"), work.with_name("other")
    for copy in (again, other):
        shutil.copytree(work, copy)
    _, short = trained(other, model_folder, 1)
    _, first = trained(work, model_folder, 2)
    _, second = trained(again, model_folder, 2)
    assert equal(first, second)
    moved = [key for key in first if not torch.equal(first[key], short[key])]
    assert any(".transformer.layers.0." in key for key in moved)
    assert not any(key.startswith("pretransform.") for key in moved)


def test_every_step_draws_takes_of_its_own(work: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Tensor] = []
    draw = training._batch

    def watched(*arguments: Any) -> Any:
        batch = draw(*arguments)
        drawn.append(batch[0])
        return batch

    monkeypatch.setattr(training, "_batch", watched)
    trained(work, model_folder, 2, 4)
    assert len(drawn) == 4
    assert sum(not torch.equal(first, second) for first, second in itertools.pairwise(drawn)) >= 2


def test_exported_model_loads_and_renders(work: Path, model_folder: Path) -> None:
    _, weights = trained(work, model_folder, 1)
    assert all(value.dtype == torch.float16 for key, value in weights.items() if key.startswith("model."))
    model = load_model(str(model_folder))
    basis = load_file(work / "dataset.safetensors")["pretransform.basis"]
    assert torch.equal(model.wrapper.pretransform.basis, basis)
    from quant.rendering.clips import render
    from quant.rendering.sampling import Sampling

    clip = render(model, "rain on a roof", 1, Sampling(steps=2, seconds=1.0))
    assert clip.shape == (22050, 1)


def test_loss_of_the_true_answer_is_zero(generator: torch.Generator) -> None:
    """A network that knows noise and signal answers v = noise cos - signal sin; the loss then vanishes."""
    clean = torch.randn(2, CHANNELS, FRAMES, generator=generator)

    class Oracle:
        """Solves the noise out of the mixture that it is given; silent conditioners."""

        def __init__(self) -> None:
            def number(values: list[float], device: str) -> tuple[Tensor, Tensor]:
                return torch.zeros(len(values), 1, 4), torch.ones(len(values), 1)

            self.conditioner = type("C", (), {"conditioners": {"seconds_start": number, "seconds_total": number}})()

        def __call__(self, x: Tensor, t: Tensor, **_: Any) -> Tensor:
            alpha, sigma = torch.cos(t * torch.pi / 2)[:, None, None], torch.sin(t * torch.pi / 2)[:, None, None]
            noise = (x - clean * alpha) / sigma
            return noise * alpha - clean * sigma

    loss = loss_of(Oracle(), clean, torch.zeros(2, 25, 384), [10.0, 10.0], generator)
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_plain_attention_is_attention(generator: torch.Generator) -> None:
    q, k, v = (torch.randn(2, 3, 5, 4, generator=generator) for _ in range(3))
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    assert torch.allclose(plain_attention(q, k, v), expected, atol=1e-6)


def test_embedded_model_is_a_dit_of_the_size_it_claims() -> None:
    """5-15 million parameters, ten seconds at a time, built by the library from the shipped configuration."""
    config = json.loads((MINI_FOLDER / "model_config.json").read_text(encoding="utf-8"))
    wrapper = build(config, "mini")
    assert type(wrapper.model.model).__name__ == "DiffusionTransformer"
    assert 5e6 <= sum(parameter.numel() for parameter in wrapper.model.parameters()) <= 15e6
    assert config["sample_size"] >= 10 * config["sample_rate"]
    assert FRAMES * wrapper.pretransform.downsampling_ratio == config["sample_size"]
    assert wrapper.diffusion_objective == "v"


def test_shipped_weights_load_and_are_small() -> None:
    model = load_model("mini")
    assert (MINI_FOLDER / "model.safetensors").stat().st_size <= 40e6
    assert all(bool(parameter.isfinite().all()) for parameter in model.dit.parameters())
    assert model.latent_frames(10.0) == FRAMES
    latent = model.wrapper.pretransform.encode(torch.zeros(1, 1, 22050))
    assert bool(latent.isfinite().all())
    assert model.wrapper.pretransform.basis.any()
