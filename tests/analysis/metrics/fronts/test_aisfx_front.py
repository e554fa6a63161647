"""aisfx's spectrogram: against its definition written out in float64, and against Essentia's own numbers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.fronts.aisfx import LOUDEST, blocks_of, spectrogram

# Of MelBands and FrameCutter of essentia 2.1b6.dev1389, as the wheel of aisfx 0.1.2 calls them, by frame and band.
ESSENTIA = {
    (0, 0): 6.319340229034424,
    (0, 10): 6.1549973487854,
    (1, 5): 4.918990135192871,
    (10, 20): 0.0023668163921684027,
    (20, 37): 0.0027264319360256195,
    (30, 60): 0.0009094565757550299,
    (47, 64): 6.703080654144287,
    (47, 95): 2.7142879962921143,
}


def test_it_is_essentias():
    t = np.arange(48_000) / 44_100
    sound = 0.4 * np.sin(2 * np.pi * (200 * t + 3000 * t**2)) + 0.05 * np.sin(2 * np.pi * 9000 * t)
    found = spectrogram(Audio(sound.astype(np.float32)[:, None], 44_100))
    assert found.shape == (48, 96)
    for (frame, band), value in ESSENTIA.items():
        assert_allclose(found[frame, band], value / LOUDEST, rtol=0, atol=1e-5)


def by_loops(samples: np.ndarray, frame: int) -> np.ndarray:
    """Give one frame of the spectrogram, as its docstring says it."""
    around = np.concatenate([np.zeros(1024), samples, np.zeros(4096)])[frame * 1024 : frame * 1024 + 2048]
    windowed = [value * (0.5 - 0.5 * np.cos(2 * np.pi * i / 2047)) for i, value in enumerate(around)]
    turns = np.exp(-2j * np.pi * np.outer(np.arange(1025), np.arange(2048)) / 2048)
    power = np.abs(turns @ np.array(windowed)) ** 2

    def mel(hertz: float) -> float:
        return 2595 * np.log10(1 + hertz / 700)

    points = [mel(22_050) * i / 97 for i in range(98)]
    found = []
    for low, middle, high in zip(points, points[1:], points[2:], strict=False):
        total = weights = 0.0
        for k in range(1025):
            at = mel(k * 44_100 / 2048)
            weight = (at - low) / (middle - low) if low <= at < middle else (high - at) / (high - middle)
            if low <= at < high:
                total, weights = total + weight * power[k], weights + weight
        found.append(np.log10(10_000 * total / weights + 1) / 9.457798957824707)
    return np.array(found)


def test_it_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    samples = (rng.normal(size=(int(rng.integers(5000, 9000)), 2)) * 10 ** rng.uniform(-4, 0)).astype(np.float32)
    found = spectrogram(Audio(samples, 44_100))
    assert len(found) == -(-len(samples) // 1024) + 1
    mono = samples.astype(np.float64).mean(axis=1)
    for frame in (0, 1, int(rng.integers(2, len(found) - 1)), len(found) - 1):
        assert_allclose(found[frame], by_loops(mono, frame), rtol=1e-5, atol=1e-9)


def test_loudness_is_part_of_it_and_silence_is_zero(seed):
    noise = np.random.default_rng(seed).normal(size=(9000, 1)).astype(np.float32) / 10
    assert (spectrogram(Audio(noise, 44_100)) > spectrogram(Audio(noise / 10, 44_100))).all()
    assert not spectrogram(Audio(np.zeros((9000, 1), np.float32), 44_100)).any()


@pytest.mark.parametrize(("frames", "blocks"), [(51, 1), (99, 1), (100, 1), (149, 1), (150, 2), (432, 7)])
def test_blocks_are_full_but_for_a_clip_shorter_than_one(seed, frames, blocks):
    spectra = np.random.default_rng(seed).normal(size=(frames, 96))
    found = blocks_of(spectra)
    assert found.shape == (blocks, 1, 100, 96)
    for block in range(blocks):
        expected = np.zeros((100, 96))
        part = spectra[block * 50 : block * 50 + 100]
        expected[: len(part)] = part
        assert_allclose(found[block, 0], expected, rtol=1e-6)


def test_half_a_block_is_too_short_to_be_heard():
    with pytest.raises(NoValueError, match=r"too short for aisfx, which hears 1\.2 s"):
        blocks_of(np.zeros((50, 96)))
