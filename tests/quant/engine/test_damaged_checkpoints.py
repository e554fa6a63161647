"""Damaged checkpoints are refused in one line, and a failed or interrupted write leaves what was there."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import one_line
from torch import Tensor

from quant.engine.checkpoint import load_beside, load_checkpoint, read_header, save_checkpoint
from quant.errors import CheckpointError, QuantError
from quant.files import file_sha256
from quant.method.variants import VARIANTS, Variant
from quant.model.loading import AudioModel


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
    "a scale that is no number": rewritten(lambda tensors, header: tensors[f"{LAYER}.scale"][0, 3].fill_(math.nan)),
    "infinite smoothing": rewritten(lambda tensors, header: tensors[f"{LAYER}.smoothing"][0, 3].fill_(math.inf)),
    "a norm that is no number": rewritten(
        lambda tensors, header: tensors["model.model.transformer.layers.1.ff_norm.gamma"][3].fill_(math.nan)
    ),
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


UNREAD = {"a norm lost", "a norm that is no number", "decoder lost", "a tensor too many", "other shape"}
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
