"""aisfx's spectrogram, cut into blocks of 2.3 seconds.

It is that which the network was trained with (Essentia's; the package's other one, by librosa, scales
each clip to its peak and is said there to give lower results): the mean of the channels at 44.1 kHz, as loud as it is;
frames of 2,048 samples each 1,024, the first centred on the first sample, the last at or past the end, zeros around;
a symmetric Hann window; power; 96 bands between points equally far apart on HTK's mel scale from 0 to 22,050 Hz,
triangular on that scale, their weights of sum 1; log10(10,000 power + 1) over 9.457798957824707. Blocks of 100 frames
each 50; a last block that is not full is left out, and a clip shorter than a block is filled up with zeros. Silence
stays silence, where Essentia adds noise at -100 dB; the rate is changed by soxr, where it uses libsamplerate.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio

Float = NDArray[np.float64]
RATE, WINDOW, HOP, BANDS = 44_100, 2048, 1024, 96
BLOCK, BLOCK_HOP = 100, 50
LOUDEST = 9.457798957824707  # of the logarithms, over the sounds it was trained on


def spectrogram(audio: Audio) -> Float:
    """Give the network's spectrogram of a clip, (frames, 96); the module's docstring has its definition.

    Examples
    --------
    >>> spectrogram(Audio(np.zeros((44_100, 2), dtype=np.float32), 44_100)).shape
    (45, 96)
    """
    mono = audio.at(RATE).mono().astype(np.float64)
    frames = -(-len(mono) // HOP) + 1
    padded = np.pad(mono, (WINDOW // 2, frames * HOP - len(mono)))
    cut = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    power = np.abs(np.fft.rfft(cut * np.hanning(WINDOW))) ** 2
    found: Float = np.log10(10_000 * (power @ bands()) + 1) / LOUDEST
    return found


@cache
def bands() -> Float:
    """Give the mel bands, (1025, 96).

    Examples
    --------
    >>> bands().sum(axis=0).round(12).min()
    np.float64(1.0)
    """
    ends = np.linspace(0, _mel(RATE / 2), BANDS + 2)
    mels = _mel(np.arange(WINDOW // 2 + 1) * (RATE / WINDOW))[:, None]
    steps = np.diff(ends)
    rising, falling = (mels - ends[:-2]) / steps[:-1], (ends[2:] - mels) / steps[1:]
    weights = np.maximum(np.minimum(rising, falling), 0)
    found: Float = weights / weights.sum(axis=0)
    return found


def blocks_of(spectra: Float) -> NDArray[np.float32]:
    """Cut a spectrogram, (frames, 96), into blocks of 100 frames each 50: (blocks, 1, 100, 96).

    Raises
    ------
    NoValueError
        If it has no more frames than half a block.

    Examples
    --------
    >>> blocks_of(np.zeros((199, 96))).shape
    (2, 1, 100, 96)
    """
    if len(spectra) <= BLOCK_HOP:
        raise NoValueError(f"too short for aisfx, which hears {BLOCK_HOP * HOP / RATE:.1f} s and longer")
    filled = np.pad(spectra, ((0, max(0, BLOCK - len(spectra))), (0, 0)))
    starts = range(0, len(filled) - BLOCK + 1, BLOCK_HOP)
    return np.stack([filled[start : start + BLOCK] for start in starts])[:, None].astype(np.float32)


def _mel(hertz: NDArray[np.floating] | float) -> Float:
    """HTK's mel scale."""
    found: Float = 2595 * np.log10(1 + np.asarray(hertz) / 700)
    return found
