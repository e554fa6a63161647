"""Models of every configuration that is computed: full precision and both engines against the library's own network."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from configurations import COMPUTED, configuration, library_network, random_model
from tiny_models import PROMPTS, QUICK, SAMPLER_OF
from torch import Tensor

from quant.engine.block import compute_in_
from quant.engine.convert import quantize_
from quant.method.variants import VARIANTS, EngineName
from quant.model import upstream
from quant.model.loading import AudioModel
from quant.rendering.calibrate import calibrate

BOUNDS: list[tuple[str, EngineName, float]] = [
    ("sqd-w8a8", "integer", 0.08),
    ("sqd-w4a8", "integer", 0.4),
    ("sqs-w8a8", "reference", 0.15),
]
"""How far a variant may be from full precision, relative to it."""


def calls_of(model: AudioModel) -> list[tuple[tuple[Tensor, ...], dict[str, Any]]]:
    """What the network is asked from here on, as it is asked."""
    calls: list[tuple[tuple[Tensor, ...], dict[str, Any]]] = []

    def note(_: object, args: tuple[Tensor, ...], kwargs: dict[str, Any]) -> None:
        calls.append((tuple(value.clone() for value in args), dict(kwargs)))

    model.dit.register_forward_pre_hook(note, with_kwargs=True)
    return calls


def distance(found: list[Tensor], exact: list[Tensor]) -> float:
    wrong = sum(float((f - e).square().sum()) for f, e in zip(found, exact, strict=True))
    return (wrong / sum(float(e.square().sum()) for e in exact)) ** 0.5


@pytest.mark.parametrize("name", COMPUTED)
def test_every_engine_computes_the_librarys_network(
    name: str, at_home: Path, tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    model = random_model(configuration(name), seed)
    settings = replace(QUICK, steps=2, sampler=SAMPLER_OF[model.objective])
    watched = AudioModel(model.name, model.config, copy.deepcopy(model.wrapper), model.sha256)
    calls = calls_of(watched)
    calibration = calibrate(watched, PROMPTS, settings, tmp_path / "calibration.safetensors")
    library = library_network(model)
    with upstream.quietly():  # what the library alone prints is not ours
        exact = [library(*args, **{"use_checkpointing": False, **kwargs}) for args, kwargs in calls]
    found = [model.dit(*args, **kwargs) for args, kwargs in calls]
    assert distance(found, exact) < 1e-5
    errors = {}
    for variant, engine, bound in BOUNDS:
        ours = AudioModel(model.name, model.config, copy.deepcopy(model.wrapper), model.sha256)
        quantize_(ours, VARIANTS[variant], calibration, engine=engine)
        compute_in_(ours.dit, torch.float32)
        errors[variant, engine] = distance([ours.dit(*args, **kwargs) for args, kwargs in calls], exact)
        assert 1e-6 < errors[variant, engine] < bound, errors
    assert capfd.readouterr() == ("", "")
