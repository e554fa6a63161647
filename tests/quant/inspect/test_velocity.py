"""The velocities of a quantized model, prompt by prompt and seed by seed, against runs made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import PROMPTS, QUICK, fresh

from quant.engine.convert import quantize_
from quant.errors import SamplingError
from quant.inspect.velocity import paired_velocities
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS
from quant.model.loading import AudioModel
from quant.rendering.sampling import sample

SEEDS = [11, 12]


def test_each_prompt_and_seed_has_its_own(
    model: AudioModel, loaded: dict[str, AudioModel], calibration: Calibration
) -> None:
    quantize_(model, VARIANTS["sqs-w4a8"], calibration)
    told: list[tuple[int, int]] = []
    found = paired_velocities(loaded["v"], model, PROMPTS, SEEDS, QUICK, lambda *done: told.append(done))
    assert found.sqnr.shape == (len(PROMPTS), len(SEEDS), QUICK.steps)
    assert told == [(done, 4) for done in (1, 2, 3, 4)]
    for row, prompt in enumerate(PROMPTS):
        for column, seed in enumerate(SEEDS):
            asked = []
            handle = loaded["v"].dit.register_forward_hook(
                lambda _, args, options, answer, asked=asked: asked.append(
                    ([one.clone() for one in args], dict(options), answer.clone())
                ),
                with_kwargs=True,
            )
            try:
                sample(loaded["v"], prompt, seed, QUICK)
            finally:
                handle.remove()
            ratios = []
            for args, options, answer in asked:
                with torch.no_grad():
                    other = model.dit(*args, **options).double().numpy()
                exact = answer.double().numpy()
                ratios.append(((other - exact) ** 2).sum() / (exact**2).sum())
            np.testing.assert_allclose(found.sqnr[row, column], -10 * np.log10(ratios), atol=1e-6)
            assert found.of_clips[row, column] == pytest.approx(-10 * np.log10(np.mean(ratios)), abs=1e-6)
    assert len(set(found.of_clips.flatten().tolist())) == 4


def test_four_bits_answer_worse_than_eight(
    loaded: dict[str, AudioModel], folders: dict[str, Path], calibration: Calibration
) -> None:
    found = []
    four_bits = VARIANTS["sqd-w4a8"]
    rounded = (replace(four_bits, rounding="feedback"), replace(four_bits, rounding="nearest"))
    for variant in (VARIANTS["sqd-w8a8"], *rounded):
        model = fresh(folders["v"])
        quantize_(model, variant, calibration)
        found.append(paired_velocities(loaded["v"], model, PROMPTS[:1], SEEDS[:1], QUICK).of_clips.item())
    eight, fed_back, four = found
    assert eight > fed_back > four
    assert eight > four + 3  # feedback gains most of that back, how much depends on the weights drawn


def test_nothing_to_compare_is_named(loaded: dict[str, AudioModel]) -> None:
    for prompts, seeds in (([], SEEDS), (PROMPTS, [])):
        with pytest.raises(SamplingError, match="at least one prompt and one seed; give both"):
            paired_velocities(loaded["v"], loaded["v"], prompts, seeds, QUICK)
