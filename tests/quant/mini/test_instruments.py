"""Sources of the sounds that are not there: what is missing, and how to get it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_models import one_line

from quant.errors import SoundSourceError
from quant.mini import instruments
from quant.mini.sounds import SOUNDS


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Sources that other tests have read are read again, and those of these tests are forgotten."""
    for cached in (instruments._sample, instruments._synth):
        cached.cache_clear()
    yield
    for cached in (instruments._sample, instruments._synth):
        cached.cache_clear()


def test_sources_that_are_not_installed_are_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(instruments, "SAMPLES", tmp_path)
    monkeypatch.setattr(instruments, "SOUNDFONTS", tmp_path)
    for sound in SOUNDS:
        if sound.source.startswith("computed"):
            continue
        with pytest.raises(SoundSourceError) as caught:
            sound.render(rng)
        message = one_line(caught.value)
        assert str(tmp_path) in message
        assert "apt-get install" in message


def test_player_that_is_not_installed_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(instruments, "SOUNDFONTS", tmp_path)
    monkeypatch.setitem(sys.modules, "tinysoundfont", None)
    (tmp_path / instruments.GS).touch()
    with pytest.raises(SoundSourceError) as caught:
        next(sound for sound in SOUNDS if sound.name == "rain").render(rng)
    assert "pip install tinysoundfont" in one_line(caught.value)
