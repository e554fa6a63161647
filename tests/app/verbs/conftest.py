"""Fixtures of the tests of models that are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tiny_study import tiny_model


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    seed = int(os.environ.get("EARMARK_TEST_SEED") or int.from_bytes(os.urandom(4)))
    return tiny_model(tmp_path_factory.mktemp("good") / "model", seed)
