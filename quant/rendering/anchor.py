"""Anchor: a clip behind a low-pass filter, which nobody should take for its original; without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, kaiserord, oaconvolve

from quant.rendering.loudness import loudness

Samples = NDArray[np.int16]

FULL_SCALE = 32767
ANCHOR_PASS, ANCHOR_STOP = 3500, 4000  # Hz


def low_anchor(samples: Samples, rate: int) -> Samples:
    """Low-pass a clip at 3.5 kHz and bring it back to its loudness: the low anchor of ITU-R BS.1534-3, 5.1.

    Linear phase, within 0.1 dB up to 3.5 kHz and at least 60 dB down from 4 kHz. A clip whose rate leaves nothing above
    stays as it is.

    Examples
    --------
    >>> t = np.arange(44100) / 44100
    >>> low_anchor((9000 * np.sin(2 * np.pi * 1000 * t))[:, None].astype(np.int16), 44100).shape
    (44100, 1)
    """
    if rate <= 2 * ANCHOR_STOP:
        return samples
    taps, beta = kaiserord(60, (ANCHOR_STOP - ANCHOR_PASS) / (rate / 2))
    cutoff = (ANCHOR_PASS + ANCHOR_STOP) / 2
    filtered = oaconvolve(samples, firwin(taps | 1, cutoff, window=("kaiser", beta), fs=rate)[:, None], "same", axes=0)
    level, wanted = loudness(filtered, rate), loudness(samples, rate)
    gain = 10 ** ((wanted - level) / 20) if np.isfinite(level) and np.isfinite(wanted) else 1.0
    peak = float(np.abs(filtered).max(initial=0.0))
    return np.rint(filtered * min(gain, FULL_SCALE / peak if peak else 1.0)).astype(np.int16)


def low_anchor_of(audio: NDArray[Any], rate: int) -> NDArray[np.float32]:
    """Make the low anchor of a clip in -1 to 1, as it is of one of 16 bits.

    Examples
    --------
    >>> low_anchor_of(np.zeros((44100, 1), dtype=np.float32), 44100).dtype
    dtype('float32')
    """
    samples = np.rint(audio.clip(-1, 1) * FULL_SCALE).astype(np.int16)
    return (low_anchor(samples, rate) / FULL_SCALE).astype(np.float32)
