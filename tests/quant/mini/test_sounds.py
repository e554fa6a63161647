"""The sounds: what the classes are, and those that are computed; nothing here needs the recorded sources."""

from __future__ import annotations

import numpy as np
import pytest

from quant.mini.instruments import LENGTH, SAMPLE_RATE
from quant.mini.sounds import SOUNDS, Sound, far_away, pair, single

COMPUTED = [sound for sound in SOUNDS if sound.source.startswith("computed")]
FREE = {"MIT", "CC0-1.0"}


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_there_are_at_least_24_classes_each_with_source_and_licence() -> None:
    assert len(SOUNDS) >= 24
    assert len({sound.name for sound in SOUNDS}) == len(SOUNDS)
    for sound in SOUNDS:
        assert sound.source
        assert sound.licence in FREE, sound.name


def test_every_class_has_several_wordings_of_its_own() -> None:
    phrases = [phrase for sound in SOUNDS for phrase in sound.phrases]
    assert len(set(phrases)) == len(phrases)
    assert all(len(sound.phrases) >= 4 for sound in SOUNDS)
    assert all(phrase == phrase.strip() != "" for phrase in phrases)


@pytest.mark.parametrize("sound", COMPUTED, ids=lambda sound: sound.name)
def test_computed_sound_is_ten_seconds_of_sound(sound: Sound, rng: np.random.Generator) -> None:
    audio = sound.render(rng)
    assert audio.shape == (LENGTH,)
    assert audio.dtype == np.float32
    assert bool(np.isfinite(audio).all())
    # Something is heard in every second but at most one.
    loud = np.abs(audio[: 10 * SAMPLE_RATE].reshape(10, -1)).max(1) > 0.05 * np.abs(audio).max()
    assert loud.sum() >= 9


@pytest.mark.parametrize("sound", COMPUTED, ids=lambda sound: sound.name)
def test_take_repeats_by_its_seed(sound: Sound, seed: int) -> None:
    first, again, other = (single(sound, np.random.default_rng([seed, i])) for i in (0, 0, 1))
    assert np.array_equal(first.audio, again.audio)
    assert first.caption == again.caption
    assert not np.array_equal(first.audio, other.audio)


@pytest.mark.parametrize("sound", COMPUTED, ids=lambda sound: sound.name)
def test_take_is_normalized_and_captioned(sound: Sound, seed: int) -> None:
    for index in range(12):
        take = single(sound, np.random.default_rng([seed, index]))
        assert take.audio.shape == (LENGTH,)
        assert float(np.abs(take.audio).max()) == pytest.approx(0.9, abs=1e-5)
        assert take.label == sound.name
        assert any(phrase in take.caption for phrase in sound.phrases)


def test_pair_holds_both_sounds_in_both_ways(seed: int) -> None:
    ways = set()
    for index in range(12):
        take = pair(COMPUTED[0], COMPUTED[1], np.random.default_rng([seed, index]))
        assert take.label == f"{COMPUTED[0].name}+{COMPUTED[1].name}"
        way = "while" if " while " in take.caption else "followed by"
        first, second = take.caption.split(f" {way} ")
        assert first in COMPUTED[0].phrases
        assert second in COMPUTED[1].phrases
        assert float(np.abs(take.audio).max()) == pytest.approx(0.9, abs=1e-5)
        ways.add(way)
    assert ways == {"while", "followed by"}


def test_distance_takes_the_treble(rng: np.random.Generator) -> None:
    noise = rng.standard_normal(LENGTH).astype(np.float32)
    near, far = (np.abs(np.fft.rfft(x)) ** 2 for x in (noise, far_away(noise, rng)))
    split = 4000 * 10
    assert far[split:].sum() / far.sum() < 0.1 * near[split:].sum() / near.sum()
