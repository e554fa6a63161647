"""Checkpoints: one file that renders the same without the original, and refusals in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_models import QUICK, fresh, inputs_of, one_line
from torch import Tensor

from quant.engine.checkpoint import load_beside, load_checkpoint, read_header, save_checkpoint
from quant.engine.convert import EXACT, Engine, quantize_
from quant.engine.integer import IntegerLinear, KeptLinear
from quant.engine.reference import linear_layers
from quant.errors import CheckpointError, QuantError
from quant.method.calibration import calibration_sha256, read_calibration
from quant.method.variants import VARIANTS, Variant
from quant.model.loading import AudioModel, file_sha256
from quant.rendering.sampling import sample

QUANTIZED = [name for name, variant in VARIANTS.items() if variant.scheme]
ENGINES: tuple[Engine, ...] = ("integer", "reference")
BY_ENGINE = [(engine, VARIANTS[name]) for engine in ENGINES for name in QUANTIZED]
UNUSUAL: list[tuple[Engine, Variant]] = [
    ("integer", replace(VARIANTS["sqd-w8a8"], groups=2)),
    ("integer", replace(VARIANTS["sqd-lora-w4a8"], groups=3, lowrank="weight")),
    ("integer", replace(VARIANTS["sqs-w4a8"], keep=("ff.2", "transformer.layers.0.self_attn.to_qkv"))),
    ("integer", replace(VARIANTS["sqd-w8a8"], groups=2, keep=("cross_attn.to_kv",))),
    ("reference", replace(VARIANTS["sqd-lora-w8a8"], lowrank="weight", keep=("to_q", "ff.0.proj"))),
]


def make(
    folder: Path, calibration_file: Path, variant: Variant, path: Path, engine: Engine = "integer"
) -> tuple[AudioModel, Tensor]:
    """Quantize, save, and sample from what was saved."""
    model = fresh(folder)
    quantize_(model, variant, read_calibration(calibration_file), alpha=0.4, engine=engine)
    save_checkpoint(
        path,
        model,
        variant,
        alpha=0.4,
        calibration_sha256=calibration_sha256(calibration_file),
        made_by="0.1.0",
        engine=engine,
    )
    return model, sample(model, "a dog barks", 7, QUICK)


@pytest.fixture(scope="session")
def checkpoint(folders: dict[str, Path], calibration_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint to be damaged by copies."""
    path = tmp_path_factory.mktemp("checkpoint") / "sqd-lora-w8a8.safetensors"
    make(folders["v"], calibration_file, VARIANTS["sqd-lora-w8a8"], path)
    return path


@pytest.mark.parametrize(
    ("engine", "variant"),
    BY_ENGINE + UNUSUAL,
    ids=lambda value: value if isinstance(value, str) else f"{value.name}-{value.groups}-{len(value.keep)}",
)
def test_loads_without_the_original_and_renders_the_same_bits(
    at_home: Path, folders: dict[str, Path], calibration_file: Path, tmp_path: Path, engine: Engine, variant: Variant
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
        ("reference", VARIANTS["sqs-w8a8"]),
        ("reference", VARIANTS["sqd-lora-w8a8"]),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_beside_its_source_a_checkpoint_gives_quantized_layers_alone(
    folders: dict[str, Path], calibration_file: Path, tmp_path: Path, engine: Engine, variant: Variant
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
    assert message.startswith(f"{checkpoint}: made of a model with sha256 {loaded['v'].sha256[:12]}")
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
    matrices = [value for value in blocks.values() if value.ndim == 2 and min(value.shape) > 1]
    assert len(matrices) == 14
    assert {value.dtype for value in matrices} == {torch.int8}


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
            if key.rpartition(".")[2] in ("codes", "packed", "steps", "weight") and value.ndim == 2
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
    assert header["format"] == 3
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


def rewritten(change: Callable[[dict[str, Tensor], dict[str, object]], None]) -> Callable[[Path, Path], None]:
    """A damage that keeps the file a readable safetensors file."""

    def damage(source: Path, path: Path) -> None:
        tensors, header = load_file(source), read_header(source)
        change(tensors, header)
        save_file(tensors, path, metadata={"earmark": json.dumps(header)})

    return damage


LAYER = "model.model.transformer.layers.0.ff.ff.2"

DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "missing": lambda source, path: None,
    "empty": lambda source, path: path.write_bytes(b""),
    "half": lambda source, path: path.write_bytes(source.read_bytes()[: source.stat().st_size // 2]),
    "last byte lost": lambda source, path: path.write_bytes(source.read_bytes()[:-1]),
    "header cut": lambda source, path: path.write_bytes(source.read_bytes()[:100]),
    "text": lambda source, path: path.write_text("not weights"),
    "folder": lambda source, path: path.mkdir(),
    "foreign": lambda source, path: save_file({"x": torch.zeros(2)}, path),
    "foreign header": lambda source, path: save_file({"x": torch.zeros(2)}, path, metadata={"earmark": "[1]"}),
    "header no JSON": lambda source, path: save_file({"x": torch.zeros(2)}, path, metadata={"earmark": "{"}),
    "newer": rewritten(lambda tensors, header: header.update(format=99)),
    "older": rewritten(lambda tensors, header: header.update(format=1)),
    "no format": rewritten(lambda tensors, header: header.pop("format")),
    "calibration": rewritten(lambda tensors, header: header.update(kind="calibration")),
    "codes lost": rewritten(lambda tensors, header: tensors.pop(f"{LAYER}.codes")),
    "bias lost": rewritten(lambda tensors, header: tensors.pop(f"{LAYER}.bias")),
    "smoothing lost": rewritten(lambda tensors, header: tensors.pop(f"{LAYER}.smoothing")),
    "a norm lost": rewritten(lambda tensors, header: tensors.pop("model.model.transformer.layers.1.ff_norm.gamma")),
    "decoder lost": rewritten(lambda tensors, header: tensors.pop(next(k for k in tensors if ".decoder." in k))),
    "a tensor too many": rewritten(lambda tensors, header: tensors.update(extra=torch.zeros(1))),
    "too many in a layer": rewritten(lambda tensors, header: tensors.update({f"{LAYER}.extra": torch.zeros(1)})),
    "steps lost": rewritten(lambda tensors, header: tensors.pop("model.model.current_step.log_sigmas")),
    "groups lost": rewritten(lambda tensors, header: tensors.pop("model.model.current_step.groups")),
    "more groups": rewritten(
        lambda tensors, header: tensors.update({"model.model.current_step.groups": torch.tensor([0, 1, 2])})
    ),
    "fewer steps": rewritten(
        lambda tensors, header: tensors.update({"model.model.current_step.groups": torch.tensor([0, 0])})
    ),
    "other bits": rewritten(lambda tensors, header: header.update(variant=asdict(VARIANTS["sqd-lora-w4a8"]))),
    "other engine": rewritten(lambda tensors, header: header.update(engine="reference")),
    "codes of another shape": rewritten(
        lambda tensors, header: tensors.update({f"{LAYER}.codes": torch.zeros(64, 64, dtype=torch.int8)})
    ),
    "other shape": rewritten(
        lambda tensors, header: tensors.update({"model.model.transformer.project_in.weight": torch.zeros(3, 3)})
    ),
    "no engine": rewritten(lambda tensors, header: header.pop("engine")),
    "no variant": rewritten(lambda tensors, header: header.pop("variant")),
    "unknown variant": rewritten(lambda tensors, header: header.update(variant={"name": "x", "magic": 1})),
    "impossible variant": rewritten(
        lambda tensors, header: header.update(variant=asdict(VARIANTS["sqs-w8a8"]) | {"groups": 2})
    ),
    "no model": rewritten(lambda tensors, header: header.pop("model_sha256")),
}


UNREAD = {"a norm lost", "decoder lost", "a tensor too many", "other shape"}
"""What is not of the quantized layers is not read beside the source."""


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_file_is_refused_in_one_line_that_names_it(
    at_home: Path, checkpoint: Path, tmp_path: Path, loaded: dict[str, AudioModel], name: str
) -> None:
    path = tmp_path / "c.safetensors"
    DAMAGES[name](checkpoint, path)
    loads: list[Callable[[], object]] = [lambda: load_checkpoint(path)]
    if name not in UNREAD:
        loads.append(lambda: load_beside(path, loaded["v"]))
    for load in loads:
        with pytest.raises(CheckpointError) as caught:
            load()
        message = one_line(caught.value)
        assert message.startswith(f"{path}: ")
        assert "earmark quantize" in message


@pytest.mark.parametrize("old", [True, False])
def test_failed_write_leaves_what_was_there(loaded: dict[str, AudioModel], tmp_path: Path, old: bool) -> None:
    """A path below a plain file cannot be written, by root neither."""
    parent = tmp_path / "models"
    if old:
        parent.write_text("not a folder")
    else:
        (tmp_path / "file").write_text("not a folder")
        parent = tmp_path / "file" / "deeper"
    with pytest.raises(QuantError) as caught:
        save_checkpoint(
            parent / "c.safetensors",
            loaded["v"],
            Variant("sqs-w8a8", "static"),
            alpha=0.5,
            calibration_sha256="",
            made_by="0.1.0",
        )
    assert str(parent / "c.safetensors") in one_line(caught.value)
    assert len(list(tmp_path.iterdir())) == 1


def test_interrupted_write_keeps_the_old_checkpoint(
    checkpoint: Path, tmp_path: Path, loaded: dict[str, AudioModel]
) -> None:
    path = tmp_path / "c.safetensors"
    shutil.copy(checkpoint, path)
    # A header that JSON cannot say stops the writing after it has begun.
    with pytest.raises(TypeError):
        save_checkpoint(
            path,
            loaded["v"],
            VARIANTS["sqs-w8a8"],
            alpha=0.5,
            calibration_sha256="",
            made_by=object(),
        )
    assert file_sha256(path) == file_sha256(checkpoint)
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]
