"""Log-mel distance: how far the spectrogram of a clip lies from that of its full-precision twin, in decibels.

Both at 44.1 kHz, mono, as they are, without normalization: loudness is part of the distance. Power spectra of periodic
Hann windows of 2,048 samples each 512, not centred; 128 Slaney mel bands from 20 to 22,050 Hz; decibels, with a floor
80 below the twin's highest cell. The distance is the root of the mean squared difference of cells, over the length of
the shorter of the two. No checkpoint. Others give such a name to a mean absolute difference of natural logarithms.
"""

from __future__ import annotations

import numpy as np
from scipy.signal.windows import hann

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric
from analysis.metrics.basis.spectra import Float, magnitudes, mel_filters
from analysis.metrics.paired.twins import both

RATE, WINDOW, HOP, BANDS, FLOOR_DB = 44_100, 2048, 512, 128, 80.0


def distance(sound: Audio, twin: Audio) -> float:
    """Root mean squared difference of two sounds' mel spectra, in dB.

    Raises
    ------
    NoValueError
        If the twin is silent, against which there is no level.

    Examples
    --------
    >>> noise = np.random.default_rng(7).standard_normal((44_100, 1)).astype(np.float32)
    >>> round(distance(Audio(noise / 10, 44_100), Audio(noise, 44_100)), 3)
    20.0
    """
    if twin.silent:
        raise NoValueError("its full-precision twin is silent")
    one, other = _bands(sound), _bands(twin)
    frames = min(len(one), len(other))
    floor = other.max() - FLOOR_DB
    difference = np.maximum(one[:frames], floor) - np.maximum(other[:frames], floor)
    return float(np.sqrt((difference**2).mean()))


def _bands(sound: Audio) -> Float:
    power = magnitudes(sound.at(RATE).mono(), hann(WINDOW, sym=False), HOP) ** 2
    found: Float = 10 * np.log10(power @ mel_filters(BANDS, WINDOW, RATE, 20.0, RATE / 2) + 1e-20)
    return found


def _of_clip(clip: Clip, given: Given) -> float:
    return distance(*both(clip, given))


LOG_MEL_DISTANCE = Metric(
    key="log_mel_distance",
    name="log-mel distance to full precision (dB)",
    better="lower",
    low=0.0,
    high=None,
    needs=frozenset({"twin"}),
    of_clip=_of_clip,
)
