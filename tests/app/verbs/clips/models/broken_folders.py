"""Ways to spoil a model's folder, and how a refusal of it must look."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

WEIGHTS, CONFIG, INDEX = "model.safetensors", "model_config.json", "model.safetensors.index.json"

Spoil = Callable[[Path], object]


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
