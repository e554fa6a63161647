"""What products in bfloat16 do to a calibration, beside what noise does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from quant.engine.convert import quantize_
from quant.inspect.teacher import overall, record_teacher, velocity_sqnr
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS
from quant.model.loading import load_model
from quant.rendering import calibrate as module
from quant.rendering.calibrate import calibrate
from quant.rendering.sampling import Sampling, sample

PROMPTS = ["rain on a roof", "a dog barks", "a church bell", "surf", "an engine idles"]
SHORT = Sampling(steps=6, seconds=1.0)
NOISE = 0.02


def noisy(calibration: Calibration, generator: torch.Generator) -> Calibration:
    """The same with every range off by :data:`NOISE`, one standard deviation."""
    low, high = {}, {}
    for name, row in calibration.low.items():
        factor = 1 + NOISE * torch.randn(row.shape, generator=generator)
        low[name], high[name] = row * factor, calibration.high[name] * factor
    return replace(calibration, low=low, high=high)


def test_ranges_of_bfloat16_do_what_noise_of_two_percent_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator: torch.Generator
) -> None:
    """To what matters, the velocity's error after quantizing; and most of them are far nearer than that."""
    model = load_model("mini")
    exact = calibrate(model, PROMPTS, SHORT, tmp_path / "exact.safetensors")
    monkeypatch.setattr(module, "LARGE", 0)
    monkeypatch.setattr(module, "_precision", lambda model: "bfloat16")
    narrow = calibrate(model, PROMPTS, SHORT, tmp_path / "narrow.safetensors")
    assert narrow.precision == "bfloat16"
    off = torch.cat([(narrow.absmax(name) / exact.absmax(name) - 1).abs().flatten() for name in exact.low])
    assert 0 < float(off.median()) < NOISE

    teacher = record_teacher(model, ["a cat meows", "glass breaks"], SHORT)

    def decibels(calibration: Calibration) -> float:
        quantized = load_model("mini")
        quantize_(quantized, VARIANTS["sqd-w8a8"], calibration)
        return overall(velocity_sqnr(quantized.dit, teacher, lambda count: None))

    reference = decibels(exact)
    by_noise = max(abs(decibels(noisy(exact, generator)) - reference) for _ in range(8))
    assert abs(decibels(narrow) - reference) <= 2 * by_noise


def test_products_in_bfloat16_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model("mini")
    before = sample(model, PROMPTS[0], 0, SHORT)
    monkeypatch.setattr(module, "LARGE", 0)
    monkeypatch.setattr(module, "_precision", lambda model: "bfloat16")
    assert calibrate(model, PROMPTS[:1], SHORT, tmp_path / "c.safetensors").precision == "bfloat16"
    assert torch.equal(sample(model, PROMPTS[0], 0, SHORT), before)
