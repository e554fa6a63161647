"""Files are written whole or not at all, and large ones are hashed once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tiny_models import one_line

from quant import files
from quant.errors import QuantError
from quant.files import file_sha256, save_tensors, write_atomically

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import torch
from quant.errors import QuantError
from quant.files import save_tensors
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    save_tensors(Path(sys.argv[1]), {"x": torch.zeros(100_000)}, {})
except QuantError as error:
    print(error)
"""


def test_tensors_and_header_come_back(tmp_path: Path, generator: torch.Generator) -> None:
    path = tmp_path / "deeper" / "still" / "x.safetensors"
    x = torch.randn(4, 6, generator=generator)
    save_tensors(path, {"x": x, "transposed": x.mT}, {"kind": "test", "prompts": ['Regen, Hagel — "Sturm"']})
    with safe_open(path, framework="pt") as file:
        assert torch.equal(file.get_tensor("x"), x)
        assert torch.equal(file.get_tensor("transposed"), x.mT)
        assert json.loads(file.metadata()["earmark"])["prompts"] == ['Regen, Hagel — "Sturm"']
    assert [p.name for p in path.parent.iterdir()] == ["x.safetensors"]


def test_same_tensors_make_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_tensors(tmp_path / name, {"x": torch.arange(9.0), "y": torch.ones(2)}, {"b": 1, "a": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_fills_cache_lines_begins_one(tmp_path: Path, generator: torch.Generator) -> None:
    """Where a kernel computes with it in the mapped file; everything has its dtype, shape and values, as without."""
    path, tensors = tmp_path / "x.safetensors", {"none": torch.zeros(0, 3), "one": torch.tensor(7.0)}
    dtypes = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
    for dtype in (*dtypes, torch.float16, torch.bfloat16, torch.float32, torch.float64):
        for count in (1, 3, 64, 129, 640):
            tensors[f"{dtype} {count}"] = torch.randint(0, 2, (count, 1), generator=generator).to(dtype)
    save_tensors(path, tensors, {"of": "x" * int(torch.randint(64, (1,), generator=generator))})
    found = load_file(path)
    assert found.keys() == tensors.keys()
    assert all(found[name].dtype == value.dtype for name, value in tensors.items())
    assert all(torch.equal(found[name], value) for name, value in tensors.items())
    whole = path.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    told = json.loads(whole[8 : 8 + size])
    of_lines = [name for name, value in tensors.items() if value.nbytes % 64 == 0]
    assert len(of_lines) > 15
    assert not any((8 + size + told[name]["data_offsets"][0]) % 64 for name in of_lines)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_interrupted_write_leaves_the_old_file(tmp_path: Path, stop: type[BaseException]) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("half of the ne")
        raise stop

    with pytest.raises(stop):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("below", ["x.safetensors", "deeper/x.safetensors"])
def test_folder_that_cannot_be_made_is_one_line(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    path = tmp_path / "file" / below
    with pytest.raises(QuantError) as caught:
        save_tensors(path, {"x": torch.zeros(2)}, {})
    assert str(path) in one_line(caught.value)
    assert (tmp_path / "file").read_text() == "not a folder"


def test_full_disk_is_one_line_and_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the write fails in the middle."""
    path = tmp_path / "x.safetensors"
    path.write_text("old")
    found = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(f"{path}: cannot be written")
    assert found.stdout.count("\n") == 1
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose hash is worth keeping; it need not have been left alone for long."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "SETTLED_S", -1.0)
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(files.HASHED_ONCE)
    return path


def notes(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "earmark" / "sha256").glob("*"))


def test_large_file_is_hashed_once(large: Path, tmp_path: Path) -> None:
    true = hashlib.sha256(large.read_bytes()).hexdigest()
    assert file_sha256(large) == true
    (note,) = notes(tmp_path)
    note.write_text("0" * 64)  # to be seen where it is believed
    assert file_sha256(large) == "0" * 64
    note.write_text("half of the ha")
    assert file_sha256(large) == true
    assert note.read_text() == true


@pytest.mark.parametrize("change", ["value", "size", "other file"])
def test_changed_file_is_hashed_anew(large: Path, tmp_path: Path, change: str) -> None:
    """Also one whose size and time of change are what they were."""
    file_sha256(large)
    before = large.stat()
    if change == "other file":
        other = tmp_path / "other"
        other.write_bytes(bytes(files.HASHED_ONCE - 1) + b"x")
        other.replace(large)
    else:
        with large.open("r+b") as file:
            file.seek(0 if change == "value" else files.HASHED_ONCE)
            file.write(b"x")
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_sha256(large) == hashlib.sha256(large.read_bytes()).hexdigest()


def test_hash_of_what_was_just_written_or_is_small_is_not_kept(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SETTLED_S", 3600.0)
    file_sha256(large)
    monkeypatch.setattr(files, "SETTLED_S", -1.0)
    small = tmp_path / "small"
    small.write_bytes(b"x")
    assert file_sha256(small) == hashlib.sha256(b"x").hexdigest()
    assert not notes(tmp_path)


def test_cache_that_cannot_be_written_changes_nothing(large: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    assert file_sha256(large) == hashlib.sha256(large.read_bytes()).hexdigest()
