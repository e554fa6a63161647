"""OpenL3's front end, held to loops over samples and to a Fourier sum in float64."""

import numpy as np
import pytest

from analysis.metrics.basis.audio import Audio
from analysis.metrics.fronts.openl3 import channels, frames, kaiser_best, spectrogram


def resampled_by_loops(x: np.ndarray, rate: int, to: int) -> np.ndarray:
    """Band-limited interpolation after Smith (1984) as resampy 0.2.2 goes through it, output by output, tap by tap."""
    roll_off, crossings, fineness = 0.9475937167399596, 64, 512
    points = crossings * fineness
    k = np.arange(points + 1)
    taper = np.i0(14.769656459379492 * np.sqrt(1 - (k / points) ** 2)) / np.i0(14.769656459379492)
    half = (roll_off * np.sinc(roll_off * k / fineness) * taper).tolist()
    steps = [*np.diff(half), 0.0]
    y = np.zeros(int(len(x) * (to / rate)))
    for t in range(len(y)):
        n, rest = divmod(t * rate, to)
        for side, fraction in ((-1, rest / to), (1, 1 - rest / to)):
            place = fraction * fineness
            offset = int(place)
            for i in range((len(half) - offset) // fineness):
                source = n - i if side < 0 else n + 1 + i
                if 0 <= source < len(x):
                    at = offset + i * fineness
                    y[t] += (half[at] + (place - offset) * steps[at]) * x[source]
    return y


def slaney_banks() -> np.ndarray:
    """Slaney's mel bands of unit area, (256, 1025), band by band and bin by bin."""

    def hertz(mel):
        return mel * 200 / 3 if mel < 15 else 1000 * np.exp((mel - 15) * np.log(6.4) / 27)

    top = 15 + 27 * np.log(24_000 / 1000) / np.log(6.4)
    edges = [hertz(top * k / 257) for k in range(258)]
    banks = np.zeros((256, 1025))
    for band in range(256):
        left, centre, right = edges[band : band + 3]
        for place in range(1025):
            here = place * 48_000 / 2048
            height = max(0.0, min((here - left) / (centre - left), (right - here) / (right - centre)))
            banks[band, place] = height * 2 / (right - left)
    return banks


def levels_by_loops(frame: np.ndarray) -> np.ndarray:
    hann = [0.5 - 0.5 * np.cos(2 * np.pi * k / 2048) for k in range(2048)]
    waves = np.exp(-2j * np.pi * np.outer(np.arange(2048), np.arange(1025)) / 2048)
    columns = []
    for start in range(0, 48_000, 242):
        part = [float(frame[start + k]) * hann[k] if start + k < 48_000 else 0.0 for k in range(2048)]
        columns.append(np.abs(np.array(part) @ waves))
    bands = slaney_banks() @ np.array(columns).T
    levels = 10 * np.log10(np.maximum(bands, 1e-10))
    return np.maximum(levels - levels.max(), -80)


def test_the_spectrogram_is_that_of_the_loops(seed):
    random = np.random.default_rng(seed)
    frame = random.standard_normal(48_000) * 10 ** np.linspace(-9, 0, 48_000)  # down to the floor
    found, wanted = spectrogram(frame), levels_by_loops(frame)
    assert found.shape == wanted.shape == (256, 199)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert found.max() == 0
    assert found.min() == -80


def test_resampling_is_resampys(seed):
    sound = np.random.default_rng(seed).standard_normal(700)
    found, wanted = kaiser_best(sound, 44_100), resampled_by_loops(sound, 44_100, 48_000)
    assert len(found) == len(wanted) == 761
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_half_a_second_is_put_in_front_and_frames_begin_each_half_second(seed):
    sound = np.random.default_rng(seed).standard_normal(70_000)
    cut = frames(sound)
    whole = np.concatenate([np.zeros(24_000), sound, np.zeros(48_000)])
    assert len(cut) == 3
    for place, frame in enumerate(cut):
        assert (frame == whole[place * 24_000 : place * 24_000 + 48_000]).all()


@pytest.mark.parametrize(
    ("samples", "count"), [(1, 1), (24_000, 1), (24_001, 2), (48_000, 2), (480_000, 20), (480_001, 21)]
)
def test_a_clip_of_ten_seconds_has_twenty_frames(samples, count):
    assert frames(np.ones(samples)).shape == (count, 48_000)


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("of", [32_000, 44_100, 48_000])
def test_a_clip_of_any_rate_is_at_48_khz(rate, of):
    sound = np.random.default_rng(1).standard_normal((of, 2)).astype(np.float32)
    left, right = channels(Audio(sound, of), rate)
    assert len(left) == len(right) == 48_000


def test_left_and_right_stay_apart_and_of_more_the_first_two_count(seed):
    sound = np.random.default_rng(seed).uniform(-1, 1, (4_800, 3)).astype(np.float32)
    gain = 10 ** (-1 / 20) / np.abs(sound.astype(np.float64)).max()
    left, right = channels(Audio(sound, 48_000), 48_000)
    np.testing.assert_allclose(left, sound[:, 0] * gain, rtol=1e-6)
    np.testing.assert_allclose(right, sound[:, 1] * gain, rtol=1e-6)


def test_both_channels_alike_are_heard_once(seed):
    sound = np.random.default_rng(seed).uniform(-1, 1, (4_800, 1)).astype(np.float32)
    (one,) = channels(Audio(sound, 48_000), 48_000)
    (twice,) = channels(Audio(np.repeat(sound, 2, axis=1), 48_000), 48_000)
    assert (one == twice).all()


def test_the_rate_sets_the_bandwidth():
    """What lies above 22.05 kHz is heard at 48 kHz and not at 44.1."""
    tone = np.sin(2 * np.pi * 23_000 * np.arange(48_000) / 48_000)[:, None].astype(np.float32)
    (wide,), (narrow,) = (channels(Audio(tone, 48_000), rate) for rate in (48_000, 44_100))
    assert np.std(narrow[5_000:-5_000]) < 1e-4 < 0.6 < np.std(wide)


def test_silence_is_a_flat_picture():
    assert not spectrogram(np.zeros(48_000)).any()
