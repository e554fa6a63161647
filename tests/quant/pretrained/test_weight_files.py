"""Weight files as people have them load to the very values they hold, and what is done with them is said."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from refusals import refusal
from safetensors.torch import load_file
from torch import Tensor
from weight_files import GOOD, as_safetensors, module_of, of_training, other, save_lightning, shards

from quant.files import file_sha256
from quant.model.loading import load_model
from quant.pretrained import state as states
from quant.pretrained.folder import find
from quant.pretrained.state import read_weights, weights_sha256

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("kind", GOOD)
def test_the_values_of_the_file_are_loaded(folder: Path, tensors: dict[str, Tensor], kind: str) -> None:
    expected = GOOD[kind](folder, tensors)
    found = load_model(str(folder)).wrapper.state_dict()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == tensors[name].dtype
        assert torch.equal(found[name], value), name


def test_what_is_taken_and_left_is_said_once(
    folder: Path, tensors: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    save_lightning(of_training(tensors), folder / "last.ckpt")
    for _ in range(2):
        load_model(str(folder))
    average, left = (record.getMessage() for record in caplog.records)
    dit = [name for name in tensors if name.startswith("model.")]
    assert average == (
        f"{folder / 'last.ckpt'}: took the moving average (EMA) of {len(dit)} weights, "
        "which lies under diffusion_ema.ema_model."
    )
    assert "(discriminator 1, losses 1)" in left


def test_a_weight_file_is_named_where_there_are_several(folder: Path, tensors: dict[str, Tensor]) -> None:
    for name, state in (("a.safetensors", tensors), ("b.safetensors", other(tensors))):
        as_safetensors(state, folder / name)
    message = refusal(folder)
    assert message.startswith(f"{folder}: 2 weight files (a.safetensors, b.safetensors); ")
    assert message.endswith(f"as in {folder / 'a.safetensors'}")
    found = load_model(str(folder / "b.safetensors"))
    assert found.sha256 == file_sha256(folder / "b.safetensors")
    assert all(torch.equal(value, other(tensors)[name]) for name, value in found.wrapper.state_dict().items())


def test_each_weight_file_has_the_configuration_of_its_name(folder: Path, tensors: dict[str, Tensor]) -> None:
    """As in the folder of Stable Audio Open small, whose base model has another objective."""
    config = json.loads((folder / "model_config.json").read_text())
    config["model"]["diffusion"]["diffusion_objective"] = "rectified_flow"
    (folder / "base_model_config.json").write_text(json.dumps(config))
    for name in ("model.safetensors", "base_model.safetensors"):
        as_safetensors(tensors, folder / name)
    assert load_model(str(folder)).objective == "v"
    assert load_model(str(folder / "base_model.safetensors")).objective == "rectified_flow"


def test_hash_of_shards_is_that_of_the_list_of_theirs(folder: Path, tensors: dict[str, Tensor]) -> None:
    shards(folder, tensors)
    index = folder / "model.safetensors.index.json"
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.safetensors"))]
    expected = hashlib.sha256("".join(f"{one}\n" for one in hashes).encode()).hexdigest()
    assert load_model(str(folder)).sha256 == weights_sha256(index) == expected
    assert load_model(str(index)).sha256 == expected


def one_liner() -> str:
    """The command of docs/models.md that converts what is not read."""
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    found = [line for line in text.splitlines() if line.startswith("python -c ")]
    assert len(found) == 1
    return found[0]


def test_the_documented_one_liner_converts_what_is_not_read(
    folder: Path, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    """A checkpoint that keeps an object of the trainer's own: refused, converted where that can be imported, loaded."""
    (tmp_path / "trainers_own.py").write_text("class Settings:\n    pass\n")
    settings = type("Settings", (), {})
    with module_of("trainers_own", settings):
        torch.save({"state_dict": of_training(tensors), "hyper_parameters": settings()}, folder / "last.ckpt")
    message = refusal(folder)
    assert "trainers_own.Settings" in message
    assert "docs/models.md" in message
    assert "Weight files" in message

    environment = {"PYTHONPATH": str(tmp_path), "PATH": str(Path(sys.executable).parent)}
    subprocess.run(one_liner(), shell=True, cwd=folder, env=environment, check=True)
    found = load_model(str(folder / "model.safetensors")).wrapper.state_dict()
    expected = tensors | other(tensors, "model.")
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def mappings(file: Path) -> list[tuple[int, int]]:
    """First and last address of every mapping of a file in this process."""
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    pages = [line[0].split("-") for line in lines if line[-1] == str(file)]
    return [(int(first, 16), int(last, 16)) for first, last in pages]


def test_weights_are_mapped_and_not_copied(folder: Path, tensors: dict[str, Tensor]) -> None:
    """In float32 the model is made of the file's own pages: no second copy is held."""
    as_safetensors(tensors, folder / "model.safetensors")
    model = load_model(str(folder))
    spans = mappings(folder / "model.safetensors")
    places = [parameter.data_ptr() for parameter in model.dit.parameters()]
    assert len(places) > 10
    assert all(any(first <= place < last for first, last in spans) for place in places)


def test_mapped_pages_are_free_when_their_weights_are_let_go(
    folder: Path, tensors: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large model quantized layer by layer, both forms are never in memory."""
    monkeypatch.setattr(states, "AT_ONCE", 10_000)
    as_safetensors(tensors, folder / "model.safetensors")
    found = read_weights(folder / "model.safetensors")
    assert all(torch.equal(value, tensors[name]) for name, value in found.items())
    assert found.keys() == tensors.keys()
    counts = [len(mappings(folder / "model.safetensors"))]
    for name in list(found):
        del found[name]
        counts.append(len(mappings(folder / "model.safetensors")))
    assert counts[0] > 5
    assert counts[-1] == 0
    assert len(set(counts)) == counts[0] + 1


def test_shards_are_read_as_one(folder: Path, tensors: dict[str, Tensor]) -> None:
    shards(folder, tensors)
    assert read_weights(folder / "model.safetensors.index.json").keys() == tensors.keys()


def test_model_is_found_through_a_link_to_its_folder(folder: Path, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    as_safetensors(tensors, folder / "piano.safetensors")
    (tmp_path / "link").symlink_to(folder)
    moved = shutil.move(folder / "piano.safetensors", folder / "a piano (é).safetensors")
    assert load_file(moved).keys() == tensors.keys()
    assert load_model(str(tmp_path / "link")).sha256 == file_sha256(folder / "a piano (é).safetensors")


def test_an_average_that_is_not_read_is_said(
    folder: Path, tensors: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    average = {"decay": 0.999, "shadow_params": list(tensors.values())}
    torch.save({"model": tensors, "ema": average}, folder / "last.ckpt")
    load_model(str(folder))
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith(f"{folder / 'last.ckpt'}: left out the moving average under ema")


def test_model_is_found_from_the_home_folder(
    folder: Path, tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell puts the home folder in the place of ``~``; nobody does in study.yaml."""
    as_safetensors(tensors, folder / "model.safetensors")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find(f"~/{folder.name}").weights == folder / "model.safetensors"
