"""Model folders that will not do: each is refused in one line, exit code 2, before anything slow where it can be."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_study import tiny_model

from app.cli import main

ROOT = Path(__file__).parents[4]
WEIGHTS, CONFIG, INDEX = "model.safetensors", "model_config.json", "model.safetensors.index.json"

Spoil = Callable[[Path], object]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    seed = int(os.environ.get("EARMARK_TEST_SEED") or int.from_bytes(os.urandom(4)))
    return tiny_model(tmp_path_factory.mktemp("good") / "model", seed)


def write(name: str, content: bytes | str) -> Spoil:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def cut(name: str, size: int) -> Spoil:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size + size if size < 0 else size)


def config(change: Callable[[dict[str, Any]], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        found = json.loads((folder / CONFIG).read_text())
        change(found)
        (folder / CONFIG).write_text(json.dumps(found))

    return spoil


def state(change: Callable[[dict[str, torch.Tensor]], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        found = load_file(folder / WEIGHTS)
        changed = change(found)
        save_file(found if changed is None else changed, folder / WEIGHTS)

    return spoil


def pickled(content: Callable[[dict[str, torch.Tensor]], object], name: str = "model.ckpt") -> Spoil:
    def spoil(folder: Path) -> None:
        torch.save(content(load_file(folder / WEIGHTS)), folder / name)
        (folder / WEIGHTS).unlink()

    return spoil


def renamed(name: str) -> Spoil:
    return lambda folder: (folder / WEIGHTS).rename(folder / name)


def then(*steps: Spoil) -> Spoil:
    return lambda folder: [step(folder) for step in steps]


def sparse(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / WEIGHTS).unlink()
        (folder / name).touch()
        os.truncate(folder / name, 2_000_000_000)

    return spoil


def link(name: str, to: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(to)

    return spoil


def instead(name: str, make: Callable[[Path], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return spoil


def sharded(change: Callable[[dict[str, Any], Path], object]) -> Spoil:
    """Cut the weights in two and write their index, changed."""

    def spoil(folder: Path) -> None:
        found = load_file(folder / WEIGHTS)
        (folder / WEIGHTS).unlink()
        places = {name: f"{number % 2}.safetensors" for number, name in enumerate(found)}
        for shard in set(places.values()):
            save_file({name: found[name] for name in found if places[name] == shard}, folder / shard)
        change(places, folder)
        (folder / INDEX).write_text(json.dumps({"weight_map": places}))

    return spoil


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/readme.txt", "weights")


def huge_header(path: Path) -> None:
    path.write_bytes((2**40).to_bytes(8, "little") + b"{" + b" " * 100)


def gap(path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)


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


def first(found: dict[str, torch.Tensor], part: str = "project_in.weight") -> str:
    return next(name for name in found if name.endswith(part))


def only(*parts: str) -> Spoil:
    return state(lambda found: {name: value for name, value in found.items() if name.startswith(parts)})


class Own:
    """An object of the trainer's own."""


def with_int8(found: dict[str, torch.Tensor]) -> None:
    found[first(found)] = found[first(found)].to(torch.int8)


def with_blocks(found: dict[str, torch.Tensor]) -> None:
    name = first(found)
    found[name] = found[name].to(torch.float8_e4m3fn)
    found[f"{name.removesuffix('.weight')}.weight_scale"] = torch.ones(found[name].shape[0], 3)


def with_inverse(found: dict[str, torch.Tensor]) -> None:
    found[f"{first(found)}_scale_inv"] = torch.ones(1)


def with_values(*values: float) -> Spoil:
    def change(found: dict[str, torch.Tensor]) -> None:
        found[first(found)].view(-1)[: len(values)] = torch.tensor(values)

    return state(change)


def average(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    kept = [name for name in found if name.startswith("model.")][:-3]
    return found | {f"ema.{name}": found[name].clone() for name in kept}


BY_THE_WEIGHTS: dict[str, tuple[Spoil, str]] = {
    "the DiT alone": (only("model."), "the whole of its"),
    "the DiT alone, by its own names": (
        state(lambda s: {k.removeprefix("model.model."): v for k, v in s.items() if k.startswith("model.")}),
        "the whole of its conditioners and autoencoder",
    ),
    "the autoencoder alone": (only("pretransform."), "the whole of its conditioners and DiT"),
    "none of the names": (
        state(lambda s: {f"blocks.{n}.w": v for n, v in enumerate(s.values())}),
        "that it does not have, such as blocks.0.w and blocks.1.w",
    ),
    "a deeper model": (
        state(lambda s: s | {k.replace("layers.1.", "layers.2."): v.clone() for k, v in s.items() if "layers.1." in k}),
        "has no place for",
    ),
    "a bias too many": (
        state(lambda s: s.update({"model.model.transformer.layers.0.self_attn.to_out.bias": torch.ones(64)})),
        "has no place for 1 of its weights",
    ),
    "another width": (config(lambda c: c["model"]["diffusion"]["config"].update(embed_dim=32)), " and should be "),
    "another shape": (state(lambda s: s.update({first(s): torch.zeros(3, 3)})), "is 3×3 and should be 64×128"),
    "the model twice": (
        state(lambda s: {f"{who}.{k}": v.clone() for who in ("student", "teacher") for k, v in s.items()}),
        "holds the model twice, under student. and teacher.",
    ),
    "a tensor twice": (
        state(lambda s: s.update({f"module.{first(s)}": s[first(s)].clone()})),
        "project_in.weight twice",
    ),
    "an average of a part": (state(average), "moving average lacks 2 of"),
    "weights in int8": (state(with_int8), "is stored as int8"),
    "scales by blocks": (state(with_blocks), "one scale a weight or one an output"),
    "scales turned round": (state(with_inverse), "not understood"),
    "NaN": (with_values(float("nan")), "project_in.weight holds 1 values of 8192 that are NaN or infinite"),
    "infinity": (with_values(float("inf"), -float("inf")), "holds 2 values"),
    "too great for float32": (
        state(lambda s: s.update({first(s): s[first(s)].double() + 1e300})),
        "holds 8192 values",
    ),
    "an object of the trainer's own": (pickled(lambda s: {"state_dict": s, "own": Own()}), ".Own, which would be run"),
    "a checkpoint of a number": (pickled(lambda s: 3), "no state dict"),
    "a checkpoint of optimizers": (pickled(lambda s: {"optimizer": {"state": {}}}), "no state dict"),
    "two models in a checkpoint": (pickled(lambda s: {"model": s, "generator": s}), "2 state dicts (model, generator)"),
    "two unknown ones in a checkpoint": (pickled(lambda s: {"a": s, "b": s}), "2 state dicts (a, b)"),
}
"""What is spoilt in a file that is whole, and words of the refusal."""


def command(folder: Path, output: Path) -> list[str]:
    return ["quantize", "--model", str(folder), "--variant", "sqs-w8a8", "-o", str(output)]


def spoilt(good: Path, folder: Path, spoil: Spoil) -> Path:
    shutil.copytree(good, folder)
    spoil(folder)
    return folder


def one_line(text: str, folder: Path) -> str:
    assert text.startswith(f"earmark: {folder}"), text
    assert text.count("\n") == 1, text
    assert len(text) < 600, text
    return text


@pytest.mark.parametrize("kind", BY_THE_WEIGHTS)
def test_weights_that_will_not_do_are_one_line(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    spoil, words = BY_THE_WEIGHTS[kind]
    folder = spoilt(good, tmp_path / "model", spoil)
    assert main(command(folder, tmp_path / "out" / "a.safetensors")) == 2
    assert words in one_line(capsys.readouterr().err, folder)
    assert not (tmp_path / "out").exists()


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
