"""Models: the real loader on small random models of Stable Audio's classes, and what it refuses."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from refusals import refusal
from safetensors.torch import load_file, save_file
from tiny_models import CHANNELS, RATE, RATIO, model_config, write_model
from torch import Tensor

from quant.errors import ModelError
from quant.files import file_sha256
from quant.model.loading import AudioModel, build, load_model
from quant.pretrained.folder import MODELS, locate
from quant.pretrained.state import read_weights

# --- loading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", ["v", "rectified_flow", "rf_denoiser"])
def test_model_loads_with_its_objective_and_shapes(loaded: dict[str, AudioModel], objective: str) -> None:
    model = loaded[objective]
    assert model.objective == objective
    assert (model.sample_rate, model.latent_channels) == (RATE, CHANNELS)
    assert type(model.dit).__name__ == "DiffusionTransformer"
    assert type(model.wrapper.pretransform).__name__ == "AutoencoderPretransform"
    assert type(model.wrapper.conditioner.conditioners["prompt"]).__name__ == "T5Conditioner"
    assert not model.wrapper.training
    assert not any(parameter.requires_grad for parameter in model.wrapper.parameters())
    assert {parameter.dtype for parameter in model.wrapper.parameters()} == {torch.float32}


def test_weights_are_those_of_the_file(loaded: dict[str, AudioModel], folders: dict[str, Path]) -> None:
    stored, found = load_file(folders["v"] / "model.safetensors"), loaded["v"].wrapper.state_dict()
    assert stored.keys() == found.keys()
    assert all(torch.equal(stored[key], found[key]) for key in stored)
    assert loaded["v"].sha256 == file_sha256(folders["v"] / "model.safetensors")


def test_checkpoint_of_tensors_loads_as_safetensors_do(at_home: Path, loaded: dict[str, AudioModel], seed: int) -> None:
    model = load_model(str(write_model(at_home / "ckpt", seed, weights="model.ckpt")))
    found, expected = model.wrapper.state_dict(), loaded["v"].wrapper.state_dict()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_half_precision_weights_become_float32(at_home: Path, folders: dict[str, Path]) -> None:
    folder = at_home / "half"
    shutil.copytree(folders["v"], folder)
    state = load_file(folder / "model.safetensors")
    save_file({key: value.half() for key, value in state.items()}, folder / "model.safetensors")
    found = load_model(str(folder)).wrapper.state_dict()
    for key, value in state.items():
        assert found[key].dtype == value.dtype
        assert torch.equal(found[key], value.half().to(value.dtype))


def test_conditioning_is_the_librarys(loaded: dict[str, AudioModel]) -> None:
    model = loaded["v"]
    found = model.condition(["rain", "a dog"], 7.5)
    batch = [{"prompt": text, "seconds_start": 0, "seconds_total": 7.5} for text in ("rain", "a dog")]
    expected = model.wrapper.get_conditioning_inputs(model.wrapper.conditioner(batch, "cpu"))
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        mine = found[key]
        assert (mine is None) == (value is None)
        assert value is None or torch.equal(mine, value)


def test_conditioning_depends_on_prompt_and_length(loaded: dict[str, AudioModel]) -> None:
    def cross(prompt: str, seconds: float) -> Tensor:
        found = loaded["v"].condition([prompt], seconds)["cross_attn_cond"]
        assert found is not None
        return found

    assert torch.equal(cross("rain", 5), cross("rain", 5))
    assert not torch.equal(cross("rain", 5), cross("hail", 5))
    assert not torch.equal(cross("rain", 5), cross("rain", 6))


@pytest.mark.parametrize(("seconds", "frames"), [(0.25, 63), (0.256, 64), (0.2561, 65), (10, 2500), (0.004, 1)])
def test_latent_covers_the_clip(loaded: dict[str, AudioModel], seconds: float, frames: int) -> None:
    assert loaded["v"].latent_frames(seconds) == frames
    assert frames * RATIO >= round(seconds * RATE) > (frames - 1) * RATIO


def test_latent_is_whole_patches(at_home: Path) -> None:
    config = model_config()
    config["model"]["diffusion"]["config"]["patch_size"] = 4
    model = AudioModel("patched", config, build(config), "")
    assert model.latent_frames(0.25) == 64
    assert model.latent_frames(0.2561) == 68


def test_decoding_gives_audio_of_the_latents_length(loaded: dict[str, AudioModel], generator: torch.Generator) -> None:
    latent = torch.randn(2, CHANNELS, 10, generator=generator)
    audio = loaded["v"].decode(latent)
    assert audio.shape == (2, 2, 10 * RATIO)
    assert audio.dtype == torch.float32
    assert torch.allclose(audio, loaded["v"].wrapper.pretransform.model.decoder(latent), atol=1e-5)


@pytest.mark.parametrize("extra", [{}, {"add_rope": True}, {"layer_scale": True}, {"conformer": True}])
def test_blocks_are_built_without_values_and_loaded_with_all(at_home: Path, seed: int, extra: dict[str, Any]) -> None:
    """What is made of shapes alone is filled by the file, to the last tensor."""
    config = model_config()
    config["model"]["diffusion"]["config"] |= extra
    shell, whole = build(config, values=False), build(config)
    held = {name for name, value in shell.state_dict().items() if value.is_meta}
    large = ("model.model.transformer.layers.", "pretransform.model.encoder.", "pretransform.model.decoder.")
    assert held == {name for name in whole.state_dict() if name.startswith(large)}
    folder = at_home / "-".join(["shell", *extra])
    folder.mkdir(exist_ok=True)
    (folder / "model_config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(whole.state_dict(), folder / "model.safetensors")
    model = load_model(str(folder))
    for name, value in model.wrapper.state_dict().items():
        assert torch.equal(value, whole.state_dict()[name]), name
    assert not any(value.is_meta for value in (*model.wrapper.parameters(), *model.wrapper.buffers()))
    x, t = torch.randn(1, CHANNELS, 16, generator=torch.Generator().manual_seed(seed)), torch.tensor([0.5])
    conditioning = model.condition(["rain"], 1.0)
    found, expected = (one.model(x, t, use_checkpointing=False, **conditioning) for one in (model.wrapper, whole))
    assert torch.equal(found, expected)


def test_library_makes_values_again_after_a_shell_or_a_failure(at_home: Path) -> None:
    broken = model_config()
    words = {"id": "prompt", "type": "lut", "config": {"tokenizer_name": "no such / tokenizer"}}
    broken["model"]["conditioning"]["configs"][0] = words
    for config in (model_config(), broken):
        with contextlib.suppress(ModelError):
            build(config, values=False)
        assert not any(value.is_meta for value in build(model_config()).state_dict().values())


def test_building_leaves_the_configuration_alone(at_home: Path) -> None:
    config = model_config()
    before = copy.deepcopy(config)
    build(config)
    assert config == before


# --- refusals -------------------------------------------------------------------------------------


def test_unknown_name_lists_the_known(at_home: Path) -> None:
    message = refusal("stable-audio-closed")
    assert message.startswith("stable-audio-closed: ")
    assert all(name in message for name in MODELS)


def test_folder_without_configuration(at_home: Path, tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(f"{tmp_path}: holds no model_config.json")


def test_folder_without_weights(at_home: Path, tmp_path: Path) -> None:
    (tmp_path / "model_config.json").write_text(json.dumps(model_config()))
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path}: ")
    assert "model.safetensors" in message


@pytest.fixture
def broken(at_home: Path, folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of a good model's folder, to be spoilt."""
    return Path(shutil.copytree(folders["v"], tmp_path / "model"))


@pytest.mark.parametrize("size", [0, 4, 1000, -1])
def test_truncated_safetensors(broken: Path, size: int) -> None:
    path = broken / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    assert refusal(broken).startswith(f"{path}: damaged or truncated")


@pytest.mark.parametrize("size", [0, 4, 1000, -1])
def test_truncated_checkpoint(broken: Path, size: int) -> None:
    torch.save({"state_dict": load_file(broken / "model.safetensors")}, broken / "model.ckpt")
    (broken / "model.safetensors").unlink()
    path = broken / "model.ckpt"
    path.write_bytes(path.read_bytes()[:size])
    assert refusal(broken).startswith(f"{path}: ")


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("legacy", [False, True])
def test_pickled_code_is_refused_and_never_runs(broken: Path, tmp_path: Path, legacy: bool) -> None:
    (broken / "model.safetensors").unlink()
    marker = tmp_path / "ran"
    state = {"state_dict": {"weight": torch.zeros(2)}, "callbacks": Bomb(marker)}
    torch.save(state, broken / "model.ckpt", _use_new_zipfile_serialization=not legacy)
    message = refusal(broken)
    assert message.startswith(f"{broken / 'model.ckpt'}: ")
    assert "convert it to safetensors" in message
    assert not marker.exists()
    # The file is live: whoever does unpickle it runs the command.
    torch.load(broken / "model.ckpt", weights_only=False)
    assert marker.exists()


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(2), {"state_dict": {"steps": 3}}, {"state_dict": "weights"}])
def test_checkpoint_of_something_else(broken: Path, content: object) -> None:
    (broken / "model.safetensors").unlink()
    torch.save(content, broken / "model.ckpt")
    assert refusal(broken).startswith(f"{broken / 'model.ckpt'}: holds no state dict")


def spoil(path: Path, change: Callable[[dict[str, Tensor]], Any]) -> None:
    state = load_file(path)
    change(state)
    save_file(state, path)


def test_tensors_of_another_shape(broken: Path) -> None:
    path = broken / "model.safetensors"
    spoil(path, lambda state: state.update({"model.model.transformer.project_in.weight": torch.zeros(3, 3)}))
    message = refusal(broken)
    assert message.startswith(f"{path}: does not fit model_config.json")
    assert "project_in.weight" in message


def test_lacking_tensor_is_named(broken: Path) -> None:
    path = broken / "model.safetensors"
    spoil(path, lambda state: state.pop("model.model.transformer.project_in.weight"))
    message = refusal(broken)
    assert message.startswith(f"{path}: lacks tensors of")
    assert "model.model.transformer.project_in.weight" in message


def test_superfluous_tensors_are_left_out_with_a_warning(broken: Path, caplog: pytest.LogCaptureFixture) -> None:
    spoil(broken / "model.safetensors", lambda state: state.update({"ema.step": torch.zeros(1)}))
    load_model(str(broken))
    assert [record.levelname for record in caplog.records if "ema.step" in record.getMessage()] == ["WARNING"]


def set_in(config: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        config = config[parent]
    if value is None:
        del config[last]
    else:
        config[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model_type", "autoencoder"),
        ("model_type", None),
        ("model", None),
        ("model", "a string"),
        ("sample_rate", None),
        ("model.io_channels", None),
        ("model.conditioning", None),
        ("model.conditioning.cond_dim", None),
        ("model.conditioning.configs", [{"id": "prompt", "type": "magic", "config": {}}]),
        ("model.conditioning.configs", [{"id": "prompt"}]),
        ("model.diffusion", None),
        ("model.diffusion.type", "magic"),
        ("model.diffusion.config.num_heads", 0),
        ("model.diffusion.config.embed_dim", "wide"),
        ("model.diffusion.config.magic", 1),
        ("model.pretransform.type", "magic"),
        ("model.pretransform", {"type": "log_mel", "config": {"magic": 1}}),
        ("model.pretransform.config.encoder.type", "magic"),
    ],
)
def test_configuration_that_cannot_be_built(broken: Path, path: str, value: Any) -> None:
    config = model_config()
    set_in(config, path, value)
    (broken / "model_config.json").write_text(json.dumps(config))
    message = refusal(broken)
    assert message.startswith(f"{broken}")
    assert "model_type" in message or "model_config.json" in message


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"model"', "\udcff"])
def test_configuration_that_is_no_json_object(broken: Path, text: str) -> None:
    (broken / "model_config.json").write_bytes(text.encode(errors="surrogateescape"))
    assert refusal(broken).startswith(f"{broken}")


def test_text_encoder_that_is_not_there_is_named(
    broken: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hub_settings: Callable[..., None]
) -> None:
    hub_settings(offline=True)
    monkeypatch.chdir(tmp_path)
    assert "text encoder" in refusal(broken)


def test_text_encoder_that_is_damaged_is_one_line(
    broken: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "t5-base").mkdir()
    monkeypatch.chdir(tmp_path)
    assert refusal(broken).startswith(f"{broken}: ")


def test_missing_weight_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file; "):
        read_weights(tmp_path / "model.safetensors")


def test_embedded_model_lies_in_the_package() -> None:
    config, weights = locate("mini")
    assert config.parent == weights.parent
    assert config.parent.parent.name == "quant"
