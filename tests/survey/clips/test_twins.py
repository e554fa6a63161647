"""A variant's clip beside the baseline's: noise and drones are remarked on, rain and a good variant are not."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from survey.clips.manifest import Clip, Manifest
from survey.clips.twins import Twin, bands, cosine, flatness, twins

RATE, SECONDS = 22_050, 2.0
LENGTH = int(RATE * SECONDS)


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


def tone(rng):
    """Five partials that decay and start again, as a bell does."""
    t = np.arange(LENGTH) / RATE
    pitch = rng.uniform(200, 600)
    return sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 6)) * np.exp(-3 * (t % 0.9))


def clicks(rng):
    sound = np.zeros(LENGTH)
    sound[rng.integers(0, 2000) :: 11_000] = 1
    return np.convolve(sound, rng.standard_normal(400) * np.hanning(400), "same")


def rain(rng):
    return scipy.signal.lfilter([1], [1, -0.93], rng.standard_normal(LENGTH))


def static(rng):
    return rng.standard_normal(LENGTH)


def level(sound, like):
    return sound * np.sqrt((like**2).mean() / (sound**2).mean())


def beside(found, exact):
    power, other = (bands(sound[:, None], RATE) for sound in (found, exact))
    clip = Clip("p1.b.5", "p1", "x", "b", 5, "p1.b.5.flac", "", SECONDS, RATE, 1, 0.0, -20.0)
    return Twin(clip, "p1.a.5", flatness(power), flatness(other), cosine(power, other))


@pytest.mark.parametrize("sound", [tone, clicks, rain])
def test_white_noise_of_equal_loudness_is_remarked_on_with_both_numbers(rng, sound):
    exact = sound(rng)
    twin = beside(level(static(rng), exact), exact)
    assert twin.remark.startswith("sounds like noise beside p1.a.5: ")
    for number in (f"{twin.flatness:.1f} dB", f"{twin.baseline:.1f} dB", f"{twin.cosine:.2f};"):
        assert number in twin.remark


@pytest.mark.parametrize("sound", [tone, clicks])
def test_noise_as_loud_as_the_sound_under_it_is_remarked_on(rng, sound):
    exact = sound(rng)
    assert "noise" in beside(exact + level(static(rng), exact), exact).remark


@pytest.mark.parametrize("sound", [tone, clicks, rain, static])
def test_a_good_variant_is_not(rng, sound):
    """Noise 40 dB down, a change of level, and a sound of the same kind with other numbers drawn."""
    exact = sound(rng)
    assert beside(exact + level(static(rng), exact) / 100, exact).remark == ""
    assert beside(exact * 0.3, exact).remark == ""
    assert beside(level(sound(rng), exact), exact).remark == ""


def test_a_drone_in_the_place_of_a_sound_is_remarked_on(rng):
    exact = rain(rng)
    drone = level(np.sin(2 * np.pi * 80 * np.arange(LENGTH) / RATE), exact)
    assert beside(drone, exact).remark.startswith("sounds like a drone beside p1.a.5: ")


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (22_050, 2), (44_100, 1)])
def test_numbers_are_those_of_the_definition(rng, rate, channels):
    size = {8_000: 1024, 22_050: 2048, 44_100: 4096}[rate]
    window = np.hanning(size)
    tables = []
    for _ in range(2):
        audio = rng.standard_normal((rate, channels)) * rng.uniform(0, 1, (rate, 1))
        _, _, spectra = scipy.signal.stft(
            audio.T, rate, window=window, nperseg=size, noverlap=0, boundary=None, padded=False
        )
        power = (np.abs(spectra) ** 2).mean(0).T * window.sum() ** 2
        edges = [60 * (min(16_000, rate / 2) / 60) ** (k / 32) * size / rate for k in range(33)]
        table = []
        for frame in power:
            row = []
            for k in range(32):
                low = int(edges[k])
                high = min(max(int(edges[k + 1]), low + 1), len(frame))
                row.append(sum(frame[low:high]) / (high - low))
            table.append(row)
        assert bands(audio, rate) == pytest.approx(np.array(table), rel=1e-6)
        tables.append(table)
    first, second = ([value for row in table for value in row] for table in tables)
    floor = 1e-6 * max(first)
    geometric = math.exp(sum(math.log(value + floor) for value in first) / len(first))
    expected = 10 * math.log10(geometric / (sum(first) / len(first) + floor))
    assert flatness(np.array(tables[0])) == pytest.approx(expected, abs=1e-6)
    dot = sum(math.sqrt(a * b) for a, b in zip(first, second, strict=True))
    assert cosine(*map(np.array, tables)) == pytest.approx(dot / math.sqrt(sum(first) * sum(second)), rel=1e-6)


@pytest.mark.parametrize("length", [50, 500, 3000])
def test_clips_shorter_than_a_window_are_compared(rng, length):
    sound = rng.standard_normal((length, 1))
    assert cosine(bands(sound, RATE), bands(sound, RATE)) == pytest.approx(1)
    assert np.isfinite(flatness(bands(sound, RATE)))


def test_each_clip_is_compared_with_the_baseline_of_its_prompt_and_seed(tmp_path: Path, rng):
    sounds = {
        "p1.a.5": tone(rng), "p1.a.6": tone(rng), "p2.a.5": rain(rng),
        "p2.b.5": rain(rng), "p1.b.6": tone(rng), "p3.b.5": static(rng),
    }  # fmt: skip
    sounds["p1.b.5"] = level(static(rng), sounds["p1.a.5"])
    sounds["p2.c.5"] = np.zeros(LENGTH)
    clips = []
    for name, sound in sounds.items():
        prompt, condition, number = name.split(".")
        path = tmp_path / f"{name}.flac"
        soundfile.write(path, sound / max(np.abs(sound).max(), 1), RATE)
        clips.append(Clip(name, prompt, prompt, condition, int(number), path.name, "", SECONDS, RATE, 1, 0.0, -20.0))
    clips.append(Clip("p1.c.5", "p1", "p1", "c", 5, "gone.flac", "", SECONDS, RATE, 1, 0.0, -20.0))
    found = list(twins(Manifest("s", "m", "0", {}, {}, tuple(clips)), tmp_path, "a"))
    assert {(twin.clip.stimulus, twin.reference) for twin in found} == {
        ("p1.b.5", "p1.a.5"), ("p1.b.6", "p1.a.6"), ("p2.b.5", "p2.a.5")
    }  # fmt: skip
    assert [twin.clip.stimulus for twin in found if twin.remark] == ["p1.b.5"]
