"""Spectra: short-time spectra and mel bands, in float64 and without torch."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from transformers.audio_utils import mel_filter_bank

Float = NDArray[np.float64]


def magnitudes(samples: NDArray[np.floating], window: Float, hop: int, n_fft: int | None = None) -> Float:
    """Magnitudes of windows each ``hop`` samples, not centred, the rest left out: (windows, n_fft // 2 + 1).

    A sound shorter than the window is padded with zeros to its length.

    Examples
    --------
    >>> magnitudes(np.ones(6), np.ones(4), 2).tolist()
    [[4.0, 0.0, 0.0], [4.0, 0.0, 0.0]]
    """
    padded = np.pad(samples.astype(np.float64), (0, max(0, len(window) - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[::hop]
    found: Float = np.abs(np.fft.rfft(frames * window, n_fft))
    return found


@cache
def mel_filters(
    bands: int, n_fft: int, rate: int, low: float, high: float, scale: Literal["slaney", "htk", "kaldi"] = "slaney"
) -> Float:
    """Triangular mel filters (n_fft // 2 + 1, bands): Slaney's have unit area, the others unit height.

    Kaldi's are triangles over mel, the others over hertz.

    Examples
    --------
    >>> mel_filters(4, 16, 8000, 0.0, 4000.0).shape
    (9, 4)
    """
    norm = "slaney" if scale == "slaney" else None
    over_mel = scale == "kaldi"
    filters: Float = mel_filter_bank(n_fft // 2 + 1, bands, low, high, rate, norm, scale, over_mel)
    return filters
