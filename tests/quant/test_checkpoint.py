"""Checkpoints: one file that renders the same without the original, and refusals in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_models import QUICK, fresh, one_line
from torch import Tensor

from quant.calibration import calibration_sha256, read_calibration
from quant.checkpoint import load_checkpoint, read_header, save_checkpoint
from quant.convert import quantize_
from quant.errors import CheckpointError, QuantError
from quant.models import AudioModel, file_sha256
from quant.sampling import sample
from quant.variants import VARIANTS, Variant

QUANTIZED = [name for name, variant in VARIANTS.items() if variant.scheme]


def make(folder: Path, calibration_file: Path, name: str, path: Path) -> tuple[AudioModel, Tensor]:
    """Quantize, save, and sample from what was saved."""
    model = fresh(folder)
    quantize_(model, VARIANTS[name], read_calibration(calibration_file), alpha=0.4)
    save_checkpoint(
        path,
        model,
        VARIANTS[name],
        alpha=0.4,
        calibration_sha256=calibration_sha256(calibration_file),
        made_by="0.1.0",
    )
    return model, sample(model, "a dog barks", 7, QUICK)


@pytest.fixture(scope="session")
def checkpoint(folders: dict[str, Path], calibration_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint to be damaged by copies."""
    path = tmp_path_factory.mktemp("checkpoint") / "sqd-lora-w8a8.safetensors"
    make(folders["v"], calibration_file, "sqd-lora-w8a8", path)
    return path


@pytest.mark.parametrize("name", QUANTIZED)
def test_loads_without_the_original_and_renders_the_same_bits(
    at_home: Path, folders: dict[str, Path], calibration_file: Path, tmp_path: Path, name: str
) -> None:
    # A copy of the original, inside the folder that holds the text encoder, which is deleted before loading.
    original = at_home / f"original-{name}"
    shutil.copytree(folders["v"], original)
    path = tmp_path / f"{name}.safetensors"
    model, before = make(original, calibration_file, name, path)
    audio = model.decode(before)
    shutil.rmtree(original)

    again, variant = load_checkpoint(path)
    assert variant == VARIANTS[name]
    assert (again.name, again.sha256, again.config) == (model.name, model.sha256, model.config)
    assert not again.wrapper.training
    latent = sample(again, "a dog barks", 7, QUICK)
    assert torch.equal(latent, before)
    assert torch.equal(again.decode(latent), audio)
    mine, theirs = again.wrapper.state_dict(), model.wrapper.state_dict()
    assert mine.keys() == theirs.keys()
    for key in mine:
        assert mine[key].dtype == theirs[key].dtype
        assert torch.equal(mine[key], theirs[key])


def test_weights_are_stored_as_integers(
    at_home: Path, folders: dict[str, Path], calibration_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "sqs.safetensors"
    make(folders["v"], calibration_file, "sqs-w8a8", path)
    tensors = load_file(path)
    blocks = {key: value for key, value in tensors.items() if ".transformer.layers." in key}
    matrices = [value for value in blocks.values() if value.ndim == 2 and min(value.shape) > 1]
    assert len(matrices) == 14
    assert {value.dtype for value in matrices} == {torch.int8}


def test_header_names_source_and_calibration(
    checkpoint: Path, folders: dict[str, Path], calibration_file: Path
) -> None:
    header = read_header(checkpoint)
    assert header["format"] == 1
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
    make(folders["v"], calibration_file, "sqd-lora-w8a8", again)
    assert file_sha256(again) == file_sha256(checkpoint)


def rewritten(change: Callable[[dict[str, Tensor], dict[str, object]], None]) -> Callable[[Path, Path], None]:
    """A damage that keeps the file a readable safetensors file."""

    def damage(source: Path, path: Path) -> None:
        tensors, header = load_file(source), read_header(source)
        change(tensors, header)
        save_file(tensors, path, metadata={"earmark": json.dumps(header)})

    return damage


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
    "older": rewritten(lambda tensors, header: header.update(format=0)),
    "a tensor lost": rewritten(lambda tensors, header: tensors.pop("model.model.transformer.layers.0.ff.ff.2.weight")),
    "a tensor too many": rewritten(lambda tensors, header: tensors.update(extra=torch.zeros(1))),
    "steps lost": rewritten(lambda tensors, header: tensors.pop("model.model.current_step.log_sigmas")),
    "other shape": rewritten(
        lambda tensors, header: tensors.update({"model.model.transformer.project_in.weight": torch.zeros(3, 3)})
    ),
    "no variant": rewritten(lambda tensors, header: header.pop("variant")),
    "unknown variant": rewritten(lambda tensors, header: header.update(variant={"name": "x", "magic": 1})),
    "no model": rewritten(lambda tensors, header: header.pop("model_sha256")),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_file_is_refused_in_one_line_that_names_it(
    at_home: Path, checkpoint: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "c.safetensors"
    DAMAGES[name](checkpoint, path)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
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
            made_by=object(),  # type: ignore[arg-type]
        )
    assert file_sha256(path) == file_sha256(checkpoint)
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]
