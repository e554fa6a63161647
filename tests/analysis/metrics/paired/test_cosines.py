"""sa3.cpp's cosines against loops over integers, and what has none."""

import math

import numpy as np
import pytest

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.paired.cosines import (
    ENVELOPE_COSINE,
    LOG_MAGNITUDE_COSINE,
    envelope_cosine,
    log_magnitude_cosine,
)


def integers(draw, frames):
    """Noise of two channels whose level goes up and down, as a 16-bit file has it."""
    level = 3000 * (1.1 + np.sin(np.arange(frames) / draw.uniform(300, 900)))
    return np.round(level[:, None] * draw.uniform(-1, 1, (frames, 2))).astype(int)


def audio(values):
    return Audio((values / 32768).astype(np.float32), 44_100)


def cosine(one, other):
    length = math.sqrt(math.fsum(a * a for a in one)) * math.sqrt(math.fsum(b * b for b in other))
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / length


def envelope(interleaved):
    return [
        math.sqrt(sum(int(value) ** 2 for value in interleaved[start : start + 2205]) / 2205)
        for start in range(0, len(interleaved) - 2205, 2205)
    ]


def log_magnitudes(interleaved):
    turns = np.outer(np.arange(1025), np.arange(2048)) % 2048
    transform = np.exp(-2j * np.pi * turns / 2048)
    window = [0.5 - 0.5 * math.cos(2 * math.pi * index / 2047) for index in range(2048)]
    found = []
    for start in range(0, len(interleaved) - 2048, 512):
        spectrum = transform @ (interleaved[start : start + 2048] * np.array(window))
        found += [math.log(1 + abs(one)) for one in spectrum]
    return found


@pytest.mark.parametrize("values", [4410, 2048 + 3 * 512, 5001])  # one that ends with a window is left out
def test_they_are_those_of_loops(seed, values):
    draw = np.random.default_rng(seed)
    one, other = integers(draw, -(-values // 2)), integers(draw, 4000)
    flat, flat_other = one.ravel(), other.ravel()[: one.size]
    assert envelope_cosine(audio(one), audio(other)) == pytest.approx(
        cosine(envelope(flat), envelope(flat_other)), abs=1e-10
    )
    assert log_magnitude_cosine(audio(one), audio(other)) == pytest.approx(
        cosine(log_magnitudes(flat), log_magnitudes(flat_other)), abs=1e-10
    )


def test_a_clip_of_another_form_or_none_is_named(seed):
    sound = audio(integers(np.random.default_rng(seed), 3000))
    for metric in (envelope_cosine, log_magnitude_cosine):
        assert metric(sound, sound) == pytest.approx(1)
        mono = Audio(sound.samples[:, :1], 44_100)
        with pytest.raises(NoValueError, match="it has 1 channels at 44100 Hz, its full-precision twin 2 at 44100 Hz"):
            metric(mono, sound)
        with pytest.raises(NoValueError, match="twin 2 at 48000 Hz"):
            metric(sound, Audio(sound.samples, 48_000))
        with pytest.raises(NoValueError, match=r"share 0\.025 s, no envelope"):
            metric(Audio(sound.samples[:1102], 44_100), sound)
        with pytest.raises(NoValueError, match=r"^it is silent$"):
            metric(Audio(0 * sound.samples, 44_100), sound)
        with pytest.raises(NoValueError, match=r"^its full-precision twin is silent$"):
            metric(sound, Audio(0 * sound.samples, 44_100))


def test_clips_are_compared_with_their_twins(seed, pair):
    draw = np.random.default_rng(seed)
    one, other = integers(draw, 3000), integers(draw, 3000)
    clip, given = pair(one / 32768, other / 32768, 44_100)
    assert ENVELOPE_COSINE.of_clip(clip, given) == envelope_cosine(audio(one), audio(other))
    assert LOG_MAGNITUDE_COSINE.of_clip(clip, given) == log_magnitude_cosine(audio(one), audio(other))
