"""Models with adapters: what is loaded computes what the tuned model computes, and is known as another model."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import adapter_files
import pytest
import torch
from adapter_files import Layers, by_hand, random_layers, write
from refusals import refusal
from safetensors.torch import load_file, save_file
from tiny_models import PROMPTS, QUICK, one_line
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from quant.adapters.adapter import Adapter
from quant.engine.checkpoint import load_beside, load_checkpoint, read_header, save_checkpoint
from quant.engine.convert import quantize_
from quant.errors import CalibrationError, CheckpointError, ModelError
from quant.files import file_sha256
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS
from quant.model.loading import AudioModel, load_model
from quant.rendering.calibrate import calibrate

TO_QKV, CONV, FACT = "layers.0.self_attn.to_qkv", "preprocess_conv", "embedder.embedding.1"
ROOTS = {TO_QKV: "model.model.transformer.", CONV: "model.model.", FACT: "conditioner.conditioners.seconds_total."}
SHORT = {TO_QKV: "model.transformer.", CONV: "model.", FACT: "conditioners.seconds_total."}


class LowRank(nn.Module):
    """A parametrization with the names of stable-audio-tools', in a row's magnitude if it has one."""

    def __init__(self, down: Tensor, up: Tensor, rows: Tensor | None) -> None:
        super().__init__()
        self.lora_A, self.lora_B = nn.Parameter(down), nn.Parameter(up)
        self.register_buffer("lora_dropout_mask", torch.ones(1, down.shape[1]))
        if rows is not None:
            self.magnitude = nn.Parameter(rows)

    def forward(self, weight: Tensor) -> Tensor:
        made = weight + (self.lora_B @ self.lora_A).view(weight.shape)
        if not hasattr(self, "magnitude"):
            return made
        flat = made.flatten(1)
        return (flat / flat.norm(dim=1, keepdim=True) * self.magnitude.unsqueeze(1)).view(weight.shape)


@pytest.fixture
def layers(loaded: dict[str, AudioModel], generator: torch.Generator) -> Layers:
    """An adapter to a linear layer, a convolution and a conditioner."""
    own = loaded["v"].wrapper.state_dict()
    return random_layers(generator, "dora-rows", {n: own[f"{root}{n}.weight"].shape for n, root in ROOTS.items()})


@pytest.fixture
def adapter(layers: Layers, tmp_path: Path) -> Path:
    tensors = {
        k: v for name, parts in layers.items() for k, v in adapter_files.native({name: parts}, SHORT[name]).items()
    }
    return write(tmp_path / "rain.safetensors", tensors, {"rank": 3, "alpha": 3, "adapter_type": "dora-rows"})


@pytest.fixture
def folder(at_home: Path, folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of a model's folder."""
    return Path(shutil.copytree(folders["v"], tmp_path / "model"))


def parametrized(folder: Path, layers: Layers) -> Any:
    """The model as it is while it is tuned: torch itself computes its weights."""
    wrapper = load_model(str(folder)).wrapper
    for name, parts in layers.items():
        layer = wrapper.get_submodule(f"{ROOTS[name]}{name}")
        module = LowRank(parts["down"].flatten(1).float(), parts["up"].float(), parts["rows"].float())
        parametrize.register_parametrization(layer, "weight", module)
    return wrapper


def velocity(wrapper: Any, generator: torch.Generator) -> Tensor:
    x = torch.randn(2, wrapper.io_channels, 16, generator=generator.manual_seed(1))
    cross, glob = torch.randn(2, 4, 32, generator=generator), torch.randn(2, 64, generator=generator)
    found: Tensor = wrapper.model.model(x, torch.tensor([0.2, 0.9]), cross_attn_cond=cross, global_embed=glob)
    return found


@torch.no_grad()
def test_a_model_with_an_adapter_computes_what_the_tuned_one_does(
    folder: Path, adapter: Path, layers: Layers, loaded: dict[str, AudioModel], generator: torch.Generator
) -> None:
    found = load_model(str(folder), adapters=[Adapter(adapter)])
    tuned = parametrized(folder, layers)
    # Of its weights, not of what it computes: large random adapters make a rounding of these as large as one likes.
    for name in layers:
        one, other = (made.get_submodule(f"{ROOTS[name]}{name}").weight for made in (found.wrapper, tuned))
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    base, expected = velocity(loaded["v"].wrapper, generator), velocity(tuned, generator)
    assert not torch.allclose(base, expected, rtol=1e-2, atol=1e-2)
    assert (velocity(found.wrapper, generator) - expected).norm() < 1e-3 * (base - expected).norm()
    facts = [one.conditioner.conditioners["seconds_total"]([7.5], "cpu")[0] for one in (found.wrapper, tuned)]
    torch.testing.assert_close(*facts, rtol=1e-5, atol=1e-5)


def test_a_model_with_an_adapter_is_another_model(folder: Path, adapter: Path) -> None:
    """Its sha256 keys calibrations, checkpoints and clips."""
    base = load_model(str(folder))
    whole, half = (load_model(str(folder), adapters=[Adapter(adapter, one)]) for one in (1.0, 0.5))
    assert len({base.sha256, whole.sha256, half.sha256}) == 3
    assert whole.adapters == ({"file": "rain.safetensors", "strength": 1.0, "sha256": file_sha256(adapter)},)
    assert whole.sha256 == load_model(str(folder), adapters=[Adapter(adapter)]).sha256
    twice = load_model(str(folder), adapters=[Adapter(adapter), Adapter(adapter, 0.5)])
    other = load_model(str(folder), adapters=[Adapter(adapter, 0.5), Adapter(adapter)])
    assert len({twice.sha256, other.sha256, whole.sha256}) == 3, "magnitudes make the order matter"


def test_strength_zero_is_the_base_model(folder: Path, adapter: Path, loaded: dict[str, AudioModel]) -> None:
    found = load_model(str(folder), adapters=[Adapter(adapter, 0.0)])
    assert found.sha256 == loaded["v"].sha256
    for name, value in loaded["v"].wrapper.state_dict().items():
        assert torch.equal(found.wrapper.state_dict()[name], value)


def test_a_checkpoint_says_which_adapter_is_in_it(
    folder: Path, adapter: Path, calibration: Calibration, loaded: dict[str, AudioModel], tmp_path: Path
) -> None:
    variant, path = VARIANTS["sqs-w8a8"], tmp_path / "sqs-w8a8.safetensors"
    model = load_model(str(folder), adapters=[Adapter(adapter, 0.5)])
    expected, sha256 = model.adapters, model.sha256
    with pytest.raises(CalibrationError, match="the calibration is of a model with sha256"):
        quantize_(model, variant, calibration)
    quantize_(model, variant, calibrate(model, PROMPTS, QUICK, tmp_path / "calibration.safetensors"))
    save_checkpoint(path, model, variant, alpha=0.5, made_by="test")
    assert read_header(path)["adapters"] == list(expected)
    assert (load_checkpoint(path)[0].adapters, load_checkpoint(path)[0].sha256) == (expected, sha256)
    assert load_beside(path, load_model(str(folder), adapters=[Adapter(adapter, 0.5)]))[0].adapters == expected
    with pytest.raises(CheckpointError, match="made from a model with sha256"):
        load_beside(path, loaded["v"])


def test_an_adapter_that_is_none_is_said_before_the_weights_are_read(folder: Path, tmp_path: Path) -> None:
    save_file({"model.model.x": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(ModelError) as caught:
        load_model(str(folder), adapters=[Adapter(tmp_path / "absent.safetensors")])
    assert one_line(caught.value).startswith(f"{tmp_path / 'absent.safetensors'}: no such adapter")


def test_a_weight_that_an_adapter_takes_beyond_float32_is_refused(folder: Path, tmp_path: Path) -> None:
    tensors = {f"{SHORT[CONV]}{CONV}.lora_down.weight": torch.full((1, 8, 1), 1e30)}
    tensors |= {f"{SHORT[CONV]}{CONV}.lora_up.weight": torch.full((8, 1, 1), 1e30)}
    path = write(tmp_path / "loud.safetensors", tensors)
    with pytest.raises(ModelError, match=rf"^{path}: model.model.{CONV}.weight with its adapter is beyond float32"):
        load_model(str(folder), adapters=[Adapter(path)])


# --- adapters in the weight file -----------------------------------------------------------------


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_a_model_saved_while_it_was_tuned_is_the_tuned_model(
    folder: Path, layers: Layers, loaded: dict[str, AudioModel], caplog: pytest.LogCaptureFixture
) -> None:
    save_file(parametrized(folder, layers).state_dict(), folder / "model.safetensors")
    found = load_model(str(folder)).wrapper.state_dict()
    for name, value in loaded["v"].wrapper.state_dict().items():
        layer = next((one for one, root in ROOTS.items() if name == f"{root}{one}.weight"), None)
        if layer is None:
            assert torch.equal(found[name], value)
        else:
            expected = torch.from_numpy(by_hand(value, layers[layer], 1.0)).float()
            torch.testing.assert_close(found[name], expected, rtol=1e-6, atol=1e-6)
    assert f"{folder / 'model.safetensors'}: merged the adapter in it, which changes 3 weights" in warnings(caplog)


@pytest.mark.parametrize("peft", [False, True])
def test_an_adapter_beside_the_weights_is_merged(
    folder: Path, layers: Layers, loaded: dict[str, AudioModel], peft: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """As PEFT wraps a layer, or plainly beside it."""
    base, name = loaded["v"].wrapper.state_dict(), f"{ROOTS[TO_QKV]}{TO_QKV}"
    tensors = adapter_files.peft({TO_QKV: layers[TO_QKV]}, "base_model.model.model.model.transformer.")
    state = {**base, **{re.sub("(lora_[ABm][a-z_]*)", r"\1.default", key): value for key, value in tensors.items()}}
    if peft:
        state = {key if "lora_" in key else f"base_model.model.{key}": value for key, value in state.items()}
        state[f"base_model.model.{name}.base_layer.weight"] = state.pop(f"base_model.model.{name}.weight")
    save_file(state, folder / "model.safetensors")
    assert "lacks adapter_config.json" in refusal(folder)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 3, "lora_alpha": 6}))
    found = load_model(str(folder)).wrapper.state_dict()[f"{name}.weight"]
    expected = torch.from_numpy(by_hand(base[f"{name}.weight"], layers[TO_QKV], 2.0)).float()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    assert f"{folder / 'model.safetensors'}: merged the adapter in it, which changes 1 weight" in warnings(caplog)


def with_half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**state, "lora.model.model.transformer.layers.0.self_attn.to_qkv.lora_up.weight": torch.randn(8, 4)}


def with_stranger(state: dict[str, Tensor]) -> dict[str, Tensor]:
    pair = {"blocks.9.qkv.lora_down.weight": torch.ones(1, 64), "blocks.9.qkv.lora_up.weight": torch.ones(192, 1)}
    return {**state, **pair}


def with_another_width(state: dict[str, Tensor]) -> dict[str, Tensor]:
    start = "model.model.transformer.layers.0.self_attn.to_qkv"
    return {**state, f"{start}.lora_down.weight": torch.ones(1, 9), f"{start}.lora_up.weight": torch.ones(192, 1)}


def with_other_kind(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**state, "model.model.transformer.layers.0.self_attn.to_qkv.hada_w1_a": torch.ones(2, 2)}


def with_other_parametrization(state: dict[str, Tensor]) -> dict[str, Tensor]:
    name = "model.model.transformer.layers.0.self_attn.to_qkv"
    made = {key: value for key, value in state.items() if key != f"{name}.weight"}
    made[f"{name}.parametrizations.weight.original"] = state[f"{name}.weight"]
    return {**made, f"{name}.parametrizations.weight.0._u": torch.ones(192)}


def with_a_weight_twice(state: dict[str, Tensor]) -> dict[str, Tensor]:
    name = "model.model.transformer.layers.0.self_attn.to_qkv"
    return {**state, f"{name}.parametrizations.weight.original": state[f"{name}.weight"].clone()}


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (with_half, "1 of 1 weights have half an adapter"),
        (with_stranger, "1 of its 1 parts match no weight, such as blocks.9.qkv.weight"),
        (with_another_width, "1 of its 1 parts match no weight"),
        (with_other_kind, "1 of its 1 parts match no weight"),
        (with_other_parametrization, "1 of its 1 parts match no weight"),
        (with_a_weight_twice, "1 of its 1 parts match no weight"),
    ],
)
def test_an_adapter_in_the_weight_file_is_never_left_out_in_silence(
    folder: Path, spoilt: Callable[[dict[str, Tensor]], dict[str, Tensor]], said: str
) -> None:
    path = folder / "model.safetensors"
    save_file(spoilt(load_file(path)), path)
    message = refusal(folder)
    assert message.startswith(f"{path}: ")
    assert said in message


def test_an_adapter_alone_is_no_model(folder: Path, adapter: Path) -> None:
    shutil.copy(adapter, folder / "model.safetensors")
    assert "holds an adapter of 3 weights and no model" in refusal(folder)


def test_newer_names_of_weight_norm_are_no_adapter(folder: Path, loaded: dict[str, AudioModel]) -> None:
    """The autoencoder's convolutions as a later torch names their two parts."""
    own = loaded["v"].wrapper.state_dict()
    made = parametrizations.weight_norm(nn.Conv1d(2, 3, 1)).state_dict()
    assert {"parametrizations.weight.original0", "parametrizations.weight.original1"} <= made.keys()
    assert any(name.endswith(".weight_g") for name in own)
    renamed = {
        name.replace(".weight_g", ".parametrizations.weight.original0").replace(
            ".weight_v", ".parametrizations.weight.original1"
        ): value
        for name, value in own.items()
    }
    save_file(renamed, folder / "model.safetensors")
    found = load_model(str(folder)).wrapper.state_dict()
    assert all(torch.equal(found[name], value) for name, value in own.items())
