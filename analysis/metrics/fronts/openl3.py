"""OpenL3's front end: what openl3 0.4.2 and stable-audio-metrics make of a clip, in float64.

Peak at -1 dB of full scale over all channels; soxr HQ to 44.1 kHz (or to 48 kHz where so named); then, channel by
channel, resampy's ``kaiser_best`` to 48 kHz; half a second of zeros in front, zeros at the end; frames of one second
each half second: 20 of a clip of 10 s. Of each: magnitudes of 2,048 points under a periodic Hann window, each 242
samples, not centred, filled with zeros at the end: 199 columns; 256 of Slaney's mel bands from 0 to 24,000 Hz;
10 log10 with a floor of 1e-10, less the frame's highest, with a floor of -80. Source: openl3 0.4.2, kapre 0.3.7,
resampy 0.2.2 and ``src/openl3_fd.py`` of stable-audio-metrics.

``kaiser_best`` is computed here, for soxr's is another sound: from 44.1 to 48 kHz they differ by -27 dB in white noise
and -37 dB in pink noise, all of it above 20 kHz, where the top 12 of the 256 bands differ by up to 26 of their 80 units
and the others by up to 0.4. openl3 computes in float32; its rounding shows above 22 kHz only, as up to 1 unit in the
top 3 bands. torchopenl3 has the front end of openl3 0.3.1 (HTK's mel bands, centred), which is another embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import gcd

import numpy as np
from numpy.typing import NDArray
from scipy.signal.windows import hann, kaiser

from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.spectra import Float, magnitudes, mel_filters

RATE, FRAME, HOP = 48_000, 48_000, 24_000
N_FFT, COLUMN, COLUMNS, BANDS = 2048, 242, 199, 256
LEAST, FLOOR = 1e-10, -80.0
CROSSINGS, FINENESS, BETA, ROLL_OFF = 64, 512, 14.769656459379492, 0.9475937167399596  # of kaiser_best

NETWORKS: Mapping[str, tuple[str, int]] = {
    "openl3": ("env", 44_100),
    "openl3_48k": ("env", 48_000),
    "openl3_music": ("music", 44_100),
    "openl3_music_48k": ("music", 48_000),
}
"""Names of networks: which of openl3's two contents, and the rate that sets the bandwidth; the first is the paper's."""


def channels(audio: Audio, rate: int) -> list[Float]:
    """Give left and right at 48 kHz, their bandwidth that of ``rate``; a mono clip once, for both are the same.

    Of more than two channels the first two, as stable-audio-metrics.

    Examples
    --------
    >>> stereo = Audio(np.random.default_rng(7).standard_normal((44_100, 2)).astype(np.float32), 44_100)
    >>> [len(one) for one in channels(stereo, 44_100)]
    [48000, 48000]
    >>> len(channels(Audio(stereo.samples[:, :1], 44_100), 44_100))
    1
    """
    some = audio.normalized(-1.0).at(rate, "HQ").samples[:, :2]
    apart = some if (some[:, :1] != some).any() else some[:, :1]
    return [kaiser_best(one, rate) for one in apart.T]


def kaiser_best(samples: NDArray[np.floating], rate: int) -> Float:
    """Resample to 48 kHz, from no higher rate, as resampy's ``kaiser_best``.

    A sinc of 64 zero crossings a side under a Kaiser window, rolling off at 0.948 of the lower Nyquist frequency, from
    a table of 512 points a crossing with lines between them. Ends are taken to be silent.

    Examples
    --------
    >>> second = np.sin(2 * np.pi * 1000 * np.arange(44_100) / 44_100)
    >>> found = kaiser_best(second, 44_100)
    >>> bool(np.allclose(found[9_600:38_400], np.sin(2 * np.pi * 1000 * np.arange(9_600, 38_400) / 48_000), atol=1e-4))
    True
    """
    wide = samples.astype(np.float64)
    if rate == RATE:
        return wide
    assert rate < RATE, "for a lower rate the sinc would have to be wider"
    common = gcd(rate, RATE)
    inputs, outputs = rate // common, RATE // common  # so many samples in give so many out
    length = int(len(wide) * (RATE / rate))
    blocks = -(-length // outputs)
    padded = np.pad(wide, (CROSSINGS, blocks * inputs + 2 * CROSSINGS))
    views = np.lib.stride_tricks.sliding_window_view(padded, inputs + 2 * CROSSINGS)[::inputs][:blocks]
    found: Float = (views @ _phases(inputs, outputs)).reshape(-1)[:length]
    return found


@cache
def _phases(inputs: int, outputs: int) -> Float:
    """Weights of a block: (inputs + 2 crossings, outputs), the block's own inputs after the first crossings."""
    right = np.linspace(0, CROSSINGS, CROSSINGS * FINENESS + 1)
    window = kaiser(2 * CROSSINGS * FINENESS + 1, BETA)[CROSSINGS * FINENESS :]
    table = ROLL_OFF * np.sinc(ROLL_OFF * right) * window
    weights = np.zeros((inputs + 2 * CROSSINGS, outputs))
    for output in range(outputs):
        before, past = divmod(output * inputs, outputs)
        for source in range(before - CROSSINGS, before + CROSSINGS + 2):
            apart = abs(source - before - past / outputs)
            # resampy leaves out the outermost input of most, which is 140 dB below.
            within = int(apart) < (len(table) - int(apart % 1 * FINENESS)) // FINENESS
            if apart < CROSSINGS and within:
                weights[source + CROSSINGS, output] = np.interp(apart, right, table)
    return weights


def frames(samples: Float) -> Float:
    """Cut a channel at 48 kHz into frames, (frames, 48,000): 20 of 10 s; of less than half a second, one.

    Examples
    --------
    >>> frames(np.ones(10 * RATE)).shape
    (20, 48000)
    """
    padded = np.pad(samples, (FRAME // 2, 0))
    rest = FRAME - len(padded) if len(padded) < FRAME else -(len(padded) - FRAME) % HOP
    padded = np.pad(padded, (0, rest))
    return np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]


def spectrogram(frame: Float) -> Float:
    """Compute the mel spectrogram of a frame, (256 bands, 199 columns), 0 to -80.

    Examples
    --------
    >>> found = spectrogram(np.sin(np.arange(48_000.0)))
    >>> found.shape, float(found.max()), float(found.min())
    ((256, 199), 0.0, -80.0)
    """
    padded = np.pad(frame, (0, (COLUMNS - 1) * COLUMN + N_FFT - len(frame)))
    bands = magnitudes(padded, hann(N_FFT, sym=False), COLUMN) @ mel_filters(BANDS, N_FFT, RATE, 0.0, RATE / 2)
    levels = 10 * np.log10(np.maximum(bands.T, LEAST))
    found: Float = np.maximum(levels - levels.max(), FLOOR)
    return found
