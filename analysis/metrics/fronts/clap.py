"""What CLAP is given to hear: four pictures of mel bands of ten seconds.

As stable-audio-metrics (``src/clap_score.py``) and laion-clap 1.1.4 (``get_mel`` and ``get_audio_features`` in
``training/data.py``) have it:

- the mean of the channels, at 48 kHz by soxr's high quality, as librosa reads a file: of length times ratio samples,
  rounded up, the last of which is a zero where floating point rounds too far (10 s of 44.1 kHz give 480,001);
- after that its peak at -1 dB of full scale; silence stays silence, where stable-audio-metrics gets NaN;
- clipped, and rounded to 16 bits towards zero;
- under 10 s: repeated whole as often as it fits, then zeros;
- mel bands: power spectra of periodic Hann windows of 1,024 samples each 480, centred, with reflected edges; 64
  triangles of unit height from 50 to 14,000 Hz on the HTK scale; ten times the logarithm of base 10, not below -100 dB;
- up to 10 s, and up to 1,001 windows: four times the same picture;
- over that: the whole shrunk to 1,001 windows, by linear interpolation without a filter before it (in float64; in
  float32, as theirs is, the places between windows are rounded, which is some thousandths of a dB), then a crop from
  each third. laion-clap draws the crops without a seed. Here they are drawn from a generator that is seeded with the
  samples, so that a clip is always heard alike.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal.windows import hann

from analysis.metrics.basis.audio import Audio, Samples
from analysis.metrics.basis.spectra import Float, magnitudes, mel_filters

RATE, LONGEST = 48_000, 480_000
WINDOW, HOP, BANDS, LOW, HIGH = 1024, 480, 64, 50.0, 14_000.0
FRAMES = LONGEST // HOP + 1
FLOOR = 1e-10
PEAK_DB = -1.0
FULL_SCALE = 32_767.0


def prepared(audio: Audio, *, sixteen_bits: bool = True) -> Samples:
    """Make a clip mono, of 48 kHz, of a peak of -1 dB and of 16 bits: (samples,), float32.

    Examples
    --------
    >>> tone = np.sin(np.arange(24_000) / 9).astype(np.float32)[:, None]
    >>> samples = prepared(Audio(tone / 50, 24_000))
    >>> len(samples), round(float(np.abs(samples).max()), 3)
    (48000, 0.891)
    """
    samples = _at_rate(Audio(audio.mono()[:, None], audio.rate))
    samples = Audio(samples[:, None], RATE).normalized(PEAK_DB).samples[:, 0]
    if not sixteen_bits:
        return samples
    whole = (np.clip(samples, -1.0, 1.0) * np.float32(FULL_SCALE)).astype(np.int16)
    return (whole / FULL_SCALE).astype(np.float32)


def bands(samples: NDArray[np.floating]) -> Float:
    """Mel bands in dB of samples at 48 kHz: (samples // 480 + 1, 64).

    Examples
    --------
    >>> bands(np.zeros(48_000)).shape, float(bands(np.zeros(48_000)).max())
    ((101, 64), -100.0)
    """
    padded = np.pad(samples.astype(np.float64), WINDOW // 2, mode="reflect")
    power = magnitudes(padded, hann(WINDOW, sym=False), HOP) ** 2
    found: Float = 10 * np.log10(np.maximum(power @ mel_filters(BANDS, WINDOW, RATE, LOW, HIGH, "htk"), FLOOR))
    return found


def pictures(samples: Samples) -> tuple[NDArray[np.float32], bool]:
    """Four pictures of a clip, (4, 1001, 64), float32, and whether they differ as it is longer than 10 s.

    Parameters
    ----------
    samples
        As :func:`prepared` gives them.

    Examples
    --------
    >>> found, longer = pictures(np.zeros(1_000, dtype=np.float32))
    >>> found.shape, longer
    ((4, 1001, 64), False)
    """
    if len(samples) < LONGEST:
        repeated = np.tile(samples, LONGEST // len(samples))
        samples = np.pad(repeated, (0, LONGEST - len(repeated)))
    whole = bands(samples)
    if len(whole) == FRAMES:
        return np.repeat(whole[None].astype(np.float32), 4, axis=0), False
    crops = [whole[start : start + FRAMES] for start in _starts(len(whole) - FRAMES + 1, samples)]
    return np.stack([_shrunk(whole), *crops]).astype(np.float32), True


def _at_rate(audio: Audio) -> Samples:
    found = audio.at(RATE, "HQ").samples[:, 0]
    length = math.ceil(len(audio.samples) * (RATE / audio.rate))
    return np.pad(found[:length], (0, max(0, length - len(found))))


def _starts(places: int, samples: Samples) -> list[int]:
    """Draw where crops start, one from each third of the places."""
    digest = hashlib.sha256(samples.tobytes()).digest()
    generator = np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
    thirds = np.array_split(np.arange(places), 3)
    return [int(generator.choice(third)) if len(third) else 0 for third in thirds]


def _shrunk(whole: Float) -> Float:
    """Interpolate between the windows, so that 1,001 are left."""
    at = (np.arange(FRAMES) + 0.5) * (len(whole) / FRAMES) - 0.5
    before = np.floor(at).astype(int)
    after = np.minimum(before + 1, len(whole) - 1)
    found: Float = whole[before] + (at - before)[:, None] * (whole[after] - whole[before])
    return found
