"""A clip's samples: what is refused, and what rate, channels and peak do to them."""

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose

from analysis.errors import SoundError
from analysis.metrics.basis.audio import Audio, read_audio


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16", "PCM_24"])
def test_a_file_is_read_with_its_rate_and_channels(seed, tmp_path, subtype):
    rng = np.random.default_rng(seed)
    samples = rng.uniform(-0.9, 0.9, (int(rng.integers(10, 90)), 2))
    soundfile.write(tmp_path / "clip.wav", samples, 32_000, subtype=subtype)
    audio = read_audio(tmp_path / "clip.wav")
    assert audio.rate == 32_000
    assert audio.samples.dtype == np.float32
    assert_allclose(audio.samples, samples, atol=2**-15 if subtype == "PCM_16" else 1e-6)
    assert audio.seconds == len(samples) / 32_000


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_named_with_its_file(tmp_path, bad):
    samples = np.zeros(20)
    samples[11] = bad
    soundfile.write(tmp_path / "clip.wav", samples, 8000, subtype="FLOAT")
    with pytest.raises(SoundError, match=r"clip\.wav: holds NaN or infinity"):
        read_audio(tmp_path / "clip.wav")


def test_files_that_are_missing_empty_or_no_sound_are_named(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 8000)
    (tmp_path / "text.wav").write_text("no sound")
    for name, words in (("empty", "holds no sample"), ("text", "cannot be read"), ("nowhere", "cannot be read")):
        with pytest.raises(SoundError, match=rf"{name}\.wav: {words}"):
            read_audio(tmp_path / f"{name}.wav")


def test_mono_is_the_mean_of_the_channels(seed):
    samples = np.random.default_rng(seed).normal(size=(50, 3)).astype(np.float32)
    assert_allclose(Audio(samples, 100).mono(), samples.astype(np.float64).mean(axis=1), atol=1e-6)


def test_another_rate_keeps_a_tone_where_it_is(seed):
    rng = np.random.default_rng(seed)
    hertz, phase = rng.uniform(100, 5000), rng.uniform(0, 6)
    tone = np.sin(2 * np.pi * hertz * np.arange(44_100) / 44_100 + phase).astype(np.float32)[:, None]
    found = Audio(tone, 44_100).at(16_000)
    assert found.samples.shape == (16_000, 1)
    expected = np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000 + phase)
    assert_allclose(found.samples[2000:-2000, 0], expected[2000:-2000], atol=1e-4)
    assert Audio(tone, 44_100).at(44_100).samples is tone


def test_a_peak_is_set_over_all_channels_and_silence_stays_silence(seed):
    samples = np.random.default_rng(seed).normal(size=(90, 2)).astype(np.float32)
    found = Audio(samples, 100).normalized(-1.0)
    assert_allclose(np.abs(found.samples).max(), 10 ** (-1 / 20), rtol=1e-6)
    assert_allclose(found.samples / samples, found.samples[0, 0] / samples[0, 0], rtol=1e-5)
    silence = Audio(np.zeros((9, 2), np.float32), 100)
    assert silence.silent
    assert not silence.normalized().samples.any()
