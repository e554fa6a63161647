"""Fixtures: a printed seed, and small random models on disk and in memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from tiny_models import PROMPTS, QUICK, fresh, write_model, write_t5

from quant.method.calibration import Calibration, read_calibration
from quant.model.loading import AudioModel
from quant.rendering.calibrate import calibrate


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tensors are so small here that a second thread costs more than it brings."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def session_seed() -> int:
    return int(os.environ.get("EARMARK_TEST_SEED") or int.from_bytes(os.urandom(4)))


@pytest.fixture(autouse=True)
def seed(session_seed: int) -> int:
    """A fresh seed for every run; a failing test prints it, and EARMARK_TEST_SEED repeats it."""
    print(f"EARMARK_TEST_SEED={session_seed}")
    return session_seed


@pytest.fixture
def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the text encoder ``t5-base``, in which model folders lie."""
    folder = tmp_path_factory.mktemp("models")
    write_t5(folder)
    return folder


@pytest.fixture
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder as the working directory, where the library finds ``t5-base``."""
    monkeypatch.chdir(home)
    return home


@pytest.fixture(scope="session")
def folders(home: Path, session_seed: int) -> dict[str, Path]:
    """Model folders by objective."""
    with contextlib.chdir(home):
        return {
            objective: write_model(home / objective, session_seed, objective)
            for objective in ("v", "rectified_flow", "rf_denoiser")
        }


@pytest.fixture(scope="session")
def loaded(folders: dict[str, Path]) -> dict[str, AudioModel]:
    """Full-precision models by objective; tests that change one load their own."""
    return {objective: fresh(folder) for objective, folder in folders.items()}


@pytest.fixture(scope="session")
def calibration_file(loaded: dict[str, AudioModel], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The v model's calibration over two prompts."""
    path = tmp_path_factory.mktemp("calibration") / "calibration.safetensors"
    calibrate(loaded["v"], PROMPTS, QUICK, path)
    return path


@pytest.fixture
def calibration(calibration_file: Path) -> Calibration:
    return read_calibration(calibration_file)


@pytest.fixture
def hub_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Set what the hub's client reads from the environment when it is imported, its cache in a folder of its own."""

    def settings(address: str = "https://huggingface.invalid", offline: bool = False, token: str = "") -> None:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        monkeypatch.setenv("HF_TOKEN", token)

    return settings
