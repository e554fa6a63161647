"""Model folders that will not do: each is refused in one line, exit code 2, before anything slow where it can be."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from broken_folders import (
    CONFIG,
    INDEX,
    WEIGHTS,
    Spoil,
    command,
    config,
    cut,
    gap,
    huge_header,
    instead,
    link,
    one_line,
    pickled,
    renamed,
    sharded,
    sparse,
    spoilt,
    then,
    write,
    zipped,
)
from safetensors.torch import load_file, save_file

from app.cli import main

ROOT = Path(__file__).parents[5]

BY_THE_HEADER: dict[str, tuple[Spoil, str]] = {
    "no configuration": (lambda folder: (folder / CONFIG).unlink(), "holds no model_config.json"),
    "empty configuration": (write(CONFIG, ""), "model_config.json: empty"),
    "configuration of blanks": (write(CONFIG, " \n"), "not readable as JSON"),
    "configuration cut off": (cut(CONFIG, 40), "not readable as JSON"),
    "configuration is a list": (write(CONFIG, "[]"), "model_type"),
    "configuration is a word": (write(CONFIG, '"model"'), "model_type"),
    "configuration with a byte order mark": (write(CONFIG, b"\xef\xbb\xbf{}"), "byte order mark"),
    "configuration in UTF-16": (write(CONFIG, "{}".encode("utf-16")), "UTF-16"),
    "configuration in Latin-1": (write(CONFIG, '{"a": "é"}'.encode("latin-1")), "not readable as JSON"),
    "configuration with a comma too many": (write(CONFIG, '{"model_type": "diffusion_cond",}'), "not readable as JSON"),
    "configuration with NaN": (write(CONFIG, '{"sample_rate": NaN}'), "NaN is no number"),
    "configuration of a thousand levels": (write(CONFIG, "[" * 200_000), "not readable as JSON"),
    "configuration is a folder": (instead(CONFIG, Path.mkdir), "a folder"),
    "configuration is a dangling link": (link(CONFIG, "../none.json"), "a link to ../none.json, which is not there"),
    "configuration of another kind": (config(lambda c: c.update(model_type="autoencoder")), "'autoencoder'"),
    "configuration of zeros": (instead(CONFIG, lambda p: os.truncate(p.touch() or p, 2_000_000_000)), "2,000,000,000"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "no weight file"),
    "empty weights": (cut(WEIGHTS, 0), "it is empty"),
    "weights of four bytes": (cut(WEIGHTS, 4), "damaged or truncated"),
    "weights cut in the header": (cut(WEIGHTS, 1000), "damaged or truncated"),
    "weights cut in the values": (cut(WEIGHTS, -1), "damaged or truncated"),
    "weights with a tail": (lambda f: (f / WEIGHTS).open("ab").write(b"tail"), "damaged or truncated"),
    "weights with a header of a terabyte": (instead(WEIGHTS, huge_header), "damaged or truncated"),
    "weights with a gap": (instead(WEIGHTS, gap), "damaged or truncated"),
    "weights without tensors": (instead(WEIGHTS, lambda path: save_file({}, path)), "holds no tensors"),
    "two gigabytes of zeros": (sparse(WEIGHTS), "zeros"),
    "two gigabytes of zeros in a checkpoint": (sparse("model.ckpt"), "zeros"),
    "a pointer of Git LFS": (
        write(WEIGHTS, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "git lfs pull",
    ),
    "a page of the web": (write(WEIGHTS, "\n<!DOCTYPE html><title>Sign in</title>"), "a web page"),
    "a GGUF file": (write(WEIGHTS, b"GGUF\3\0\0\0" + b"\1" * 100), "GGUF"),
    "a checkpoint by another name": (
        then(pickled(dict), lambda f: (f / "model.ckpt").rename(f / WEIGHTS)),
        "rename it",
    ),
    "safetensors by another name": (renamed("model.ckpt"), "rename it"),
    "a text in a checkpoint": (then(renamed("a"), write("model.ckpt", "weights follow")), "not a file of torch.save"),
    "a checkpoint cut off": (then(pickled(dict), cut("model.ckpt", -100)), "damaged or truncated"),
    "a zip of something else": (then(renamed("a"), lambda f: zipped(f / "model.ckpt")), "a zip archive"),
    "weights are a folder": (instead(WEIGHTS, Path.mkdir), "a folder"),
    "a checkpoint of DeepSpeed": (
        instead(WEIGHTS, lambda path: (path.mkdir(), (path / "zero_to_fp32.py").touch())),
        "run the zero_to_fp32.py",
    ),
    "a checkpoint in pieces": (
        instead(WEIGHTS, lambda path: (path.mkdir(), (path / ".metadata").touch())),
        "dcp_to_torch_save",
    ),
    "weights are a dangling link": (link(WEIGHTS, "../blobs/0"), "a link to ../blobs/0, which is not there"),
    "weights are a link to a folder": (link(WEIGHTS, ".."), "a link to .., a folder"),
    "weights are a link to themselves": (link(WEIGHTS, WEIGHTS), "not readable"),
    "weights are a pipe": (instead(WEIGHTS, os.mkfifo), "no regular file"),
    "several weights": (
        lambda f: [shutil.copy(f / WEIGHTS, f / "b.pt"), (f / WEIGHTS).rename(f / "a.pt")],
        "a.pt, b.pt",
    ),
    "a quantized checkpoint": (
        lambda f: save_file(load_file(f / WEIGHTS), f / WEIGHTS, metadata={"earmark": "{}"}),
        "written by Earmark",
    ),
    "an index of nothing": (then(renamed("a"), write(INDEX, '{"weight_map": {}}')), "no index of shards"),
    "an index cut off": (then(renamed("a"), write(INDEX, '{"weight_map": {"a": ')), "not readable as JSON"),
    "shards without their index": (renamed("model-00001-of-00002.safetensors"), "1 shards without"),
    "a shard is missing": (sharded(lambda _, f: (f / "1.safetensors").unlink()), "1.safetensors: no such file"),
    "a shard of others": (sharded(lambda p, f: shutil.copy(f / "1.safetensors", f / "0.safetensors")), "not the shard"),
    "a shard cut off": (sharded(lambda _, f: cut("1.safetensors", -8)(f)), "1.safetensors: damaged or truncated"),
    "an index that leads out": (sharded(lambda p, _: p.update(a="../a.safetensors")), "'../a.safetensors'"),
    "an index that leads to the root": (sharded(lambda p, _: p.update(a="/a.safetensors")), "'/a.safetensors'"),
    "an index of numbers": (sharded(lambda p, _: p.update(a=1)), "lies in 1"),
}
"""What is spoilt, and words of the refusal; told without torch."""


EACH = """
import contextlib, io, json, sys, time
from app.cli import main
for line in sys.stdin:
    began, said = time.monotonic(), io.StringIO()
    with contextlib.redirect_stderr(said):
        code = main(json.loads(line))
    print(json.dumps([code, said.getvalue(), "torch" in sys.modules, time.monotonic() - began]))
"""


def test_folders_that_will_not_do_are_refused_without_torch(good: Path, tmp_path: Path) -> None:
    folders = {kind: spoilt(good, tmp_path / str(n), BY_THE_HEADER[kind][0]) for n, kind in enumerate(BY_THE_HEADER)}
    lines = "".join(
        json.dumps(command(folder, tmp_path / "out" / "a.safetensors")) + "\n" for folder in folders.values()
    )
    done = subprocess.run(
        [sys.executable, "-c", EACH], cwd=ROOT, input=lines, capture_output=True, text=True, check=True
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(folders) >= 40
    for (kind, folder), (code, said, torch_is_loaded, _) in zip(folders.items(), found, strict=True):
        assert code == 2, (kind, said)
        assert BY_THE_HEADER[kind][1] in one_line(said, folder), kind
        assert not torch_is_loaded, kind
    # The first pays for what every refusal imports; of the others none reads more than a header.
    assert max(seconds for *_, seconds in found[1:]) < 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, "", ".."])
def test_what_may_not_be_read_is_one_line(good: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    user, nobody = os.geteuid(), 65534
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack:
        folder = spoilt(good, Path(made) / "model", lambda _: None)
        for path in (Path(made), folder):
            path.chmod(0o755)
        for path in folder.iterdir():
            path.chmod(0o644)
        (folder / name).chmod(0)
        stack.callback((folder / name).chmod, 0o755)
        if user == 0:  # who may read everything
            os.seteuid(nobody)
            stack.callback(os.seteuid, user)
        code = main(command(folder, Path(made) / "out" / "a.safetensors"))
    assert code == 2
    assert "check your rights to it" in one_line(capsys.readouterr().err, folder)


def test_names_of_models_that_are_none_are_one_line_in_a_study(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "name: a\nmodel: {model}\nconditions: [baseline, sqs-w8a8]\nprompts: [rain, a dog]\n"
    for model in ("x" * 900, "../model/model_config.json", "../model/b.safetensors"):
        study = tmp_path / f"study {len(model)}"
        study.mkdir()
        (study / "study.yaml").write_text(text.format(model=model))
        shutil.copytree(good, tmp_path / "model", dirs_exist_ok=True)
        assert main(["calibrate", str(study)]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert model.rpartition("/")[2] in said
