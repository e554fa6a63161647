"""Loudness by ITU-R BS.1770-4, and the gains that make clips equally loud; without torch, as the server uses it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIXTEEN_BITS = 32768.0
"""Full scale of 16-bit samples."""


def loudness(samples: NDArray[Any], sample_rate: int, full_scale: float = SIXTEEN_BITS) -> float:
    """Integrated loudness of (samples, channels) in LUFS; ``-inf`` for silence or less than one 0.4 s block.

    Examples
    --------
    >>> loudness(np.zeros((100, 1), dtype=np.int16), 22050)  # shorter than one block
    -inf
    """
    import pyloudnorm  # takes SciPy's filters along, a second that whoever measures nothing need not wait

    if len(samples) < 0.4 * sample_rate:
        return float("-inf")
    meter = pyloudnorm.Meter(sample_rate)
    with np.errstate(divide="ignore"):
        return float(meter.integrated_loudness(samples / full_scale))


def aligned_gains(loudnesses: Sequence[float]) -> list[float]:
    """Gains in dB that bring clips to the loudness of the quietest; 0 for a clip without a loudness.

    Examples
    --------
    >>> aligned_gains([-20.0, -23.0, float("-inf")])
    [-3.0, 0.0, 0.0]
    """
    finite = [value for value in loudnesses if np.isfinite(value)]
    return [min(finite) - value if np.isfinite(value) else 0.0 for value in loudnesses]
