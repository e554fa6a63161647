"""`earmark inspect MODEL`: what is said of a model before anything is quantized, and what is refused."""

import contextlib
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tiny_study import tiny_model

from app.cli import main
from quant.method.variants import VARIANTS
from quant.pretrained.folder import MINI_FOLDER


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("inspect") / "tiny", 7)


def said(*arguments: object) -> str:
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        assert main(["inspect", *map(str, arguments)]) == 0
    return heard.getvalue()


def complaint(capsys, *arguments: object) -> str:
    assert main(["inspect", *map(str, arguments)]) == 2
    text = capsys.readouterr().err.strip()
    assert text.startswith("earmark: ")
    assert "\n" not in text
    return text


def test_a_model_is_described_by_its_name():
    text = said("mini")
    lines = text.splitlines()
    assert lines[0] == "mini: diffusion_cond, a DiT of 6 blocks that predicts v"
    assert "22050 Hz, mono; trained on clips of 10.0 s" in lines[1]
    config = json.loads((MINI_FOLDER / "model_config.json").read_text())
    assert config["sample_size"] / config["sample_rate"] == pytest.approx(10, abs=0.05)
    assert re.search(r"self_attn.to_qkv +256 > 768 +6 +1\.18 M +110\n", text)
    assert re.search(r"cross_attn.to_kv +256 > 512 +6 +786 k +27 a prompt\n", text)
    assert re.search(r"to_timestep_embed.0 +256 > 256 +outside the blocks +1 ", text)
    assert re.search(r"LayerNorm +no linear layer +18 ", text)
    assert "fused blocks: 6 of 6" in text
    for name in VARIANTS:
        assert re.search(rf"^  {name} +[\d.]+ MB +\d+% +[\d.]+ m?s +[\d.]+ m?s +[\d.]+ m?s +x [\d.]+ ", text, re.M)
    assert len(lines) <= 45
    assert all(len(line) <= 150 and line == line.rstrip() for line in lines)
    assert "\x1b" not in text


def test_a_folder_is_said_as_it_is_stored(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "half")
    state = load_file(folder / "model.safetensors")
    save_file({name: value.half() for name, value in state.items()}, folder / "model.safetensors")
    size = sum(value.numel() * 2 for value in state.values())
    assert f"{size / 1e6:.1f} MB of tensors: float16\n" in said(folder)


def test_a_kept_layer_is_shown_and_its_block_is_not_fused(tiny):
    text = said(tiny, "--keep", "layers.1.ff.ff.2", "--device", "cpu")
    assert re.search(r"ff.ff.2 +256 > 64 +kept by --keep +1 ", text)
    assert "fused blocks: 1 of 2; block 2: ff.ff.2 is not in integers" in text


def test_the_configuration_itself_may_be_named_and_nothing_is_written(tiny, tmp_path):
    both = shutil.copytree(tiny, tmp_path / "both")
    (both / "study.yaml").write_text("name: s\nmodel: mini\nconditions: [baseline]\nprompts: [rain]\n")
    before = {path: path.stat().st_mtime_ns for path in [both, *both.iterdir()]}
    assert said(both / "model_config.json").startswith(f"{both}: diffusion_cond")
    assert {path: path.stat().st_mtime_ns for path in [both, *both.iterdir()]} == before


def test_a_folder_with_a_study_and_a_model(tiny, tmp_path, capsys):
    both = shutil.copytree(tiny, tmp_path / "both")
    (both / "study.yaml").write_text("name: s\nmodel: mini\nconditions: [baseline]\nprompts: [rain]\n")
    text = complaint(capsys, both)
    assert text == (
        f"earmark: {both}: holds a study and a model; name {both / 'study.yaml'} or {both / 'model_config.json'}"
    )
    # Refused, but as a study.
    assert "full precision" in complaint(capsys, both / "study.yaml", "--variant", "baseline")


@pytest.mark.parametrize("name", ["nothing-of-this-name", ".", "x" * 300], ids=["no such", "empty", "too long"])
def test_neither_a_study_nor_a_model(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = complaint(capsys, name)
    assert text.startswith(f"earmark: {name}: no study here (no study.yaml) and no model (no model_config.json); ")
    assert "stable-audio-open-1.0" in text


@pytest.mark.parametrize(
    "option", [("--variant", "sqs-w8a8"), ("--layers",), ("-o", "there")], ids=lambda option: option[0]
)
def test_what_is_for_a_study_is_refused_of_a_model(option, tiny, capsys):
    assert complaint(capsys, tiny, *option).startswith(f"earmark: {option[0]}: is for a study, which {tiny} is not")


def test_what_is_for_a_model_is_refused_of_a_study(tmp_path, capsys):
    (tmp_path / "study.yaml").write_text("name: s\nmodel: mini\nconditions: [baseline]\nprompts: [rain]\n")
    assert "quantization.keep" in complaint(capsys, tmp_path, "--keep", "ff.ff.2")


def test_a_layer_to_keep_that_is_not_there(tiny, capsys):
    assert "keep: ff.9 names no linear layer" in complaint(capsys, tiny, "--keep", "ff.9")


def unknown_kind(folder: Path) -> None:
    config = json.loads((folder / "model_config.json").read_text())
    (folder / "model_config.json").write_text(json.dumps(config | {"model_type": "autoencoder"}))


def shorter(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def another_shape(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    name = "model.model.transformer.project_in.weight"
    save_file(state | {name: state[name][:, 1:].contiguous()}, folder / "model.safetensors")


def no_configuration(folder: Path) -> None:
    (folder / "model_config.json").unlink()


@pytest.mark.parametrize("spoil", [unknown_kind, shorter, another_shape, no_configuration])
def test_a_model_is_refused_in_the_words_of_the_loader(spoil, tiny, tmp_path, capsys):
    folder = shutil.copytree(tiny, tmp_path / "broken")
    spoil(folder)
    text = complaint(capsys, folder)
    arguments = ["quantize", "--model", str(folder), "--variant", "sqs-w8a8", "-o", str(tmp_path / "file")]
    assert main(arguments) == 2
    assert capsys.readouterr().err.strip() == text
