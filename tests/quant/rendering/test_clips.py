"""Clips: the paper's finishing, exact lengths, files without tags, and loudness by the standard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_models import QUICK, RATE, SAMPLER_OF, one_line

from quant.errors import NumberError, QuantError
from quant.model.loading import AudioModel
from quant.rendering.anchor import low_anchor
from quant.rendering.clips import (
    Samples,
    apply_gain,
    read_flac,
    render,
    to_pcm,
    write_flac,
)
from quant.rendering.loudness import aligned_gains, loudness
from quant.rendering.sampling import sample


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def sine(rate: int, dbfs: float, channels: int = 1, frequency: float = 997.0, seconds: float = 5.0) -> Samples:
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)
    return np.rint(np.repeat(wave[:, None], channels, axis=1) * 32767).astype(np.int16)


# --- conversion -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-6, 0.01, 1.0, 37.5, 1e20])
def test_peak_becomes_full_scale_and_the_rest_keeps_its_proportion(rng: np.random.Generator, size: float) -> None:
    audio = (rng.standard_normal((1000, 2)) * size).astype(np.float32)
    samples = to_pcm(audio)
    assert samples.dtype == np.int16
    assert samples.shape == audio.shape
    peak = max(abs(float(v)) for v in audio.flat)
    assert int(np.abs(samples.astype(int)).max()) == 32767
    for found, value in zip(samples.flat, audio.flat, strict=True):
        assert int(found) == pytest.approx(float(value) / peak * 32767, abs=0.51)


def test_channels_share_one_gain(rng: np.random.Generator) -> None:
    audio = rng.standard_normal((500, 2)).astype(np.float32)
    audio[:, 1] = audio[:, 0] * 0.25
    samples = to_pcm(audio).astype(float)
    assert np.abs(samples[:, 1] - samples[:, 0] * 0.25).max() <= 1


def test_silence_stays_silence() -> None:
    assert not to_pcm(np.zeros((100, 1), np.float32)).any()


def test_nothing_gives_nothing() -> None:
    assert to_pcm(np.zeros((0, 2), np.float32)).shape == (0, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("count", [1, 1000])
def test_audio_that_is_not_all_numbers_is_refused(rng: np.random.Generator, value: float, count: int) -> None:
    """Sixteen bits cannot say "not a number", and neither a clip with a hole nor silence may stand for it."""
    audio = rng.standard_normal((1000, 1)).astype(np.float32)
    audio[:count] = value
    with pytest.raises(NumberError, match="NaN or infinity"):
        to_pcm(audio)


# --- rendering ------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", ["v", "rf_denoiser"])
@pytest.mark.parametrize("seconds", [0.25, 0.1, 0.3331])
def test_clip_has_exactly_its_length(loaded: dict[str, AudioModel], objective: str, seconds: float) -> None:
    settings = replace(QUICK, seconds=seconds, sampler=SAMPLER_OF[objective])
    clip = render(loaded[objective], "rain", 1000, settings)
    assert clip.shape == (round(seconds * RATE), 2)
    assert int(np.abs(clip.astype(int)).max()) == 32767


def test_clip_is_the_decoded_latent_and_repeats(loaded: dict[str, AudioModel]) -> None:
    calls: list[tuple[int, int]] = []
    clip = render(loaded["v"], "rain", 1000, QUICK, lambda *call: calls.append(call))
    audio = loaded["v"].decode(sample(loaded["v"], "rain", 1000, QUICK))[0].numpy()[:, :2000].T
    assert np.array_equal(clip, np.rint(audio / np.abs(audio).max() * 32767).astype(np.int16))
    assert np.array_equal(clip, render(loaded["v"], "rain", 1000, QUICK))
    assert not np.array_equal(clip, render(loaded["v"], "rain", 1001, QUICK))
    assert calls == [(1, 3), (2, 3), (3, 3)]


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_flac_gives_back_every_bit(tmp_path: Path, rng: np.random.Generator, channels: int, rate: int) -> None:
    samples = rng.integers(-32768, 32768, (4321, channels)).astype(np.int16)
    path = tmp_path / "clips" / "p1.baseline.1000.flac"
    write_flac(path, samples, rate)
    found, found_rate = read_flac(path)
    assert np.array_equal(found, samples)
    assert found_rate == rate
    assert soundfile.info(path).subtype == "PCM_16"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_flac_has_no_tags_and_no_trace_of_its_name(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "p1.sqs-w8a8.1000.flac"
    write_flac(path, rng.integers(-999, 999, (4000, 1)).astype(np.int16), 8000)
    content = path.read_bytes()
    assert content[:4] == b"fLaC"
    at, last = 4, False
    while not last:
        kind, last = content[at] & 0x7F, bool(content[at] & 0x80)
        block = content[at + 4 : at + 4 + int.from_bytes(content[at + 1 : at + 4], "big")]
        assert kind in (0, 1, 3, 4)  # stream, padding, seek table, comments; no picture, cue sheet or application data
        if kind == 4:
            vendor = int.from_bytes(block[:4], "little")
            assert block[4 : 4 + vendor].lower().startswith(b"reference libflac")
            assert int.from_bytes(block[4 + vendor : 8 + vendor], "little") == 0
        at += 4 + len(block)
    assert b"sqs" not in content[:at]
    with soundfile.SoundFile(path) as file:
        assert file.copy_metadata() == {}


def test_same_samples_make_the_same_file(tmp_path: Path, rng: np.random.Generator) -> None:
    samples = rng.integers(-999, 999, (4000, 2)).astype(np.int16)
    for name in ("a.flac", "b.flac"):
        write_flac(tmp_path / name, samples, 8000)
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()


def test_clip_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("not a folder")
    path = tmp_path / "clips" / "p1.baseline.1000.flac"
    with pytest.raises(QuantError) as caught:
        write_flac(path, np.zeros((10, 1), np.int16), 8000)
    assert one_line(caught.value).startswith(f"{path}: cannot be written")


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "half a header"])
def test_clip_that_cannot_be_read_is_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "p1.flac"
    if damage != "missing":
        path.write_bytes({"empty": b"", "text": b"not audio at all", "half a header": b"fLaC\0\0\0"}[damage])
    with pytest.raises(QuantError) as caught:
        read_flac(path)
    message = one_line(caught.value)
    assert message.startswith(f"{path}: cannot be read")
    assert "earmark generate" in message


# --- loudness -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_full_scale_sine_is_3_lufs_below_zero(rate: int) -> None:
    """ITU-R BS.1770-4: a sine of 997 Hz at 0 dBFS in one channel measures -3.01 LKFS."""
    assert loudness(sine(rate, 0), rate) == pytest.approx(-3.01, abs=0.1)


@pytest.mark.parametrize("dbfs", [-23.0, -33.0])
def test_reference_signals_of_the_ebu(dbfs: float) -> None:
    """EBU Tech 3341, cases 1 and 2: a stereo sine of 1 kHz at -23 (-33) dBFS measures -23 (-33) LUFS."""
    found = loudness(sine(48000, dbfs, channels=2, frequency=1000, seconds=20), 48000)
    assert found == pytest.approx(dbfs, abs=0.1)


def test_decibels_are_loudness_units() -> None:
    levels = [loudness(sine(44100, -20.0 - step), 44100) for step in (0, 3, 6)]
    assert levels[0] - levels[1] == pytest.approx(3, abs=0.02)
    assert levels[0] - levels[2] == pytest.approx(6, abs=0.02)


@pytest.mark.parametrize("length", [0, 10, 3000])
def test_too_short_for_a_block_has_no_loudness(length: int) -> None:
    assert loudness(sine(8000, -10)[:length], 8000) == -np.inf


def test_silence_has_no_loudness() -> None:
    assert loudness(np.zeros((16000, 1), np.int16), 8000) == -np.inf


def test_aligned_clips_are_equally_loud_and_never_louder(rng: np.random.Generator) -> None:
    rate = 22050
    shapes = [
        np.ones(5 * rate),
        np.linspace(0, 1, 5 * rate),
        np.hanning(5 * rate),
        np.r_[np.ones(rate), np.zeros(4 * rate)],
    ]
    clips = [to_pcm((rng.standard_normal(5 * rate) * shape)[:, None].astype(np.float32)) for shape in shapes]
    measured = [loudness(clip, rate) for clip in clips]
    gains = aligned_gains(measured)
    assert max(gains) == 0
    assert all(gain <= 0 for gain in gains)
    aligned = [loudness(apply_gain(clip, gain), rate) for clip, gain in zip(clips, gains, strict=True)]
    assert max(measured) - min(measured) > 0.5
    assert max(aligned) - min(aligned) < 0.1
    assert aligned == pytest.approx([min(measured)] * len(clips), abs=0.1)


def test_clip_without_loudness_is_left_out_of_the_alignment() -> None:
    assert aligned_gains([-20.0, -np.inf, -23.0]) == [-3.0, 0.0, 0.0]
    assert aligned_gains([-np.inf, -np.inf]) == [0.0, 0.0]
    assert aligned_gains([]) == []


def test_gain_scales_samples() -> None:
    samples = np.array([[32767], [-32768], [1000], [0]], np.int16)
    assert apply_gain(samples, 0.0).tolist() == samples.tolist()
    assert apply_gain(samples, -20.0).tolist() == [[3277], [-3277], [100], [0]]
    assert apply_gain(samples, -6.0205999).dtype == np.int16


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_low_anchor_passes_what_is_below_3500_hz_and_nothing_from_4000(rng: np.random.Generator, rate: int) -> None:
    noise = (rng.standard_normal((4 * rate, 2)) * 2000).clip(-32768, 32767).astype(np.int16)
    anchored = low_anchor(noise, rate)
    assert anchored.shape == noise.shape
    assert anchored.dtype == np.int16
    frequencies = np.fft.rfftfreq(len(noise), 1 / rate)
    gain = 20 * np.log10(np.abs(np.fft.rfft(anchored, axis=0)) / np.abs(np.fft.rfft(noise, axis=0)))
    passed = gain[(frequencies > 50) & (frequencies < 3490)]
    # What is passed is raised by one gain, in phase with the clip.
    assert np.percentile(passed, 95) - np.percentile(passed, 5) < 0.3
    stopped = gain[(frequencies > 4010)]
    assert np.median(stopped) < np.median(passed) - 40  # down to the rounding to 16 bits
    assert loudness(anchored, rate) == pytest.approx(loudness(noise, rate), abs=0.1)


def test_low_anchor_never_clips_and_leaves_what_holds_nothing_above(rng: np.random.Generator) -> None:
    loud = np.sign(rng.standard_normal((44_100, 1))) * 32767
    assert np.abs(low_anchor(loud.astype(np.int16), 44_100)).max() <= 32767
    narrow = loud[:8000].astype(np.int16)
    np.testing.assert_array_equal(low_anchor(narrow, 8_000), narrow)
    np.testing.assert_array_equal(low_anchor(np.zeros((44_100, 2), np.int16), 44_100), 0)
