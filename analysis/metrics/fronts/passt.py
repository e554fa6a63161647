"""PaSST's front end: what hear21passt and stable-audio-metrics make of a clip, in float64.

32 kHz by soxr HQ, mono as the mean of the channels, peak at -1 dB of full scale; windows of 10 s each 5 s, those above
1.5 s filled with zeros. Of each: pre-emphasis x[t + 1] - 0.97 x[t]; power spectra of 1,024 points under a symmetric
Hann window of 800, each 320 samples, centred, with reflected ends; 128 of Kaldi's mel bands from 0 to 15,000 Hz;
(ln(x + 1e-5) + 4.5) / 5. A window of 10 s gives 1,000 columns. Source: hear21passt 0.0.26 (``AugmentMelSTFT`` in its
evaluation mode) and ``src/passt_kld.py`` of stable-audio-metrics.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal.windows import hann

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio, Samples
from analysis.metrics.basis.spectra import Float, magnitudes, mel_filters

RATE, SECONDS = 32_000, 10
WINDOW, STEP, FILLED_ABOVE = 320_000, 160_000, 48_000
N_FFT, HANN, HOP, BANDS, HIGHEST = 1024, 800, 320, 128, 15_000.0
PATCH = 16
SHORTEST = (PATCH - 1) * HOP + 1


def prepare(audio: Audio) -> Samples:
    """Give a clip as the network wants it: 32 kHz, mono, peak at -1 dB; a silent one stays silent.

    Examples
    --------
    >>> round(float(prepare(Audio(np.full((64_000, 2), 0.1, dtype=np.float32), 64_000)).max()), 2)
    0.89
    """
    mono = audio.at(RATE, "HQ").mono()
    return Audio(mono[:, None], RATE).normalized(-1.0).samples[:, 0]


def windows(samples: Samples) -> list[Samples]:
    """Cut into windows of 10 s each 5 s: one for 10 s and less, two for a little more.

    A sound of 1.5 s and less is the one window, not filled: stable-audio-metrics says that it drops those, and hears
    them as they are.

    Raises
    ------
    NoValueError
        If it is shorter than one patch of the spectrogram, 0.15 s.

    Examples
    --------
    >>> [len(windows(np.zeros(seconds * RATE, dtype=np.float32))) for seconds in (1, 10, 11, 20)]
    [1, 1, 2, 3]
    >>> len(windows(np.zeros(RATE, dtype=np.float32))[0]) == RATE
    True
    """
    if len(samples) < SHORTEST:
        least = f"{SHORTEST / RATE:.2f} s, one patch of PaSST's spectrogram"
        raise NoValueError(f"a clip of {len(samples) / RATE:.2f} s is shorter than {least}")
    if len(samples) <= FILLED_ABOVE:
        return [samples]
    starts = range(0, max(STEP, len(samples) - STEP), STEP)
    pieces = [samples[start : start + WINDOW] for start in starts]
    return [np.pad(piece, (0, WINDOW - len(piece))) for piece in pieces]


def spectrogram(window: NDArray[np.floating]) -> Float:
    """Compute the mel spectrogram of a window, (128 bands, columns).

    Examples
    --------
    >>> spectrogram(np.zeros(WINDOW)).shape
    (128, 1000)
    """
    wide = window.astype(np.float64)
    sharpened = wide[1:] - 0.97 * wide[:-1]
    # The spectrum's window stands in the middle of its 1,024 points: what it leaves out at both ends is not needed.
    ends = N_FFT // 2 - (N_FFT - HANN) // 2
    power = magnitudes(np.pad(sharpened, ends, mode="reflect"), hann(HANN, sym=True), HOP, N_FFT) ** 2
    bands = power @ mel_filters(BANDS, N_FFT, RATE, 0.0, HIGHEST, "kaldi")
    found: Float = (np.log(bands.T + 1e-5) + 4.5) / 5
    return found
