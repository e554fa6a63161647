"""Convert: a sound at the study's sample rate and channels, without the silence at its ends where that is wanted."""

import numpy as np
import soxr

from survey.imports.decode import Audio

SILENCE = 10 ** (-60 / 20)  # of full scale, below which nothing can be heard


def resampled(audio: Audio, rate: int, wanted: int) -> Audio:
    """Bring (samples, channels) from `rate` to the `wanted` Hz.

    Examples
    --------
    >>> resampled(np.zeros((800, 1), dtype=np.float32), 8000, 48000).shape
    (4800, 1)
    """
    if rate == wanted:
        return audio
    made: Audio = soxr.resample(np.ascontiguousarray(audio), rate, wanted, quality="HQ")
    return made


def with_channels(audio: Audio, wanted: int) -> Audio:
    """Give a sound so many channels: one becomes two alike, of two the mean is taken.

    Examples
    --------
    >>> with_channels(np.array([[0.5, -0.25]], dtype=np.float32), 1).tolist()
    [[0.125]]
    """
    there = audio.shape[1]
    if there == wanted:
        return audio
    return np.repeat(audio, wanted, axis=1) if there == 1 else audio.mean(axis=1, keepdims=True, dtype=np.float32)


def trimmed(audio: Audio) -> tuple[Audio, int, int]:
    """Cut off silence at both ends, and say how many samples went there; a sound that is all silence stays.

    Examples
    --------
    >>> cut, first, last = trimmed(np.array([[0], [0.5], [0], [0.1], [0]], dtype=np.float32))
    >>> len(cut), first, last
    (3, 1, 1)
    """
    loud = np.flatnonzero((np.abs(audio) >= SILENCE).any(axis=1))
    if not len(loud):
        return audio, 0, 0
    first, end = int(loud[0]), int(loud[-1]) + 1
    return audio[first:end], first, len(audio) - end
