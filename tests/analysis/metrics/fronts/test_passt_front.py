"""PaSST's front end, held to loops over samples and to a Fourier sum in float64."""

import numpy as np
import pytest
from scipy.special import expit

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.fronts.passt import RATE, WINDOW, prepare, spectrogram, windows


def kaldi_banks() -> np.ndarray:
    """Triangles over mel = 1127 ln(1 + f / 700), (128, 513), band by band and bin by bin."""

    def mel(hertz):
        return 1127 * np.log(1 + hertz / 700)

    edges = [mel(0) + k * (mel(15_000) - mel(0)) / 129 for k in range(130)]
    banks = np.zeros((128, 513))
    for band in range(128):
        left, centre, right = edges[band : band + 3]
        for place in range(513):
            here = mel(place * 32_000 / 1024)
            banks[band, place] = max(0.0, min((here - left) / (centre - left), (right - here) / (right - centre)))
    return banks


def by_loops(samples: np.ndarray) -> np.ndarray:
    """Pre-emphasis, centred frames with reflected ends, a Fourier sum, Kaldi's bands, logarithm and scale."""
    x = [float(samples[t + 1]) - 0.97 * float(samples[t]) for t in range(len(samples) - 1)]

    def at(t):
        t = -t if t < 0 else t
        return x[2 * (len(x) - 1) - t if t >= len(x) else t]

    hann = [0.5 - 0.5 * np.cos(2 * np.pi * k / 799) for k in range(800)]
    waves = np.exp(-2j * np.pi * np.outer(np.arange(1024), np.arange(513)) / 1024)
    columns = []
    for frame in range(1 + len(x) // 320):
        around = np.zeros(1024)
        for k in range(800):
            around[112 + k] = hann[k] * at(frame * 320 - 512 + 112 + k)
        columns.append(np.abs(around @ waves) ** 2)
    return (np.log(kaldi_banks() @ np.array(columns).T + 1e-5) + 4.5) / 5


def test_the_spectrogram_is_that_of_the_loops(seed):
    random = np.random.default_rng(seed)
    # Quiet and loud parts, so that what is added before the logarithm counts, too.
    sound = random.standard_normal(9_000) * expit(np.linspace(-12, 3, 9_000))
    found, wanted = spectrogram(sound.astype(np.float32)), by_loops(sound.astype(np.float32))
    assert found.shape == wanted.shape == (128, 29)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    ("seconds", "count"), [(0.2, 1), (1.5, 1), (10, 1), (10.03, 2), (15, 2), (15.01, 3), (20, 3), (20.01, 4), (30, 5)]
)
def test_the_windows_are_those_of_stable_audio_metrics(seconds, count):
    samples = np.arange(1, round(seconds * RATE) + 1, dtype=np.float32)
    cut = windows(samples)
    starts = list(range(0, max(160_000, len(samples) - 160_000), 160_000))
    assert len(cut) == len(starts) == count
    for start, window in zip(starts, cut, strict=True):
        rest = samples[start : start + WINDOW]
        assert (window[: len(rest)] == rest).all()
        assert not window[len(rest) :].any()


def test_ten_seconds_are_one_window_and_a_little_more_two():
    assert [len(windows(np.ones(n, dtype=np.float32))) for n in (320_000, 320_001, 320_960)] == [1, 2, 2]


def test_above_a_second_and_a_half_is_filled_and_below_is_not():
    assert [len(windows(np.ones(n, dtype=np.float32))[0]) for n in (48_000, 48_001)] == [48_000, WINDOW]


def test_a_clip_without_one_patch_has_no_value():
    assert len(windows(np.ones(4_801, dtype=np.float32))) == 1
    assert spectrogram(np.ones(4_801)).shape[1] == 16
    with pytest.raises(NoValueError, match=r"0\.15 s"):
        windows(np.ones(4_800, dtype=np.float32))


def test_a_clip_is_made_mono_and_its_peak_is_one_decibel_below_full_scale(seed):
    stereo = np.random.default_rng(seed).uniform(-0.3, 0.3, (RATE, 2)).astype(np.float32)
    found = prepare(Audio(stereo, RATE))
    mean = stereo.astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(found, mean * 10 ** (-1 / 20) / np.abs(mean).max(), rtol=1e-5, atol=1e-7)


def test_another_rate_keeps_the_sound():
    tone = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)[:, None].astype(np.float32)
    found = prepare(Audio(tone, 48_000))
    assert len(found) == RATE
    wanted = 10 ** (-1 / 20) * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(found[3_000:-3_000], wanted[3_000:-3_000], atol=2e-3)


def test_silence_stays_silence():
    found = prepare(Audio(np.zeros((RATE, 1), dtype=np.float32), RATE))
    assert not found.any()
    np.testing.assert_allclose(spectrogram(found), (np.log(1e-5) + 4.5) / 5)
