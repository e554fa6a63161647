"""The launch gate: good clips pass, each fault is named."""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from survey.clips.gate import check_clips
from survey.clips.manifest import Clip, Manifest
from survey.clips.sizes import padded

RATE, SECONDS, SEED = 44_100, 1.0, 5
SIZE = 250_000  # bytes of every file
HERE = {"device": "cpu", "kernel_path": "torch float32", "dtype": "float32", "earmark": "1.0"}


def tone(frequency: float, level: float = 0.2, seconds: float = SECONDS, rate: int = RATE, channels: int = 2):
    wave = level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)
    return np.stack([wave] * channels, axis=1)


@pytest.fixture
def clips(tmp_path: Path) -> Callable[..., list[str]]:
    """Write two prompts under two conditions, let the test spoil some, and return the rules that are broken."""
    sounds = {f"p{p}.{c}.{SEED}": tone(300 * p + 7 * k) for p in (1, 2) for k, c in enumerate(("a", "b"))}

    def check(
        change=None, spoil=None, rates=(), seconds: float = SECONDS, drop: str = "", foils=None, attention_checks=0
    ) -> list[str]:
        sounds.update(change or {})
        entries = []
        for name, sound in sounds.items():
            path, rate = tmp_path / f"{name}.flac", dict(rates).get(name, RATE)
            soundfile.write(path, sound, rate, subtype="PCM_16")
            path.write_bytes(padded(path.read_bytes(), SIZE))
            prompt_id, condition, seed = name.split(".")
            entry = Clip(name, prompt_id, prompt_id, condition, int(seed), path.name, "", seconds, rate, 2, 0.0, -20.0)
            entry = replace(entry, recipe=HERE)
            if spoil:
                entry = spoil(entry, path) or entry
            if path.exists():
                entry = replace(entry, sha256=entry.sha256 or hashlib.sha256(path.read_bytes()).hexdigest())
            entries.append(entry)
        manifest = Manifest("s", "m", "0", {}, {}, tuple(e for e in entries if e.stimulus != drop), foils)
        problems = check_clips(
            manifest,
            tmp_path,
            cells=[(prompt, condition, SEED) for prompt in ("p1", "p2") for condition in ("a", "b")],
            seconds=seconds,
            attention_checks=attention_checks,
        )
        assert all("\n" not in problem.message for problem in problems)
        return [f"{problem.stimulus}: {problem.rule}" for problem in problems]

    return check


FIRST = f"p1.a.{SEED}"


def test_good_clips_pass(clips):
    assert clips() == []


def test_attention_checks_need_prompts_that_nobody_mixes_up(clips):
    assert clips(attention_checks=1) == [": foils"], "made before there were foils"
    for near in ({}, {"p1": [], "p2": []}, {"p1": ["p1"]}, {"p1": ["p3"], "p3": ["p1"]}):
        assert clips(attention_checks=1, foils=near) == [": foils"]
        assert clips(foils=near) == []
    assert clips(attention_checks=1, foils={"p1": ["p2"], "p2": []}) == []


def test_full_scale_peaks_of_a_normalized_clip_pass(clips):
    loud = {f"p1.{c}.{SEED}": np.clip(tone(300 + k, 1.0), -1, 32767 / 32768) for k, c in enumerate(("a", "b"))}
    assert clips(change=loud) == []


def test_silence(clips):
    assert f"{FIRST}: silence" in clips(change={FIRST: tone(300, 0.0001)})


def test_clipping(clips):
    both = {f"p1.{c}.{SEED}": np.clip(tone(300 + k, 3.0), -1, 1) for k, c in enumerate(("a", "b"))}
    assert clips(change=both) == [f"p1.a.{SEED}: clipping", f"p1.b.{SEED}: clipping"]


def test_wrong_length(clips):
    assert clips(change={FIRST: tone(300, seconds=0.7)}) == [f"{FIRST}: length"]


def test_all_faults_of_a_clip_are_named_at_once(clips):
    assert clips(change={FIRST: tone(300, 0.0001, seconds=0.7)})[:2] == [f"{FIRST}: length", f"{FIRST}: silence"]


def test_sizes_by_which_a_listener_could_tell_conditions_apart(clips):
    def spoil(entry, path):
        if entry.stimulus == FIRST:
            path.write_bytes(padded(path.read_bytes(), SIZE + 100))

    assert clips(spoil=spoil) == ["p1: size"]


def test_numbers_that_are_none(clips, tmp_path):
    def spoil(entry, path):
        if entry.stimulus != FIRST:
            return None
        sound = tone(300)
        sound[5] = np.nan
        other = path.with_suffix(".wav")
        soundfile.write(other, sound, RATE, subtype="FLOAT")
        return replace(entry, file=other.name, sha256=hashlib.sha256(other.read_bytes()).hexdigest())

    assert clips(spoil=spoil) == [f"{FIRST}: nan"]


def test_other_sample_rate_or_channels(clips):
    assert clips(change={FIRST: tone(300, rate=48_000)}, rates={FIRST: 48_000}.items()) == ["p1: format"]
    assert clips(change={FIRST: tone(300, channels=1)}) == ["p1: format"]


def test_the_same_sound_twice(clips):
    assert clips(change={f"p1.b.{SEED}": tone(300)}) == [f"p1.b.{SEED}: duplicate"]


def test_one_condition_louder(clips):
    assert clips(change={FIRST: tone(300, 0.23)}) == ["p1: loudness"]  # 1.2 LU above its neighbour
    assert clips(change={FIRST: tone(300, 0.22)}) == []  # 0.8 LU


def test_a_missing_cell(clips):
    assert clips(drop=FIRST) == [f"{FIRST}: missing"]


def test_a_cell_nobody_asked_for(clips):
    assert clips(change={f"p1.c.{SEED}": tone(330)}) == [f"p1.c.{SEED}: foreign"]


def test_a_changed_file(clips):
    assert clips(spoil=lambda e, _: replace(e, sha256="0" * 64) if e.stimulus == FIRST else None) == [
        f"{FIRST}: sha256"
    ]


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"fLaC nonsense")])
def test_a_file_that_cannot_be_read(clips, damage):
    def spoil(entry, path):
        if entry.stimulus == FIRST:
            damage(path)

    assert clips(spoil=spoil) == [f"{FIRST}: unreadable"]


def test_a_tag_that_names_the_condition(clips):
    def spoil(entry, path):
        if entry.stimulus == FIRST:
            with soundfile.SoundFile(path, "w", RATE, 2, subtype="PCM_16", format="FLAC") as file:
                file.title = "a"
                file.write(tone(300))
            path.write_bytes(padded(path.read_bytes(), SIZE))

    assert clips(spoil=spoil) == [f"{FIRST}: tags"]


def test_a_picture_in_the_file(clips):
    def spoil(entry, path):
        if entry.stimulus == FIRST:
            content = path.read_bytes()
            picture = struct.pack(">B", 6) + (32).to_bytes(3, "big") + bytes(32)
            path.write_bytes(content[:4] + content[4:42] + picture + content[42:])

    assert f"{FIRST}: tags" in clips(spoil=spoil)


def recipes(**changes: dict[str, str]):
    """Give the clips whose names begin with a key (its underscores are points) another recipe."""

    def spoil(entry, path):
        for name, change in changes.items():
            if entry.stimulus.startswith(name.replace("_", ".")):
                return replace(entry, recipe={**HERE, **change} if change else {})
        return None

    return spoil


def test_conditions_may_differ_in_what_multiplies_and_in_nothing_else_that_renders(clips):
    assert clips(spoil=recipes(p1_b={"kernel_path": "int8"}, p2_b={"kernel_path": "int8"})) == []
    for fact in ("device", "dtype", "earmark"):
        change = {"kernel_path": "int8", fact: "another"}
        assert clips(spoil=recipes(p1_b=change, p2_b=change)) == [f"p1.b.{SEED}: mixed"]


def test_clips_of_one_condition_are_rendered_alike(clips):
    assert clips(spoil=recipes(p2_b={"kernel_path": "int8"})) == [f"p2.b.{SEED}: mixed"]
    assert clips(spoil=recipes(p2={"device": "NVIDIA H100"})) == [f"p2.a.{SEED}: mixed"]
    # Each way that differs is named once.
    found = clips(spoil=recipes(p2_a={"device": "NVIDIA H100"}, p2_b={"earmark": "1.1"}))
    assert found == [f"p2.a.{SEED}: mixed", f"p2.b.{SEED}: mixed"]


def test_a_fact_that_one_clip_does_not_tell_is_a_difference(clips):
    assert clips(spoil=recipes(p2_b={})) == [f"p2.b.{SEED}: mixed"]
    assert clips(spoil=recipes(p1_a={})) == [f"p1.b.{SEED}: mixed"]
    assert clips(spoil=recipes(p1={"processor": "AVX2"})) == [f"p2.a.{SEED}: mixed"]


def test_clips_of_which_nothing_is_known_are_refused_once(clips):
    assert clips(spoil=recipes(p={})) == [": mixed"]


def test_a_mixture_is_said_with_what_differs_and_the_remedy(tmp_path):
    clip = Clip("p1.a.5", "p1", "p1", "a", 5, "gone.flac", "", 1.0, RATE, 2, 0.0, -20.0, HERE)
    there = [replace(clip, stimulus=f"p{n}.a.5", prompt_id=f"p{n}") for n in range(1, 6)]
    there[2:] = [replace(entry, recipe={**HERE, "device": "NVIDIA H100"}) for entry in there[2:]]
    manifest = Manifest("s", "m", "0", {}, {}, tuple(there))
    found = check_clips(manifest, tmp_path, cells=[(c.prompt_id, "a", 5) for c in there], seconds=1)
    (mixed,) = [problem for problem in found if problem.rule == "mixed"]
    assert mixed.stimulus == "p3.a.5"
    assert "as were 2 more" in mixed.message
    assert "(device: NVIDIA H100, not cpu)" in mixed.message
    assert "earmark generate --fresh" in mixed.message
