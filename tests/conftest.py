"""Fixtures of all tests."""

import os

import pytest


@pytest.fixture
def seed() -> int:
    """Give a fresh seed, printed when a test fails; EARMARK_TEST_SEED repeats one."""
    number = int(os.environ.get("EARMARK_TEST_SEED") or int.from_bytes(os.urandom(4)))
    print(f"seed: {number} (repeat with EARMARK_TEST_SEED={number})")
    return number
