"""Names of clips: parted into condition and prompt where they say both, and left alone where they do not."""

from __future__ import annotations

import pytest
from drawn_ratings import drawn

from analysis.foreign.clues import paths

WAYS = ["{c}/{p}.wav", "/data/study 1/{c}/{p}.flac", "https://h.org/x/{c}/{p}.mp3?v=2", "{c}_{p}.wav", "{p}_{c}.wav"]
WAYS += ["{p}/{c}.wav", "D:\\x\\{c}\\{p}.WAV", "{c}/take/{p}.wav", "{p}.{c}.wav", "{c}__{p}.wav", "{p} - {c}"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "conditions", [("reference", "w8a8", "w4a8"), ("system_A", "system_B"), ("fp16", "int8"), ("c01", "c02", "c03")]
)
def test_what_was_put_together_is_taken_apart(way: str, conditions: tuple[str, ...]) -> None:
    prompts = ("dog", "rain3", "sea", "bells", "wind2")
    labels = {way.format(c=c, p=p): (c, p) for c in conditions for p in prompts}
    names = list(labels)
    drawn().rng.shuffle(names)
    assert paths.parted(names) == {name: labels[name] for name in names}


@pytest.mark.parametrize("conditions", [("a1", "b2", "c3"), ("d4", "e5")])
def test_a_short_name_of_a_letter_and_a_number_is_no_hash_of_a_prompt(conditions: tuple[str, ...]) -> None:
    labels = {f"{c}/{p}.wav": (c, p) for c in conditions for p in ("dog", "rain3", "sea", "bells")}
    assert paths.parted(list(labels)) == labels


def test_a_few_clips_may_be_missing() -> None:
    labels = {f"{c}/{p}.wav": (c, p) for c in ("ref", "w8", "w4") for p in "abcdef"}
    for name in ("ref/a.wav", "w8/b.wav", "w4/f.wav"):
        del labels[name]
    assert paths.parted(list(labels)) == labels


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a"],
        ["a.wav", "b.wav"],
        ["a dog barking", "rain on a roof", "bells"],
        ["ann/u1.wav", "ann/u2.wav", "bo/u3.wav", "bo/u4.wav"],
        ["base jumping", "base drum", "rain falling", "rain light"],
    ],
)
def test_names_that_say_nothing_are_not_parted(names: list[str]) -> None:
    assert paths.parted(names) == {}


@pytest.mark.parametrize("way", ["{c}/{p}.wav", "{c}-{p}.wav", "https://h.org/{p}__{c}.mp3"])
def test_every_condition_may_have_prompts_of_its_own(way: str) -> None:
    rng = drawn().rng
    labels = {}
    for condition in ("sys64e2f", "sysA", "reference"):
        for _ in range(4):
            prompt = f"utt{rng.integers(16**6, 16**7):x}"
            labels[way.format(c=condition, p=prompt)] = (condition, prompt)
    assert paths.parted(list(labels)) == labels


@pytest.mark.parametrize(
    ("label", "condition", "prompt"),
    [
        ("sysA-utt1.wav", "sysA", "utt1"),
        ("utt1_sysA.wav", "sysA", "utt1"),
        ("x/sysA/utt1.wav", "sysA", "x/utt1"),
        ("sysAB-utt1.wav", "sysA", "sysAB-utt1"),
        ("utt1.wav", "sysA", "utt1"),
    ],
)
def test_a_prompt_is_what_is_left_without_the_condition(label: str, condition: str, prompt: str) -> None:
    assert paths.without(label, condition) == prompt
