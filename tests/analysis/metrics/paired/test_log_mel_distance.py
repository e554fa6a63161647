"""The log-mel distance against float64 loops."""

import math

import numpy as np
import pytest
import soxr

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.paired.log_mel_distance import LOG_MEL_DISTANCE, distance

RATE, WINDOW, HOP, BANDS = 44_100, 2048, 512, 128


def mel(hertz):
    """Slaney's scale: linear to 1 kHz, logarithmic above."""
    return hertz / (200 / 3) if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def hertz(mels):
    return mels * 200 / 3 if mels < 15 else 1000 * math.exp(math.log(6.4) * (mels - 15) / 27)


def decibels(samples):
    """Log-mel spectrum, window by window and band by band."""
    edges = [hertz(one) for one in np.linspace(mel(20), mel(RATE / 2), BANDS + 2)]
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * index / WINDOW) for index in range(WINDOW)])
    rows = []
    for start in range(0, max(len(samples), WINDOW) - WINDOW + 1, HOP):
        frame = np.zeros(WINDOW)
        some = samples[start : start + WINDOW]
        frame[: len(some)] = some
        power = np.abs(np.fft.fft(frame * window))[: WINDOW // 2 + 1] ** 2
        row = []
        for band in range(BANDS):
            low, middle, high = edges[band : band + 3]
            total = 0.0
            for index, one in enumerate(power):
                at = index * RATE / WINDOW
                total += one * max(0.0, min((at - low) / (middle - low), (high - at) / (high - middle)))
            row.append(10 * math.log10(total * 2 / (high - low) + 1e-20))
        rows.append(row)
    return rows


def by_loops(sound, twin):
    one, other = decibels(sound), decibels(twin)
    floor = max(max(row) for row in other) - 80
    squares = [
        (max(a, floor) - max(b, floor)) ** 2
        for row, row_of_twin in zip(one, other, strict=False)
        for a, b in zip(row, row_of_twin, strict=True)
    ]
    return math.sqrt(math.fsum(squares) / len(squares))


def audio(*channels, rate=RATE):
    return Audio(np.stack(channels, axis=1).astype(np.float32), rate)


@pytest.mark.parametrize(("frames", "frames_of_twin"), [(3000, 3600), (1000, 2048)])
def test_it_is_that_of_loops(seed, frames, frames_of_twin):
    draw = np.random.default_rng(seed)
    tone = np.sin(2 * np.pi * 700 * np.arange(4000) / RATE)
    sound = (tone[:frames] + 0.01 * draw.standard_normal(frames)).astype(np.float32)
    twin = (tone[:frames_of_twin] + 1e-5 * draw.standard_normal(frames_of_twin)).astype(np.float32)
    assert distance(audio(sound), audio(twin)) == pytest.approx(by_loops(sound, twin), abs=1e-6)


def test_channels_are_averaged_and_other_rates_resampled(seed):
    left, right, twin = np.random.default_rng(seed).standard_normal((3, 9600)).astype(np.float32) / 5
    expected = distance(audio((left + right) / 2), audio(twin))
    assert distance(audio(left, right), audio(twin)) == pytest.approx(expected, abs=1e-4)
    brought = soxr.resample(left, 48_000, RATE, quality="VHQ")
    assert distance(audio(left, rate=48_000), audio(twin)) == pytest.approx(
        distance(audio(brought), audio(twin)), abs=1e-4
    )


def test_silence_is_as_far_as_the_floor_and_no_twin(seed, pair):
    noise = np.random.default_rng(seed).standard_normal((4096, 1)) / 10
    silence = Audio(np.zeros((4096, 1), dtype=np.float32), RATE)
    assert 40 < distance(silence, Audio(noise.astype(np.float32), RATE)) <= 80
    with pytest.raises(NoValueError, match="its full-precision twin is silent"):
        distance(Audio(noise.astype(np.float32), RATE), silence)
    clip, given = pair(noise / 2, noise, RATE)
    assert LOG_MEL_DISTANCE.of_clip(clip, given) == pytest.approx(20 * math.log10(2), abs=0.01)  # 16 bits
