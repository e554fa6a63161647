"""Audio: a clip's samples as a metric wants them: finite, of a rate, of so many channels, of a peak."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from analysis.errors import SoundError

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Audio:
    """Samples (samples, channels), float32 with full scale at 1, and their rate in Hz.

    Examples
    --------
    >>> Audio(np.zeros((4, 2), dtype=np.float32), 2).seconds
    2.0
    """

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate

    @property
    def silent(self) -> bool:
        """Whether every sample is zero."""
        return not self.samples.any()

    def mono(self) -> Samples:
        """The mean of the channels, (samples,).

        Examples
        --------
        >>> Audio(np.array([[1.0, 0.0]], dtype=np.float32), 1).mono().tolist()
        [0.5]
        """
        mean: Samples = self.samples.mean(axis=1, dtype=np.float32)
        return mean

    def at(self, rate: int, quality: Literal["VHQ", "HQ"] = "VHQ") -> Audio:
        """The same sound at another rate, by soxr at very high quality; itself where the rate is its own.

        HQ is what librosa and soxr take if nothing is said, and so what published front ends heard: its transition band
        is wider, which between 44.1, 48 and 32 kHz is 42 dB below white noise.

        Examples
        --------
        >>> Audio(np.zeros((100, 1), dtype=np.float32), 100).at(50).samples.shape
        (50, 1)
        """
        if rate == self.rate:
            return self
        return Audio(soxr.resample(self.samples, self.rate, rate, quality=quality).astype(np.float32), rate)

    def normalized(self, peak_db: float = -1.0) -> Audio:
        """The same sound with its peak at so many decibels of full scale; silence stays silence.

        Examples
        --------
        >>> round(float(Audio(np.array([[0.1]], dtype=np.float32), 1).normalized(-6.0).samples[0, 0]), 4)
        0.5012
        """
        peak = float(np.abs(self.samples).max(initial=0.0))
        if peak == 0:
            return self
        return Audio((self.samples * (10 ** (peak_db / 20) / peak)).astype(np.float32), self.rate)


def read_audio(path: Path) -> Audio:
    """Read a file.

    Raises
    ------
    SoundError
        If it cannot be read, is empty, or holds NaN or infinity; it names the file and the remedy.

    Examples
    --------
    >>> soundfile.write("clip.wav", np.zeros((8, 1)), 8)
    >>> read_audio(Path("clip.wav")).seconds
    1.0
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise SoundError(f"{path}: cannot be read ({error}); replace or remove it") from error
    if not len(samples):
        raise SoundError(f"{path}: holds no sample; replace or remove it")
    if not np.isfinite(samples).all():
        raise SoundError(f"{path}: holds NaN or infinity; replace or remove it")
    return Audio(samples, int(rate))
