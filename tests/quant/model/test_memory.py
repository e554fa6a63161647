"""Freed memory goes back to the operating system."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

from quant.model.memory import give_back

STATUS = Path("/proc/self/status")


def resident() -> int:
    """Bytes of this process that are in memory and its own."""
    found = re.search(r"RssAnon:\s+(\d+)", STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(
    not STATUS.exists() or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs Linux with glibc"
)
def test_freed_blocks_are_given_back() -> None:
    blocks = [ctypes.create_string_buffer(b"x" * 50_000) for _ in range(2000)]
    kept = blocks[-1]  # the heap cannot shrink from its end
    del blocks
    before = resident()
    give_back()
    assert resident() < before - 50_000_000
    assert kept.raw[0] == ord("x")
