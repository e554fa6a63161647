"""Twins: a variant's clip beside the baseline's of the same prompt and seed, and whether it became noise, or a drone.

What counts is the difference: rain is noise too, and so is what a good variant makes of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from survey.clips.manifest import Clip, Manifest

WINDOW = 0.093  # seconds; a power of two samples near it, one after the other
BANDS = 32  # equal steps of pitch
LOWEST, HIGHEST = 60.0, 16_000.0  # Hz
FLOOR = 1e-6  # of the strongest band of a clip: 60 dB down

# Found on the embedded model (docs/variants.md has the table): variants that work stay within 3.4 dB, and another seed,
# however little it has in common, within 2.9 dB; white noise in the place of rain is 5.9 dB and 0.78 away.
UNLIKE = 5.0, 0.8  # dB of flatness more or less than the twin's, and the cosine below which that is remarked
COVERED = 10.0, 0.985  # dB more, and the cosine: the twin with as much noise over it

Bands = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Twin:
    """A clip beside its twin, the stimulus `reference`: flatness of both in dB, and the cosine of their spectra."""

    clip: Clip
    reference: str
    flatness: float
    baseline: float
    cosine: float

    @property
    def remark(self) -> str:
        """Say that it is noise where its twin is not, or a drone; empty if it is neither."""
        more = self.flatness - self.baseline
        unlike = abs(more) >= UNLIKE[0] and self.cosine < UNLIKE[1]
        covered = more >= COVERED[0] and self.cosine < COVERED[1]
        if not (unlike or covered):
            return ""
        return (
            f"sounds like {'noise' if more > 0 else 'a drone'} beside {self.reference}: spectral flatness "
            f"{self.flatness:.1f} dB, there {self.baseline:.1f} dB, cosine of the spectra {self.cosine:.2f}; "
            "listen to it before anybody does"
        )


def twins(manifest: Manifest, folder: Path, baseline: str) -> Iterator[Twin]:
    """Compare each clip in `folder` with that of the condition `baseline` of its prompt and seed.

    Clips that cannot be read, are silent, or differ in sample rate are left to the launch gate, which refuses them. Own
    clips have no twin: they do not start from the same noise.
    """
    groups: dict[tuple[str, int], list[Clip]] = {}
    for clip in (clip for clip in manifest.clips if not clip.origin):
        groups.setdefault((clip.prompt_id, clip.seed), []).append(clip)
    for clips in groups.values():
        own = next((clip for clip in clips if clip.condition == baseline), None)
        exact = _read(folder / own.file) if own else None
        if own is None or exact is None:
            continue
        for clip in clips:
            found = _read(folder / clip.file) if clip is not own else None
            if found is not None and found[1] == exact[1]:
                levels = flatness(found[0]), flatness(exact[0])
                yield Twin(clip, own.stimulus, *levels, cosine(found[0], exact[0]))


def _read(path: Path) -> tuple[Bands, int] | None:
    """Bands of a clip and its sample rate; None where there is nothing to compare."""
    try:
        audio, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (OSError, RuntimeError):
        return None
    if not audio.size or not np.isfinite(audio).all() or not audio.any():
        return None
    return bands(audio, rate), rate


def bands(audio: NDArray[Any], rate: int) -> Bands:
    """Power (frames, BANDS) of (samples, channels) in bands of equal steps of pitch, the mean of the channels."""
    size = 2 ** round(np.log2(WINDOW * rate))
    padded = np.pad(audio, ((0, max(0, size - len(audio))), (0, 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)[::size]
    power = (np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2).mean(axis=1)
    edges = np.geomspace(LOWEST, min(HIGHEST, rate / 2), BANDS + 1) * size / rate
    first = np.floor(edges[:-1]).astype(int)
    last = np.minimum(np.maximum(np.floor(edges[1:]).astype(int), first + 1), power.shape[1])
    return np.stack([power[:, a:b].mean(1) for a, b in zip(first, last, strict=True)], axis=1)


def flatness(power: Bands) -> float:
    """Geometric over arithmetic mean of all bands and frames, in dB: 0 for what has no shape in pitch or time.

    Examples
    --------
    >>> round(flatness(np.ones((3, BANDS))), 1), round(flatness(np.array([[1.0, 1.0], [1.0, 97.0]])), 1)
    (0.0, -9.0)
    """
    raised = power + max(FLOOR * power.max(), np.finfo(float).tiny)
    return float(10 * (np.log10(raised).mean() - np.log10(raised.mean())))


def cosine(power: Bands, other: Bands) -> float:
    """Cosine of the magnitudes of two clips over bands and frames, as far as the shorter goes: 1 for the same sound.

    Examples
    --------
    >>> power = np.array([[1.0, 4.0]])
    >>> round(cosine(power, 9 * power), 3), cosine(power, np.array([[0.0, 0.0], [1.0, 1.0]]))
    (1.0, 0.0)
    """
    frames = min(len(power), len(other))
    a, b = np.sqrt(power[:frames]).ravel(), np.sqrt(other[:frames]).ravel()
    norm = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norm) if norm > 0 else 0.0
