"""The sounds made in code: levels, sides, and what tells headphones from loudspeakers."""

import io

import numpy as np
import pyloudnorm
import pytest
import soundfile

from app.live.tones import RATE, counted_tones, headphone_flac, sound_check_flac


def decoded(flac: bytes) -> np.ndarray:
    sound, rate = soundfile.read(io.BytesIO(flac))
    assert rate == RATE
    return sound


@pytest.mark.parametrize("loudness", [-30, -20])
def test_the_notes_are_as_loud_as_the_clips_and_on_both_sides(loudness):
    sound = decoded(sound_check_flac(loudness))
    assert pyloudnorm.Meter(RATE).integrated_loudness(sound) == pytest.approx(loudness, abs=0.2)
    left, right, both = np.array_split(sound, 3)
    assert np.abs(left[:, 0]).max() > 0.01
    assert np.abs(left[:, 1]).max() == 0
    assert np.abs(right[:, 0]).max() == 0
    assert (both[:, 0] == both[:, 1]).all()


def three(flac: bytes) -> list[np.ndarray]:
    """The three sounds of a headphone trial, a second each with half a second between them."""
    sound = decoded(flac)
    assert len(sound) == 4 * RATE
    return [sound[int(start * RATE) : int(start * RATE) + RATE] for start in (0, 1.5, 3)]


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound**2)))


@pytest.mark.parametrize("right", range(3))
@pytest.mark.parametrize("trial", range(4))
def test_the_quietest_tone_is_another_one_from_loudspeakers(right, trial, seed):
    tones = three(headphone_flac("antiphase", right, seed + trial, -26))
    in_the_ears = [rms(tone[:, 0]) for tone in tones]
    assert np.argmin(in_the_ears) == right
    assert 20 * np.log10(sorted(in_the_ears)[0] / sorted(in_the_ears)[1]) == pytest.approx(-6, abs=0.1)
    in_the_air = [rms(tone.sum(axis=1)) for tone in tones]  # both loudspeakers reach one place
    assert np.argmin(in_the_air) != right
    assert min(in_the_air) < 0.01 * max(in_the_air)


def test_the_decoy_takes_both_other_places(seed):
    silent = {
        int(np.argmin([rms(tone.sum(axis=1)) for tone in three(headphone_flac("antiphase", 0, seed + n, -26))]))
        for n in range(20)
    }
    assert silent == {1, 2}


@pytest.mark.parametrize("right", range(3))
def test_the_hidden_tone_is_in_neither_ear_alone(right, seed):
    noises = three(headphone_flac("huggins", right, seed, -26))
    frequency = np.fft.rfftfreq(RATE, 1 / RATE)
    band = (frequency > 570) & (frequency < 630)
    differences = []
    for noise in noises:
        left, ear = (np.abs(np.fft.rfft(noise[:, side])) for side in range(2))
        # The same loudness at every pitch in both ears, up to the ramps and 16 bits.
        assert np.sum(left[band] ** 2) == pytest.approx(np.sum(ear[band] ** 2), rel=0.2)
        differences.append(rms(noise[:, 0] - noise[:, 1]) / rms(noise))
    assert np.argmax(differences) == right
    assert sorted(differences)[1] < 1e-3
    assert max(differences) > 0.01


@pytest.mark.parametrize("count", [2, 3, 4])
def test_tones_can_be_counted(count):
    envelope = np.abs(decoded(counted_tones(count, -26)))[:, 0] > 1e-3
    smooth = np.convolve(envelope, np.ones(RATE // 10), "same") > 0
    assert int(np.sum(np.diff(smooth.astype(int)) == 1)) == count
