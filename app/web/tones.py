"""Sounds made in code: the notes of the volume page, the headphone check, and tones to be counted."""

import io
from functools import lru_cache

import numpy as np
import soundfile
from numpy.typing import NDArray

from quant.rendering.loudness import loudness as loudness_of

Sound = NDArray[np.float64]

RATE = 44_100
HUGGINS_HZ, HUGGINS_WIDTH = 600.0, 0.06
QUIETER_DB = -6.0


def to_flac(sound: Sound, loudness: float | None = None) -> bytes:
    """Encode (samples, 2) as FLAC, at a loudness in LUFS or at the level of a soft clip."""
    level = loudness_of(sound, RATE, full_scale=1.0)
    gain = 10 ** ((loudness - level) / 20) if loudness is not None else 1.0
    file = io.BytesIO()
    soundfile.write(file, sound * min(gain, 0.9 / np.abs(sound).max()), RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


@lru_cache(maxsize=8)
def sound_check_flac(loudness: int) -> bytes:
    """Render three soft notes on the left, the same on the right and in both, at this loudness in LUFS."""
    notes = np.concatenate([_note(frequency) for frequency in (392.0, 493.88, 587.33)])
    silent = np.zeros_like(notes)
    sides = ((notes, silent), (silent, notes), (notes, notes))
    return to_flac(np.concatenate([np.stack(pair, axis=1) for pair in sides]), loudness)


@lru_cache(maxsize=64)
def headphone_flac(kind: str, right: int, seed: int, loudness: int) -> bytes:
    """Render three sounds of which the one at `right` (0 to 2) is another, as headphones alone let one hear.

    `antiphase` (Woods et al. 2017): tones of 200 Hz of which one is quieter; another is in opposite phase in both
    ears, so that from loudspeakers it cancels out and seems the quietest. `huggins` (Milne et al. 2021): noise of
    which one has a phase shift in a narrow band between the ears, heard as a faint pitch by both ears together.
    """
    rng = np.random.default_rng(seed)
    if kind == "antiphase":
        decoy = (right + int(rng.integers(1, 3))) % 3
        tone = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE) * _ramps(RATE, 0.1)
        sounds = [np.stack([tone, -tone if place == decoy else tone], axis=1) for place in range(3)]
        sounds[right] = sounds[right] * 10 ** (QUIETER_DB / 20)
    else:
        sounds = [_noise(rng, pitch=place == right) for place in range(3)]
    pause = np.zeros((RATE // 2, 2))
    return to_flac(np.concatenate([sounds[0], pause, sounds[1], pause, sounds[2]]), loudness)


def counted_tones(count: int, loudness: float) -> bytes:
    """Render as many tones as are to be answered."""
    pause = np.zeros((RATE // 4, 2))
    tone = np.repeat(_note(523.25)[:, None], 2, axis=1)
    return to_flac(np.concatenate([pause, *([tone, pause] * count)]), loudness)


def _noise(rng: np.random.Generator, pitch: bool) -> Sound:
    """A second of noise in both ears; with a `pitch`, the phase between them turns once round in a narrow band."""
    left = rng.standard_normal(RATE)
    spectrum = np.fft.rfft(left)
    frequency = np.fft.rfftfreq(RATE, 1 / RATE)
    low, high = HUGGINS_HZ * (1 - HUGGINS_WIDTH), HUGGINS_HZ * (1 + HUGGINS_WIDTH)
    turn = 2 * np.pi * np.clip((frequency - low) / (high - low), 0, 1)
    right = np.fft.irfft(spectrum * np.exp(1j * turn), RATE) if pitch else left
    return np.stack([left, right], axis=1) * _ramps(RATE, 0.1)[:, None]


def _ramps(samples: int, seconds: float) -> Sound:
    """Rise and fall of a sound."""
    time = np.arange(samples) / RATE
    return np.minimum(1, np.minimum(time, time[::-1]) / seconds)


def _note(frequency: float) -> Sound:
    time = np.arange(int(0.4 * RATE)) / RATE
    envelope = np.minimum(time / 0.02, 1) * np.exp(-5 * time) * np.minimum((0.4 - time) / 0.02, 1)
    wave = np.sin(2 * np.pi * frequency * time) + 0.3 * np.sin(4 * np.pi * frequency * time)
    tone: Sound = envelope * wave
    return tone
