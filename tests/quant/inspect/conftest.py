"""Fixtures of the analysis' tests: a model in full precision, and what it was asked along two runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import PROMPTS, QUICK, fresh

from quant.inspect.teacher import Teacher, record_teacher
from quant.model.loading import AudioModel


@pytest.fixture
def model(folders: dict[str, Path]) -> AudioModel:
    return fresh(folders["v"])


@pytest.fixture(scope="module")
def teacher(loaded: dict[str, AudioModel]) -> Teacher:
    return record_teacher(loaded["v"], PROMPTS, QUICK, seed=3)
