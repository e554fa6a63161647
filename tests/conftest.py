"""Fixtures of all tests."""

import os

import pytest
import torch

if not torch.cuda.is_available():
    # Before Triton is imported, wherever that happens first: its kernels then run on the CPU.
    os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture
def seed() -> int:
    """Give a fresh seed, printed when a test fails; EARMARK_TEST_SEED repeats one."""
    number = int(os.environ.get("EARMARK_TEST_SEED") or int.from_bytes(os.urandom(4)))
    print(f"seed: {number} (repeat with EARMARK_TEST_SEED={number})")
    return number
