"""Level: loudness and true peak by ITU-R BS.1770."""

from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

OVERSAMPLED = 4  # times, as BS.1770-4, annex 2, asks for at least
BLOCK = 0.4  # seconds


def loudness(audio: NDArray[Any], rate: int) -> float:
    """Integrated loudness (LUFS) of (samples, channels) in -1 to 1; a sound shorter than a block of 400 ms is one.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 997 * np.arange(48000) / 48000)[:, None]
    >>> round(loudness(tone, 48000), 1), loudness(0 * tone, 48000)
    (-3.1, -inf)
    """
    import pyloudnorm  # takes SciPy's filters along, a second that whoever measures nothing need not wait

    if not len(audio):
        return float("-inf")
    with np.errstate(divide="ignore", invalid="ignore"):
        meter = pyloudnorm.Meter(rate, block_size=min(BLOCK, len(audio) / rate))
        found = float(meter.integrated_loudness(np.asarray(audio, dtype=np.float64)))
    return found if np.isfinite(found) else float("-inf")


def true_peak(audio: NDArray[Any], rate: int) -> float:
    """Return the highest level (dBTP) of (samples, channels), between the samples too: oversampled four times.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 12000 * np.arange(48000) / 48000 + np.pi / 4)[:, None]
    >>> round(20 * np.log10(abs(tone).max()), 1), round(true_peak(tone, 48000), 1)
    (np.float64(-3.0), 0.1)
    """
    samples = np.ascontiguousarray(audio, dtype=np.float32)
    if not samples.size:
        return float("-inf")
    between = soxr.resample(samples, rate, OVERSAMPLED * rate, quality="HQ")
    peak = max(float(np.abs(samples).max()), float(np.abs(between).max(initial=0.0)))
    return float(20 * np.log10(peak)) if peak > 0 else float("-inf")
