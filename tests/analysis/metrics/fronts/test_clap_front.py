"""The front end of CLAP against loops in float64, and against transformers' own extractor of features."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from transformers import ClapFeatureExtractor

from analysis.metrics.basis.audio import Audio
from analysis.metrics.fronts import clap as front

TOLERANCE = 1e-5
Float = NDArray[np.float64]


def noise(seed: int, samples: int, rate: int = 48_000, channels: int = 1) -> Audio:
    """Brown noise with quiet and silent stretches."""
    generator = np.random.default_rng(seed)
    found = generator.standard_normal((samples, channels)).cumsum(axis=0)
    found = (found - found.mean(axis=0)) * np.linspace(1e-4, 0.01, samples)[:, None]
    found[samples // 3 : samples // 2] = 0
    return Audio(found.astype(np.float32), rate)


def prepared_by_loops(audio: Audio) -> Float:
    """Mono, 48 kHz, peak, 16 bits, sample by sample; products in float32, as numpy has them there."""
    mono = np.array([np.float32(sum(row) / np.float32(len(row))) for row in audio.samples], dtype=np.float32)
    if audio.rate != 48_000:
        length = math.ceil(len(mono) * (48_000 / audio.rate))
        found = soxr.resample(mono, audio.rate, 48_000, quality="HQ")
        mono = np.array([found[i] if i < len(found) else 0 for i in range(length)], dtype=np.float32)
    peak = max(abs(float(x)) for x in mono)
    gain = np.float32(10 ** (-1 / 20) / peak)
    return np.array([math.trunc(float(x * gain * np.float32(32_767))) / 32_767 for x in mono])


def bands_by_loops(samples: Float) -> Float:
    """Mel bands in dB: a Fourier sum each 480 samples, and triangles by their corners."""
    last = len(samples) - 1
    mirrored = np.array([samples[abs(i) if i <= last else 2 * last - i] for i in range(-512, len(samples) + 512)])
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / 1024) for n in range(1024)])
    waves = np.exp(-2j * np.pi * np.outer(np.arange(513), np.arange(1024)) / 1024)
    mel = [2595 * math.log10(1 + hertz / 700) for hertz in (50, 14_000)]
    corners = [700 * (10 ** ((mel[0] + (mel[1] - mel[0]) * i / 65) / 2595) - 1) for i in range(66)]
    triangles = np.zeros((513, 64))
    for line in range(513):
        hertz = line * 48_000 / 1024
        for band in range(64):
            low, centre, high = corners[band : band + 3]
            triangles[line, band] = max(0.0, min((hertz - low) / (centre - low), (high - hertz) / (high - centre)))
    found = []
    for start in range(0, len(samples) + 1, 480):
        power = np.abs(waves @ (window * mirrored[start : start + 1024])) ** 2
        found.append([10 * math.log10(max(band, 1e-10)) for band in power @ triangles])
    return np.array(found)


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (44_100, 2), (22_050, 1)])
def test_samples_are_prepared_as_by_loops(seed, rate, channels) -> None:
    audio = noise(seed, rate // 2 + 7, rate, channels)
    found = front.prepared(audio)
    wanted = prepared_by_loops(audio)
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-7
    assert round(20 * math.log10(np.abs(found).max()), 3) == pytest.approx(-1.0, abs=1e-3)


def test_ten_seconds_of_44_1_khz_end_with_one_zero() -> None:
    ones = Audio(np.ones((441_000, 1), dtype=np.float32), 44_100)
    found = front.prepared(ones)
    assert len(found) == 480_001
    assert found[-1] == 0
    pictures, longer = front.pictures(found)
    assert pictures.shape == (4, 1001, 64)
    assert not longer


def test_bands_are_those_of_loops(seed) -> None:
    samples = front.prepared(noise(seed, 40_000))
    assert np.abs(front.bands(samples) - bands_by_loops(samples.astype(np.float64))).max() < TOLERANCE


@pytest.mark.parametrize("samples", [1, 4_800, 130_001, 239_999, 479_999])
def test_short_clips_are_repeated_whole_then_filled_with_zeros(seed, samples) -> None:
    short = front.prepared(noise(seed, samples))
    pictures, longer = front.pictures(short)
    filled = np.zeros(480_000)
    for start in range(0, 480_000 - samples + 1, samples):
        filled[start : start + samples] = short
    edges = [0, 1, samples // 480, 999, 1000]
    wanted = bands_by_loops(filled[: 480 * 5])[:3]
    assert not longer
    assert np.abs(pictures[0, :3] - wanted).max() < TOLERANCE
    assert np.abs(pictures[0] - front.bands(filled))[edges].max() < TOLERANCE
    assert all(np.array_equal(pictures[0], other) for other in pictures[1:])


@pytest.mark.parametrize("samples", [100_003, 480_000, 480_479])
def test_pictures_are_those_of_transformers_but_for_the_trap(seed, samples) -> None:
    prepared = front.prepared(noise(seed, samples))
    found, longer = front.pictures(prepared)
    extract = ClapFeatureExtractor(frequency_min=50)
    theirs = extract(prepared, sampling_rate=48_000, return_tensors="np")
    assert np.abs(found - theirs["input_features"][0]).max() < TOLERANCE
    assert bool(theirs["is_longer"][0][0]), "their extractor does not mark a single clip as longer any more"
    assert not longer


def test_long_clips_are_shrunk_and_cut_from_each_third(seed) -> None:
    samples = front.prepared(noise(seed, 480 * 1400))
    found, longer = front.pictures(samples)
    whole = front.bands(samples)
    assert longer
    assert len(whole) == 1401
    shrunk = np.empty((1001, 64))
    for row in range(1001):
        at = (row + 0.5) * 1401 / 1001 - 0.5
        before = math.floor(at)
        after = min(before + 1, 1400)
        shrunk[row] = (before + 1 - at) * whole[before] + (at - before) * whole[after]
    assert np.abs(found[0] - shrunk).max() < TOLERANCE
    places = [
        next(start for start in range(401) if np.array_equal(part, whole[start : start + 1001].astype(np.float32)))
        for part in found[1:]
    ]
    assert 0 <= places[0] < 134 <= places[1] < 268 <= places[2] < 401


def test_a_long_clip_is_always_cut_alike_and_another_elsewhere(seed) -> None:
    samples = front.prepared(noise(seed, 1_000_000))
    first, second = (front.pictures(samples)[0] for _ in range(2))
    assert np.array_equal(first, second)
    starts = [front._starts(900, front.prepared(noise(seed + i, 5_000))) for i in range(300)]
    for third, drawn in enumerate(np.array(starts).T):
        assert 300 * third <= drawn.min()
        assert drawn.max() < 300 * third + 300
        # 300 draws of 300 places: the mean of even draws lies within four standard errors.
        assert abs(drawn.mean() - (300 * third + 149.5)) < 4 * 300 / math.sqrt(12 * 300)


@pytest.mark.parametrize("windows", [1, 2])
def test_a_clip_with_too_few_places_for_three_parts_begins_at_the_first(windows, seed) -> None:
    samples = front.prepared(noise(seed, 480_000 + 480 * windows))
    found, longer = front.pictures(samples)
    assert longer
    assert np.array_equal(found[1], front.bands(samples)[:1001].astype(np.float32))
    assert found.shape == (4, 1001, 64)


def test_silence_is_heard_as_silence() -> None:
    silence = Audio(np.zeros((4_410, 2), dtype=np.float32), 44_100)
    pictures, longer = front.pictures(front.prepared(silence))
    assert not longer
    assert (pictures == -100).all()
