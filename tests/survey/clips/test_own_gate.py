"""The launch gate before own clips: as strict as before rendered ones, and with remedies that fit."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from own_sounds import noise, write_sound

from survey.clips.gate import Problem, check_clips
from survey.clips.manifest import Clip, Manifest, read_manifest, write_manifest
from survey.clips.sizes import padded
from survey.imports.importing import Form, import_blocks, look_at
from survey.imports.plan import Block, Plan, Planned
from survey.sources.rows import Row

RATE = 16_000
CELLS = [(prompt, condition, 1) for prompt in ("p1", "p2") for condition in ("A", "B")]


@pytest.fixture
def judged(tmp_path: Path, seed: int) -> Callable[..., list[Problem]]:
    """Write four own clips, let the test exchange the sound of one, and return what the gate says."""
    rng = np.random.default_rng(seed)

    def check(sound: np.ndarray | None = None, loudness: float | None = -23.0, drop: bool = False) -> list[Problem]:
        clips = []
        for prompt, condition, take in CELLS:
            name = f"{prompt}.{condition}.{take}"
            first = name == "p1.A.1"
            made = noise(rng, peak=0.2)
            made = sound if sound is not None and first else level(made)
            path = tmp_path / f"{name}.flac"
            soundfile.write(path, made, RATE, subtype="PCM_16")
            path.write_bytes(padded(path.read_bytes(), 60_000))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            clip = Clip(name, prompt, prompt, condition, take, path.name, digest, 0.7, RATE, 1, 0.0, -26.0)
            if not (drop and first):
                clips.append(replace(clip, origin={"file": f"{condition}/{prompt}.wav"}))
        imported = {"source": "s", "loudness": loudness}
        manifest = Manifest("s", "", "1", {}, {}, tuple(clips), imported=imported)
        return check_clips(manifest, tmp_path, cells=CELLS, seconds=None)

    return check


def level(sound: np.ndarray) -> np.ndarray:
    meter = pyloudnorm.Meter(RATE, block_size=min(0.4, len(sound) / RATE))
    return sound * 10 ** ((-26 - meter.integrated_loudness(sound)) / 20)


def test_good_clips_pass(judged):
    assert judged() == []


def test_between_the_samples_a_clip_may_pass_full_scale(judged):
    """A tone at a quarter of the rate, sampled beside its peaks, is 3 dB higher than any sample."""
    tone = 0.95 * np.sin(np.pi / 2 * np.arange(round(0.7 * RATE)) + np.pi / 4)[:, None]
    assert np.abs(tone).max() < 0.7
    assert [one.rule for one in judged(tone * 1.4, loudness=None)] == ["true peak"]
    (found,) = judged(tone * 1.4, loudness=None)
    assert "+2." in found.message
    assert "lower the clips of its prompt" in found.message


def test_as_is_means_that_levels_may_differ(judged):
    louder = level(noise(np.random.default_rng(1))) * 3
    assert [one.rule for one in judged(louder)] == ["loudness"]
    assert judged(louder, loudness=None) == []


@pytest.mark.parametrize(
    ("sound", "rule"),
    [
        (np.zeros((11_200, 1)), "silence"),
        (np.clip(np.random.default_rng(1).standard_normal((11_200, 1)) * 3, -1, 1), "clipping"),
        (level(noise(np.random.default_rng(1), 0.3)), "length"),
    ],
)
def test_a_remedy_names_the_original(judged, sound, rule):
    found = next(one for one in judged(sound) if one.rule == rule)
    assert found.message.endswith("; mend or replace A/p1.wav, then run `earmark generate`")
    assert "render it" not in found.message


def test_a_constant_is_no_sound(judged):
    assert judged(np.full((11_200, 1), 0.25))[0].rule == "silence"


def test_a_file_that_was_clipped_is_found_at_any_level(tmp_path, seed):
    rng, form = np.random.default_rng(seed), Form(RATE, 1, -23.0, False)
    sounds = {"fine": noise(rng), "cut": np.clip(noise(rng, peak=9.0), -1, 1), "loud": noise(rng, peak=9.0)}
    found = {}
    for condition, sound in sounds.items():
        path = write_sound(tmp_path / condition / "rain.wav", sound, RATE, "FLOAT" if condition == "loud" else "PCM_24")
        one = Planned(f"p1.{condition}.1", condition, Row(path, f"{condition}/rain.wav", condition, "rain", "rain"))
        plan = Plan((Block("p1", "rain", 1, (one,)),))
        clips = import_blocks(plan, look_at([one], tmp_path), form, tmp_path / "clips", tmp_path)
        manifest = Manifest("s", "", "1", {}, {}, tuple(clips), imported={"loudness": -23.0})
        found[condition] = check_clips(manifest, tmp_path / "clips", cells=[("p1", condition, 1)], seconds=None)
    assert (found["fine"], found["loud"]) == ([], [])
    (one,) = found["cut"]
    assert one.rule == "clipping"
    assert one.message.endswith("; mend or replace cut/rain.wav, then run `earmark generate`")


def test_a_missing_clip_is_to_be_added_or_stated(judged):
    (found,) = judged(drop=True)
    assert (found.stimulus, found.rule) == ("p1.A.1", "missing")
    assert "clips.missing: true" in found.message


def test_a_spoilt_copy_is_imported_again(judged, tmp_path):
    judged()
    path = tmp_path / "p1.A.1.flac"
    clip = Clip(
        "p1.A.1", "p1", "p1", "A", 1, path.name, "0" * 64, 0.7, RATE, 1, 0.0, -26.0, origin={"file": "A/p1.wav"}
    )
    manifest = Manifest("s", "", "1", {}, {}, (clip,), imported={"loudness": -23.0})
    (found,) = check_clips(manifest, tmp_path, cells=[("p1", "A", 1)], seconds=None)
    assert found.message.endswith("is not the file that was imported; run `earmark generate`")


def test_the_manifest_keeps_what_was_done(tmp_path):
    origin = {"file": "A/p1.wav", "sample_rate": 44_100, "resampled": True, "trimmed_seconds": [0.1, 0.2]}
    clip = Clip("p1.A.1", "p1", "p1", "A", 1, "a.flac", "0" * 64, 0.7, RATE, 1, 0.0, -26.0, origin=origin)
    manifest = Manifest("s", "", "1", {}, {}, (clip,), imported={"loudness": None})
    write_manifest(tmp_path / "manifest.json", manifest)
    assert read_manifest(tmp_path / "manifest.json") == manifest
