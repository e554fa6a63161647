"""The benchmark of a whole clip tells the time of each part, and writes a clip that has its length."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from benchmarks.common.stable_audio import SECONDS, STEPS
from benchmarks.render.clip import NOTES, measured
from quant.engine.checkpoint import save_checkpoint
from quant.mini.example import quantized


def test_parts_of_a_clips_time(tmp_path: Path) -> None:
    model, variant = quantized()
    checkpoint = tmp_path / "checkpoint.safetensors"
    save_checkpoint(checkpoint, model, variant, alpha=0.5, made_by="test")
    figures = measured(checkpoint, tmp_path, made=3)
    assert set(NOTES) == set(figures)
    assert all(value > 0 for value in figures.values())
    parts = sum(figures[part] for part in ("import_s", "load_s", "text_s", "steps_s", "decode_s", "file_s"))
    assert figures["clip_s"] == pytest.approx(parts)
    # A hundred steps as three were: the first, which finds and compiles what it needs, is as long as it was.
    assert figures["steps_s"] > (STEPS - 1) * figures["step_s"]
    assert figures["steps_s"] < figures["made_steps_s"] + (STEPS - 1) * figures["step_s"]
    assert soundfile.info(tmp_path / "checkpoint.flac").duration == SECONDS
