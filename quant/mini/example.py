"""The embedded model, quantized: what examples begin with."""

from __future__ import annotations

import tempfile
from pathlib import Path

from quant.engine.convert import quantize_
from quant.method.variants import Variant, variant_named
from quant.model.loading import AudioModel, load_model
from quant.rendering.calibrate import calibrate
from quant.rendering.sampling import Sampling


def quantized(name: str = "sqs-w8a8") -> tuple[AudioModel, Variant]:
    """Load the embedded model, calibrate it on one short clip and quantize it by the variant of this name.

    Examples
    --------
    >>> model, variant = quantized()
    >>> model.name, variant.scheme
    ('mini', 'static')
    """
    model, variant = load_model("mini"), variant_named(name)
    with tempfile.TemporaryDirectory() as folder:
        calibration = calibrate(model, ["rain"], Sampling(steps=2, seconds=1.0), Path(folder) / "calibration")
    quantize_(model, variant, calibration)
    return model, variant
