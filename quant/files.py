"""Files: written whole or not at all, and known by their hash."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

import atomic
from quant.errors import QuantError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` fill a temporary file, which then takes the place of ``path``.

    Raises
    ------
    QuantError
        If the folder cannot be written or the disk is full; nothing is left behind.
    """
    try:
        with atomic.replacing(path) as temporary:
            write(temporary)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise QuantError(f"{path}: cannot be written ({reason}); check the folder and the disk") from error


HASHED_ONCE = 2**26
"""Bytes from which a file's hash is kept: shorter ones are hashed anew in less than 0.1 s."""

SETTLED_S = 2.0
"""Seconds that a file must have been left alone: some disks date two changes in one second alike."""


def cache() -> Path:
    """Find the folder of what is made once on a machine: ``XDG_CACHE_HOME``, or ``~/.cache``, under ``earmark``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "earmark"


def file_sha256(path: Path) -> str:
    """Sha256 of a file, in hexadecimal.

    That of a large file is kept under :func:`cache`, by its path, size, inode and the times of its last changes, the
    inode's among them, which no tool sets back: gigabytes are hashed once, and again when anything of these differs.
    """
    before = path.stat()
    if before.st_size < HASHED_ONCE:
        return _digest(path)
    note = cache() / "sha256" / hashlib.sha256(_identity(path, before).encode()).hexdigest()
    with contextlib.suppress(OSError, ValueError):
        kept = note.read_text(encoding="ascii")
        if len(kept) == 64 and int(kept, 16) >= 0:
            return kept
    found = _digest(path)
    left_alone = time.time() - max(before.st_mtime, before.st_ctime) > SETTLED_S
    if left_alone and _identity(path, path.stat()) == _identity(path, before):
        # A cache that cannot be written costs time and nothing else.
        with contextlib.suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            with atomic.replacing(note) as temporary:
                temporary.write_text(found, encoding="ascii")
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(path: Path, found: os.stat_result) -> str:
    return f"{path.resolve()}\n{found.st_size} {found.st_dev} {found.st_ino} {found.st_mtime_ns} {found.st_ctime_ns}"


LINE = 64
"""Bytes of a cache line."""

_DTYPES = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16", torch.int32: "I32", torch.int64: "I64",
    torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64",
}  # fmt: skip


def save_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write a safetensors file whose metadata holds ``header`` as JSON under the key ``earmark``.

    Tensors of whole cache lines begin one, so that kernels can compute with them where they lie mapped; the library's
    own writer takes multiples of eight bytes.
    """
    order = sorted(tensors, key=lambda name: (tensors[name].nbytes % LINE != 0, -tensors[name].itemsize, name))
    told: dict[str, Any] = {"__metadata__": {"earmark": json.dumps(header, sort_keys=True)}}
    end = 0
    for name in order:
        begin, end = end, end + tensors[name].nbytes
        value = tensors[name]
        told[name] = {"dtype": _DTYPES[value.dtype], "shape": list(value.shape), "data_offsets": [begin, end]}
    head = json.dumps(told, separators=(",", ":")).encode()
    head += b" " * (-(8 + len(head)) % LINE)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            file.write(len(head).to_bytes(8, "little") + head)
            for name in order:
                file.write(tensors[name].detach().cpu().reshape(-1).view(torch.uint8).numpy().data)

    write_atomically(path, write)
