"""Cosines: how alike a clip and its full-precision twin are in envelope and in spectrum, as sa3.cpp counts it.

The convention of betweentwomidnights/sa3.cpp, whose cards give "envelope / log-magnitude cosine" of its quantized
bundles to F16 at the same seed. The definition is that of the script in its docs/METAL.md as first written: samples as
16-bit integers, the channels interleaved as the file has them, both clips cut to the shorter one; envelope: root mean
squares of 2,205 values at a time (25 ms of stereo at 44.1 kHz); log magnitude: windows of 2,048 values each 512 under a
symmetric Hann window, log(1 + |spectrum|); each as one vector, and the cosine of the two, not centred. That the
channels are interleaved makes the spectrum one of the mid below and of the side above; it is kept, so that figures
compare. Ours: samples of files that are no 16-bit integers are rounded to them, and clipped.

Both lie between 0 and 1, and any two sounds of steady loudness come close to 1 in the envelope. No study with
listeners has validated them.
"""

from __future__ import annotations

import numpy as np

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric
from analysis.metrics.basis.spectra import Float, magnitudes
from analysis.metrics.paired.twins import both

ENVELOPE, WINDOW, HOP = 2205, 2048, 512


def envelope_cosine(sound: Audio, twin: Audio) -> float:
    """Cosine of two sounds' envelopes.

    Raises
    ------
    NoValueError
        If one is silent or too short, or they differ in rate or channels.

    Examples
    --------
    >>> noise = np.random.default_rng(7).uniform(-1, 1, (8820, 1)).astype(np.float32)
    >>> round(envelope_cosine(Audio(noise / 2, 44_100), Audio(noise, 44_100)), 6)
    1.0
    """
    return _cosine(*(_envelope(one) for one in _alike(sound, twin)))


def log_magnitude_cosine(sound: Audio, twin: Audio) -> float:
    """Cosine of two sounds' logarithmic magnitudes.

    Raises
    ------
    NoValueError
        See :func:`envelope_cosine`.

    Examples
    --------
    >>> noise = np.random.default_rng(7).uniform(-1, 1, (2, 8820, 1)).astype(np.float32)
    >>> round(log_magnitude_cosine(Audio(noise[0], 44_100), Audio(noise[1], 44_100)), 2)
    1.0
    """
    return _cosine(*(_log_magnitudes(one) for one in _alike(sound, twin)))


def _alike(sound: Audio, twin: Audio) -> list[Float]:
    """Both as values of a 16-bit file, cut to the shorter."""
    if (sound.rate, sound.samples.shape[1]) != (twin.rate, twin.samples.shape[1]):
        raise NoValueError(
            f"it has {sound.samples.shape[1]} channels at {sound.rate} Hz, its full-precision twin "
            f"{twin.samples.shape[1]} at {twin.rate} Hz"
        )
    shared = min(len(sound.samples), len(twin.samples))
    if shared * sound.samples.shape[1] <= ENVELOPE:
        raise NoValueError(f"it and its full-precision twin share {shared / sound.rate:.3f} s, no envelope")
    both = []
    for one, name in ((sound, "it"), (twin, "its full-precision twin")):
        values = np.clip(np.round(one.samples[:shared].ravel().astype(np.float64) * 32768), -32768, 32767)
        if not values.any():
            raise NoValueError(f"{name} is silent")
        both.append(values)
    return both


def _envelope(values: Float) -> Float:
    count = (len(values) - 1) // ENVELOPE  # one that ends with the last value is left out, as there
    found: Float = np.sqrt((values[: count * ENVELOPE].reshape(count, ENVELOPE) ** 2).mean(axis=1))
    return found


def _log_magnitudes(values: Float) -> Float:
    return np.log1p(magnitudes(values[:-1], np.hanning(WINDOW), HOP)).ravel()


def _cosine(one: Float, other: Float) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-12))


def _envelope_of_clip(clip: Clip, given: Given) -> float:
    return envelope_cosine(*both(clip, given))


def _log_magnitude_of_clip(clip: Clip, given: Given) -> float:
    return log_magnitude_cosine(*both(clip, given))


ENVELOPE_COSINE = Metric(
    key="envelope_cosine",
    name="envelope cosine to full precision (sa3.cpp's)",
    better="higher",
    low=0.0,
    high=1.0,
    needs=frozenset({"twin"}),
    of_clip=_envelope_of_clip,
)

LOG_MAGNITUDE_COSINE = Metric(
    key="log_magnitude_cosine",
    name="log-magnitude cosine to full precision (sa3.cpp's)",
    better="higher",
    low=0.0,
    high=1.0,
    needs=frozenset({"twin"}),
    of_clip=_log_magnitude_of_clip,
)
