"""Instruments: functions that render ten random seconds of a kind of sound from freely licensed sources.

Sources are two SoundFonts (MIT), two CC0 recordings and signals computed here; they are read at training time
from where Debian's packages put them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from quant.errors import SoundSourceError

SAMPLE_RATE = 22050
SECONDS = 10.0
LENGTH = int(SAMPLE_RATE * SECONDS)

Audio = NDArray[np.float32]
Rng = np.random.Generator
Render = Callable[[Rng], Audio]

SOUNDFONTS = Path("/usr/share/sounds/sf2")
SAMPLES = Path("/usr/share/sonic-pi/samples")
GS, GM = "FluidR3_GS.sf2", "FluidR3_GM.sf2"
PACKAGES = "fluid-soundfont-gs fluid-soundfont-gm sonic-pi-samples"


@cache
def _synth(font: str) -> tuple[Any, int]:
    path = SOUNDFONTS / font
    if not path.is_file():
        raise SoundSourceError(f"{path}: no such SoundFont; install it with: apt-get install {PACKAGES}")
    try:
        import tinysoundfont  # a tool of training alone
    except ImportError as error:
        raise SoundSourceError(
            "tinysoundfont, which plays the SoundFonts, is not installed; run: pip install tinysoundfont"
        ) from error
    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
    return synth, synth.sfload(str(path))


def _notes(font: str, bank: int, program: int, notes: list[tuple[float, float, int, int]]) -> Audio:
    """Play ``notes`` (start s, length s, key, velocity) on one preset: LENGTH samples of mono."""
    synth, number = _synth(font)
    synth.sounds_off()
    synth.program_select(0, number, bank, program, bank == 128)
    moments = [(start, 1, key, velocity) for start, _, key, velocity in notes]
    moments += [(start + length, 0, key, 0) for start, length, key, _ in notes]
    out: list[Audio] = []
    done = 0
    for when, on, key, velocity in [*sorted(moments), (SECONDS, 0, 0, 0)]:
        upto = min(int(when * SAMPLE_RATE), LENGTH)
        if upto > done:
            block = np.frombuffer(bytes(synth.generate(upto - done)), dtype=np.float32)
            out.append(block.reshape(-1, 2).mean(1))
            done = upto
        if on:
            synth.noteon(0, key, velocity)
        elif when < SECONDS:
            synth.noteoff(0, key)
    synth.sounds_off()
    return np.concatenate(out)


def texture(bank: int, program: int, keys: tuple[int, int] = (56, 65), voices: int = 2, font: str = GS) -> Render:
    """Sound that goes on for the whole clip: held notes, a little apart in pitch and start."""

    def render(rng: Rng) -> Audio:
        notes = [(0.0, SECONDS, int(rng.integers(*keys)), int(rng.integers(80, 120)))]
        for _ in range(int(rng.integers(0, voices))):
            notes.append((float(rng.uniform(0, 2)), SECONDS, int(rng.integers(*keys)), int(rng.integers(50, 100))))
        return _notes(font, bank, program, notes)

    return render


def events(
    bank: int,
    program: int,
    gap: tuple[float, float],
    keys: tuple[int, int] = (56, 65),
    length: float = 2.0,
    font: str = GS,
) -> Render:
    """Play a one-shot sound again and again, ``gap`` seconds apart."""

    def render(rng: Rng) -> Audio:
        key, pace = int(rng.integers(*keys)), float(rng.uniform(*gap))
        start, notes = float(rng.uniform(0, min(pace, 1.0))), []
        while start < SECONDS - 0.3:
            notes.append((start, length, key + int(rng.integers(-1, 2)), int(rng.integers(85, 125))))
            start += pace * float(rng.uniform(0.85, 1.15))
        return _notes(font, bank, program, notes)

    return render


def music(program: int, keys: tuple[int, int], pace: tuple[float, float], chord: bool = False) -> Render:
    """Improvise on a General MIDI instrument in a random major or minor scale."""

    def render(rng: Rng) -> Audio:
        steps = [0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10]
        root = int(rng.integers(0, 12))
        scale = [k for k in range(*keys) if (k - root) % 12 in steps]
        beat, at, position, notes = float(rng.uniform(*pace)), 0.0, len(scale) // 2, []
        while at < SECONDS - 0.2:
            position = int(np.clip(position + rng.integers(-3, 4), 0, len(scale) - 1))
            length = beat * float(rng.choice([1, 1, 2]))
            for offset in (0, 2, 4) if chord else (0,):
                key = scale[min(position + offset, len(scale) - 1)]
                notes.append((at, length * 0.95, key, int(rng.integers(75, 115))))
            at += length
        return _notes(GM, 0, program, notes)

    return render


def drums(rng: Rng) -> Audio:
    """Play a drum kit: kick, snare and hi-hat in a random pattern of sixteen steps."""
    step = float(rng.uniform(0.11, 0.17))
    kick, snare = [0, 8] + [int(k) for k in rng.choice([3, 6, 10, 11, 14], 2, replace=False)], [4, 12]
    notes = []
    for index in range(int(SECONDS / step)):
        at, place = index * step, index % 16
        for key, hit in ((36, place in kick), (38, place in snare), (42, place % 2 == 0)):
            if hit:
                notes.append((at, 0.1, key, int(rng.integers(85, 120))))
    return _notes(GM, 128, 0, notes)


@cache
def _sample(name: str) -> Audio:
    path = SAMPLES / name
    if not path.is_file():
        raise SoundSourceError(f"{path}: no such sample; install it with: apt-get install {PACKAGES}")
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(resample_poly(audio.mean(1), SAMPLE_RATE, rate), dtype=np.float32)


def sampled(names: tuple[str, ...], gap: tuple[float, float]) -> Render:
    """Play recordings of the sonic-pi collection again and again, ``gap`` seconds apart, pitch varied."""

    def render(rng: Rng) -> Audio:
        out, at = np.zeros(LENGTH, np.float32), float(rng.uniform(0, 0.5))
        pace, rate = float(rng.uniform(*gap)), int(rng.integers(88, 114))
        while at < SECONDS - 0.2:
            hit = resample_poly(_sample(str(rng.choice(names))), 100, rate).astype(np.float32)
            start = int(at * SAMPLE_RATE)
            out[start : start + len(hit)] += hit[: LENGTH - start] * float(rng.uniform(0.6, 1.0))
            at += pace * float(rng.uniform(0.9, 1.1))
        return out

    return render


def _clock() -> NDArray[np.float64]:
    return np.arange(LENGTH) / SAMPLE_RATE


def ticking(rng: Rng) -> Audio:
    """Compute a clock: tick and tock, short resonant clicks at an even pace."""
    pace, pitch = float(rng.uniform(0.4, 0.7)), float(rng.uniform(1800, 3200))
    out, t = np.zeros(LENGTH), np.arange(int(0.05 * SAMPLE_RATE)) / SAMPLE_RATE
    for index, at in enumerate(np.arange(rng.uniform(0, pace), SECONDS - 0.06, pace)):
        tone = np.sin(2 * np.pi * pitch * (1.0 if index % 2 else 0.8) * t) + 0.5 * rng.standard_normal(len(t))
        start = int(at * SAMPLE_RATE)
        out[start : start + len(t)] += tone * np.exp(-t / 0.006)
    return out.astype(np.float32)


def alarm(rng: Rng) -> Audio:
    """Compute an alarm clock: groups of square-wave beeps."""
    pitch, beep, count = (
        float(rng.uniform(1200, 2600)),
        float(rng.uniform(0.06, 0.14)),
        int(rng.integers(2, 5)),
    )
    period = beep * 2 * count + float(rng.uniform(0.3, 0.6))
    t = _clock()
    phase = t % period
    gate = (phase < beep * 2 * count) & ((phase % (2 * beep)) < beep)
    square = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in (1, 3, 5) if pitch * k < SAMPLE_RATE / 2)
    return (gate * square).astype(np.float32)


def static(rng: Rng) -> Audio:
    """Compute radio static: white noise with a slow tremble and crackles."""
    noise = rng.standard_normal(LENGTH)
    tremble = 1 + 0.3 * np.sin(2 * np.pi * float(rng.uniform(0.2, 1)) * _clock() + rng.uniform(0, 6))
    crackle = (rng.random(LENGTH) < 2e-4) * rng.standard_normal(LENGTH) * 6
    return (noise * tremble + crackle).astype(np.float32)


def humming(rng: Rng) -> Audio:
    """Compute an electrical hum: mains frequency and its harmonics."""
    base = float(rng.choice([50.0, 60.0])) * float(rng.choice([1, 2]))
    weights = rng.uniform(0.2, 1.0, 8) / np.arange(1, 9) ** 0.7
    t = _clock()
    return sum(w * np.sin(2 * np.pi * base * (k + 1) * t) for k, w in enumerate(weights)).astype(np.float32)


def far_away(audio: Audio, rng: Rng) -> Audio:
    """Put a sound at a distance: a low-pass filter and a diffuse tail of 0.6-1.2 s."""
    sos = butter(2, float(rng.uniform(900, 1600)), fs=SAMPLE_RATE, output="sos")
    tail = np.exp(-np.arange(int(float(rng.uniform(0.6, 1.2)) * SAMPLE_RATE)) / (0.2 * SAMPLE_RATE))
    reverb = fftconvolve(audio, tail * rng.standard_normal(len(tail)) / np.sqrt(tail.sum()))[:LENGTH]
    return np.asarray(sosfilt(sos, audio + 0.5 * reverb), dtype=np.float32)
