"""Fixtures of the tests of weight files: one tiny model, whose tensors every file is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file
from tiny_study import tiny_model
from torch import Tensor


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, session_seed: int) -> Path:
    """A model's folder, with values everywhere."""
    return tiny_model(tmp_path_factory.mktemp("pretrained") / "tiny", session_seed)


@pytest.fixture(scope="session")
def tensors(tiny: Path) -> dict[str, Tensor]:
    """The tensors of that model."""
    return load_file(tiny / "model.safetensors")


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A folder with that model's configuration and no weights yet."""
    made = tmp_path / "model"
    made.mkdir()
    (made / "model_config.json").write_bytes((tiny / "model_config.json").read_bytes())
    return made
