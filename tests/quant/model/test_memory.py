"""Freed memory goes back to the operating system."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from quant.model.memory import give_back, let_go

STATUS = Path("/proc/self/status")


def resident() -> int:
    """Bytes of this process that are in memory and its own."""
    found = re.search(r"RssAnon:\s+(\d+)", STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024


on_linux = pytest.mark.skipif(
    not STATUS.exists() or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs Linux with glibc"
)


@on_linux
def test_freed_blocks_are_given_back() -> None:
    blocks = [ctypes.create_string_buffer(b"x" * 50_000) for _ in range(2000)]
    kept = blocks[-1]  # the heap cannot shrink from its end
    del blocks
    before = resident()
    give_back()
    assert resident() < before - 50_000_000
    assert kept.raw[0] == ord("x")


def mapped() -> int:
    """Bytes of files that are mapped into this process and in memory."""
    found = re.search(r"RssFile:\s+(\d+)", STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024


@on_linux
def test_weights_of_a_file_leave_memory_and_come_back_as_they_were(tmp_path: Path, seed: int) -> None:
    weights = torch.randn(25_000_000, generator=torch.Generator().manual_seed(seed))
    save_file({"weights": weights}, tmp_path / "model.safetensors")
    read = load_file(tmp_path / "model.safetensors")["weights"]
    changed = read[:10_000_000]
    changed += 1  # lies in memory alone from now on
    assert float(read.sum()) == pytest.approx(float(weights.sum()) + 1e7, rel=1e-3)
    before = mapped()
    let_go([read, weights])
    assert mapped() < before - 50_000_000
    assert torch.equal(read[10_000_000:], weights[10_000_000:])
    assert torch.equal(changed, weights[:10_000_000] + 1)
