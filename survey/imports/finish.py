"""Finish: the clips of one prompt at one loudness, of one length, in files of one size."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from survey.clips.level import loudness, true_peak
from survey.clips.sizes import equal_sizes
from survey.imports.decode import Audio

PEAK = -1.0  # dBTP that no clip may pass: EBU R 128
FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A clip's file, FLAC of 16 bits, what was done to it, and what it measures now.

    `gain` is in dB, `lowered` what of it is owed to the peaks of the block; `padded` is silence at the end, in seconds.
    """

    content: bytes
    gain: float
    lowered: float
    padded: float
    seconds: float
    loudness: float
    peak: float


def finish(sounds: Sequence[Audio], rate: int, target: float | None) -> list[Finished]:
    """Align sounds, each (samples, channels), that are compared with each other.

    Every one is brought to `target` LUFS; if one would then pass -1 dBTP, all are lowered by what that one is too high.
    Shorter ones get silence at their end.

    Parameters
    ----------
    target
        None leaves the loudness as it is.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 500 * np.arange(16000) / 16000)[:, None].astype(np.float32)
    >>> loud, soft = finish([0.5 * tone, 0.05 * tone[:8000]], 16000, -30.0)
    >>> round(loud.loudness), round(soft.loudness), loud.seconds, soft.padded, len(loud.content) == len(soft.content)
    (-30, -30, 1.0, 0.5, True)
    """
    length = max(map(len, sounds), default=0)
    # Padded before they are measured: blocks that are partly silent count, and are heard.
    padded = [np.pad(sound, ((0, length - len(sound)), (0, 0))) for sound in sounds]
    levels = [loudness(sound, rate) for sound in padded]
    peaks = [true_peak(sound, rate) for sound in padded]
    gains, lowered = _gains(levels, peaks, target)
    made = [_pcm(sound * np.float32(10 ** (gain / 20))) for sound, gain in zip(padded, gains, strict=True)]
    files = equal_sizes([_flac(samples, rate) for samples in made])
    return [
        Finished(content, gain, lowered, (length - len(sound)) / rate, length / rate, level + gain, peak + gain)
        for content, gain, sound, level, peak in zip(files, gains, sounds, levels, peaks, strict=True)
    ]


def _gains(levels: Sequence[float], peaks: Sequence[float], target: float | None) -> tuple[list[float], float]:
    """Return the gain of each sound, and by how much all of them were lowered for their peaks (dB)."""
    if target is None:
        return [0.0] * len(levels), 0.0
    gains = [target - level if np.isfinite(level) else 0.0 for level in levels]
    highest = max((peak + gain for peak, gain in zip(peaks, gains, strict=True)), default=PEAK)
    lowered = max(0.0, highest - PEAK)
    return [gain - lowered for gain in gains], lowered


def _pcm(audio: Audio) -> NDArray[np.int16]:
    """Round to 16 bits; what was 16 bits before, and got no gain, stays what it was."""
    samples: NDArray[np.int16] = (
        np.rint(audio * np.float32(FULL_SCALE)).clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    )
    return samples


def _flac(samples: NDArray[np.int16], rate: int) -> bytes:
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, rate, format="FLAC", subtype="PCM_16")
    return encoded.getvalue()
