"""Checkpoints: one file that renders the same without the original, and refusals in one line."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from checkpoints import make
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_models import QUICK, fresh, inputs_of, one_line
from torch import Tensor

from quant.engine.checkpoint import load_beside, load_checkpoint, read_header
from quant.engine.convert import EXACT
from quant.engine.integer import IntegerLinear
from quant.engine.layer import KeptLinear
from quant.engine.reference import linear_layers
from quant.errors import CheckpointError
from quant.files import file_sha256
from quant.method.variants import VARIANTS, EngineName, Variant
from quant.model.loading import AudioModel
from quant.rendering.sampling import sample

QUANTIZED = [name for name, variant in VARIANTS.items() if variant.scheme]
ENGINES: tuple[EngineName, ...] = ("integer", "reference")
BY_ENGINE = [(engine, VARIANTS[name]) for engine in ENGINES for name in QUANTIZED]
UNUSUAL: list[tuple[EngineName, Variant]] = [
    ("integer", replace(VARIANTS["sqd-w8a8"], groups=2)),
    ("integer", replace(VARIANTS["sqd-lora-w4a8"], groups=3, lowrank="weight")),
    ("integer", replace(VARIANTS["sqs-w4a8"], keep=("ff.2", "transformer.layers.0.self_attn.to_qkv"))),
    ("integer", replace(VARIANTS["sqd-w8a8"], groups=2, keep=("cross_attn.to_kv",))),
    ("integer", replace(VARIANTS["sqd-w8a8-cache"], cache=100.0)),
    ("reference", replace(VARIANTS["sqd-w8a8-cache"], cache=100.0)),
    ("reference", replace(VARIANTS["sqd-lora-w8a8"], lowrank="weight", keep=("to_q", "ff.0.proj"))),
]


@pytest.mark.parametrize(
    ("engine", "variant"),
    BY_ENGINE + UNUSUAL,
    ids=lambda value: value if isinstance(value, str) else f"{value.name}-{value.groups}-{len(value.keep)}",
)
def test_loads_without_the_original_and_renders_the_same_bits(
    at_home: Path,
    folders: dict[str, Path],
    calibration_file: Path,
    tmp_path: Path,
    engine: EngineName,
    variant: Variant,
) -> None:
    # A copy of the original, inside the folder that holds the text encoder, which is deleted before loading.
    original = at_home / "original"
    shutil.copytree(folders["v"], original)
    path = tmp_path / f"{variant.name}.safetensors"
    model, before = make(original, calibration_file, variant, path, engine)
    audio = model.decode(before)
    shutil.rmtree(original)

    for _ in range(2):
        again, found = load_checkpoint(path)
        assert found == variant
        assert (again.name, again.sha256, again.config) == (model.name, model.sha256, model.config)
        assert not any(module.training for module in again.wrapper.modules())
        latent = sample(again, "a dog barks", 7, QUICK)
        assert torch.equal(latent, before)
        assert torch.equal(again.decode(latent), audio)
        mine, theirs = again.wrapper.state_dict(), model.wrapper.state_dict()
        # The autoencoder's weights stay in the 16 bits they were rounded to.
        narrow = {key for key in mine if key.endswith(".parametrizations.weight.original")}
        assert bool(narrow) == (engine == "integer")
        mine = {key.replace(".parametrizations.weight.original", ".weight"): mine[key] for key in mine}
        mine |= {key: mine[key].float() for key in mine if f"{key[:-7]}.parametrizations.weight.original" in narrow}
        # Gone: the autoencoder's encoder, and weights that live on in the form that the processor multiplies.
        gone = theirs.keys() - mine.keys()
        assert not mine.keys() - theirs.keys()
        assert any(".encoder." in key for key in gone)
        packed = {f"model.model.{k}" for k, m in again.dit.named_modules() if isinstance(m, IntegerLinear)}
        assert bool(packed) == (engine == "integer")
        for key in gone - {key for key in gone if key.startswith("pretransform.model.encoder.")}:
            layer, _, tensor = key.rpartition(".")
            assert layer in packed, key
            assert tensor in ("codes", "packed", "steps", "weight"), key
        for key in mine:
            assert mine[key].dtype == theirs[key].dtype, key
            assert torch.equal(mine[key], theirs[key]), key


def values(model: AudioModel) -> dict[str, Tensor]:
    return dict(model.wrapper.state_dict())


@pytest.mark.parametrize(
    ("engine", "variant"),
    [
        ("integer", VARIANTS["sqd-lora-w8a8"]),
        ("integer", replace(VARIANTS["sqd-w4a8"], groups=2, keep=("to_q",))),
        ("integer", replace(VARIANTS["sqd-w8a8-cache"], cache=100.0)),
        ("reference", VARIANTS["sqs-w8a8"]),
        ("reference", VARIANTS["sqd-lora-w8a8"]),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_beside_its_source_a_checkpoint_gives_quantized_layers_alone(
    folders: dict[str, Path], calibration_file: Path, tmp_path: Path, engine: EngineName, variant: Variant
) -> None:
    """All else is the full-precision model's own memory, which is left as it was."""
    path = tmp_path / "c.safetensors"
    make(folders["v"], calibration_file, variant, path, engine)
    source = fresh(folders["v"])
    sample(source, "rain", 1, QUICK)
    before, clip = {key: value.clone() for key, value in values(source).items()}, sample(source, "rain", 1, QUICK)
    model, found = load_beside(path, source)
    assert found == variant
    layers = set(linear_layers(source.dit))
    quantized = {name: model.dit.get_submodule(name) for name in layers}
    assert not linear_layers(model.dit)
    kept = {name for name, layer in quantized.items() if isinstance(layer, KeptLinear)}
    assert {name.rpartition(".")[2] for name in kept} == set(variant.keep)
    stored, own = load_file(path), values(model)
    for key, value in values(source).items():
        layer, _, tensor = key.removeprefix("model.model.").rpartition(".")
        if layer not in layers or tensor == "bias":
            assert own[key].data_ptr() == value.data_ptr(), key
    for name, layer in quantized.items():
        for key, value in layer.state_dict().items():
            if key != "bias":
                assert torch.equal(value, stored[f"model.model.{name}.{key}"]), (name, key)
    assert not torch.equal(sample(model, "rain", 1, QUICK), clip)
    assert torch.equal(model.decode(clip), source.decode(clip))
    # The source is as it was, what it had computed for a prompt included.
    assert torch.equal(sample(source, "rain", 1, QUICK), clip)
    assert values(source).keys() == before.keys()
    assert all(torch.equal(value, before[key]) for key, value in values(source).items())


def test_beside_another_model_a_checkpoint_is_refused(checkpoint: Path, loaded: dict[str, AudioModel]) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_beside(checkpoint, loaded["rf_denoiser"])
    message = one_line(caught.value)
    assert message.startswith(f"{checkpoint}: made from a model with sha256 {loaded['v'].sha256[:12]}")
    assert "earmark quantize" in message


def test_beside_another_configuration_a_checkpoint_is_refused(checkpoint: Path, loaded: dict[str, AudioModel]) -> None:
    config = copy.deepcopy(loaded["v"].config)
    config["model"]["diffusion"]["config"]["causal"] = True
    with pytest.raises(CheckpointError) as caught:
        load_beside(checkpoint, replace(loaded["v"], config=config))
    message = one_line(caught.value)
    assert message.startswith(f"{checkpoint}: made with another model_config.json")
    assert "earmark quantize" in message


@pytest.mark.parametrize("name", QUANTIZED)
def test_loaded_model_is_the_quantized_one_at_every_step(
    at_home: Path, folders: dict[str, Path], calibration_file: Path, tmp_path: Path, name: str
) -> None:
    """The network's own outputs, for two prompts in turn, so that what is kept of a prompt must not be left over."""
    path = tmp_path / "c.safetensors"
    model, _ = make(folders["v"], calibration_file, replace(VARIANTS[name], groups=1), path)
    again, _ = load_checkpoint(path)
    with inputs_of(model) as steps:
        sample(model, "rain on a roof", 0, QUICK)
    for prompt in ("rain on a roof", "a church bell", "rain on a roof"):
        conditioning = model.condition([prompt], QUICK.seconds)
        for x, t in steps:
            with torch.no_grad():
                left, right = (
                    m.wrapper.model(x, t, cfg_scale=4.0, use_checkpointing=False, **conditioning)
                    for m in (model, again)
                )
            assert torch.equal(left, right)


def test_weights_are_stored_as_integers(
    at_home: Path, folders: dict[str, Path], calibration_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "sqs.safetensors"
    make(folders["v"], calibration_file, VARIANTS["sqs-w8a8"], path)
    tensors = load_file(path)
    blocks = {key: value for key, value in tensors.items() if ".transformer.layers." in key}
    # Codes are in tiles, unless they do not fill any.
    matrices = [value for value in blocks.values() if value.ndim > 2 or (value.ndim == 2 and min(value.shape) > 1)]
    assert len(matrices) == 14
    assert {value.dtype for value in matrices} == {torch.int8}
    assert {value.ndim for value in matrices} == {2, 4}


def test_file_is_as_small_as_its_bits(
    at_home: Path, folders: dict[str, Path], calibration_file: Path, tmp_path: Path
) -> None:
    """Weights of the blocks: four bits, eight or, where they are made anew for every group, sixteen; else sixteen."""
    weights = [layer.weight for layer in linear_layers(fresh(folders["v"]).dit).values()]
    count = sum(weight.numel() for weight in weights)
    assert count > 150_000
    found: dict[str, int] = {}
    for name, variant in (
        ("four", VARIANTS["sqs-w4a8"]),
        ("eight", VARIANTS["sqs-w8a8"]),
        ("sixteen", replace(VARIANTS["sqd-w8a8"], groups=2)),
        ("kept", replace(VARIANTS["sqs-w8a8"], keep=("self_attn.to_qkv",))),
    ):
        path = tmp_path / f"{name}.safetensors"
        make(folders["v"], calibration_file, variant, path)
        tensors = {key: value for key, value in load_file(path).items() if ".transformer.layers." in key}
        found[name] = sum(
            value.nbytes
            for key, value in tensors.items()
            if key.rpartition(".")[2] in ("codes", "packed", "steps", "weight") and value.ndim > 1
        )
        rest = {
            value.dtype
            for key, value in load_file(path).items()
            if key.rpartition(".")[2] not in ("codes", "packed", "steps", "groups", *EXACT)
        }
        assert rest == {torch.float16}
    assert found["eight"] == count
    # A group scale for 64 input channels, 32 where there are no more: a byte of them for 32 or 16 bytes of codes.
    assert found["four"] == sum(weight.numel() // 2 + weight.numel() // min(64, weight.shape[1]) for weight in weights)
    assert found["sixteen"] == sum(weight.numel() * (1 if weight.shape[1] == 32 else 2) for weight in weights)
    assert found["kept"] == count + sum(weight.numel() for weight in weights if len(weight) == 3 * weight.shape[1])


def test_reference_engine_rounds_nothing(
    at_home: Path, folders: dict[str, Path], calibration_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "c.safetensors"
    model, _ = make(folders["v"], calibration_file, VARIANTS["sqd-w8a8"], path, "reference")
    stored, held = load_file(path), model.wrapper.state_dict()
    assert stored.keys() == held.keys()
    for key, value in stored.items():
        assert value.dtype == held[key].dtype
        assert torch.equal(value, held[key])


def test_header_names_source_and_calibration(
    checkpoint: Path, folders: dict[str, Path], calibration_file: Path
) -> None:
    header = read_header(checkpoint)
    assert header["format"] == 5
    assert header["engine"] == "integer"
    assert header["variant"]["name"] == "sqd-lora-w8a8"
    assert header["alpha"] == 0.4
    assert header["model_sha256"] == file_sha256(folders["v"] / "model.safetensors")
    assert header["calibration_sha256"] == file_sha256(calibration_file)
    assert header["earmark"] == "0.1.0"
    with safe_open(checkpoint, framework="pt") as file:
        assert json.loads(file.metadata()["earmark"]) == header


def test_same_conversion_makes_the_same_file(
    checkpoint: Path, folders: dict[str, Path], calibration_file: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.safetensors"
    make(folders["v"], calibration_file, VARIANTS["sqd-lora-w8a8"], again)
    assert file_sha256(again) == file_sha256(checkpoint)


def test_file_that_another_program_wrote_anew_renders_the_same(checkpoint: Path, at_home: Path, tmp_path: Path) -> None:
    """Its codes need not begin cache lines."""
    again = tmp_path / "again.safetensors"
    metadata = {"earmark": json.dumps(read_header(checkpoint)), "more": "x" * 8}
    for length in range(0, 64, 8):
        metadata["more"] = "x" * length
        save_file(load_file(checkpoint), again, metadata=metadata)
        mine, theirs = (sample(load_checkpoint(path)[0], "rain", 1, QUICK) for path in (checkpoint, again))
        assert torch.equal(mine, theirs)
