"""A study with a condition that takes outputs again: it is rendered, differs, and the manifest says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open
from tiny_study import PROMPTS, tiny_study

from app.cli import main
from quant.method.timesteps import STEP_NAME
from quant.rendering.clips import read_flac

CONDITIONS = ("baseline", "sqd-w8a8", "sqd-w8a8-cache")


def test_from_study_to_clips(tmp_path: Path, seed: int) -> None:
    study = tiny_study(tmp_path / "study", seed)
    config = study / "study.yaml"
    # Steps so small that outputs change little.
    text = config.read_text().replace("baseline, sqs-w8a8, sqd-lora-w8a8", ", ".join(CONDITIONS))
    config.write_text(text.replace("{steps: 3,", "{steps: 12, sigma_max: 0.6,"))
    assert main(["generate", str(study)]) == 0
    with safe_open(study / "models" / "sqd-w8a8-cache.safetensors", framework="pt") as file:
        sources = file.get_tensor(f"model.model.{STEP_NAME}.reuse").numpy()
    assert sources.shape == (3, 12)
    assert (sources < np.arange(12)).any(), "otherwise this test says nothing"
    described = json.loads((study / "clips" / "manifest.json").read_text())["variants"]
    assert described["sqd-w8a8-cache"]["cache"] == 0.2
    assert "cache" not in described["sqd-w8a8"]
    for number in range(1, len(PROMPTS) + 1):
        exact, plain, cached = (
            read_flac(study / "clips" / f"p{number}.{name}.1000.flac")[0].astype(float) for name in CONDITIONS
        )
        assert np.corrcoef(plain.ravel(), cached.ravel())[0, 1] < 1 - 1e-6
        # Both are still the baseline's clip, not another.
        assert np.corrcoef(exact.ravel(), cached.ravel())[0, 1] > 0.5
    assert main(["check", str(study)]) == 0
