"""A checkpoint written the way a user writes one, and what was sampled from the model in it."""

from __future__ import annotations

from pathlib import Path

from tiny_models import QUICK, fresh
from torch import Tensor

from quant.engine.checkpoint import save_checkpoint
from quant.engine.convert import quantize_
from quant.method.calibration import calibration_sha256, read_calibration
from quant.method.variants import EngineName, Variant
from quant.model.loading import AudioModel
from quant.rendering.sampling import sample


def make(
    folder: Path, calibration_file: Path, variant: Variant, path: Path, engine: EngineName = "integer"
) -> tuple[AudioModel, Tensor]:
    """Quantize, save, and sample from what was saved."""
    model = fresh(folder)
    quantize_(model, variant, read_calibration(calibration_file), alpha=0.4, engine=engine)
    save_checkpoint(
        path,
        model,
        variant,
        alpha=0.4,
        calibration_sha256=calibration_sha256(calibration_file),
        made_by="0.1.0",
        engine=engine,
    )
    return model, sample(model, "a dog barks", 7, QUICK)
