"""Sources: names become clips, and whatever is wrong with names is said with its place and a remedy."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from own_sounds import noise, write_sound, write_tree

from survey.errors import SourceError
from survey.sources.listing import list_clips, matched


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def source(tmp_path: Path, rng: np.random.Generator) -> Path:
    return write_tree(tmp_path / "source", rng)


def refusal(source: Path) -> str:
    with pytest.raises(SourceError) as refused:
        list_clips(source)
    said = str(refused.value)
    assert all(line.startswith((f"{source}: ", f"{source}/")) for line in said.split("\n"))
    return said


def test_a_folder_gives_conditions_and_prompts(source):
    found = list_clips(source)
    assert found.conditions == ("System A", "système b")
    assert found.prompts == (("a_dog", "a dog"), ("Glöckchen läuten", "Glöckchen läuten"))
    assert {(row.condition, row.prompt_id, row.seed) for row in found.rows} == {
        (condition, prompt, 1) for condition in found.conditions for prompt in ("a_dog", "Glöckchen läuten")
    }


def test_no_sound_is_opened(source):
    for path in source.rglob("*.wav"):
        path.write_bytes(b"no sound at all")
    assert len(list_clips(source).rows) == 4


def test_names_of_another_system_are_the_same_names(source):
    """macOS writes an accent as a letter of its own."""
    path = source / "System A" / "Glöckchen läuten.wav"
    path.rename(path.with_name(unicodedata.normalize("NFD", path.name)))
    assert len(list_clips(source).prompts) == 2
    write_sound(path, noise(np.random.default_rng(1)))
    assert "are two files for one cell (System A, Glöckchen läuten)" in refusal(source)


def test_prompts_and_takes_are_numbered_as_people_count(tmp_path, rng):
    for name in ("p10/b10", "p10/b9", "p2/x"):
        write_sound(tmp_path / "s" / "A" / f"{name}.wav", noise(rng))
    found = list_clips(tmp_path / "s")
    assert [key for key, _ in found.prompts] == ["p2", "p10"]
    assert {row.shown: row.seed for row in found.rows} == {"A/p2/x.wav": 1, "A/p10/b9.wav": 1, "A/p10/b10.wav": 2}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prompts.csv", "ID;Prompt\na_dog.wav;A dog, barking\nGlöckchen läuten;Little bells\n"),
        ("Prompts.csv", "\ufeffprompt,stem\n'A dog, barking',x\n".replace("'", '"').replace(",x", ",a_dog")),
        ("prompts.txt", "a_dog\tA dog, barking\n\nGlöckchen läuten: Little bells\n"),
    ],
)
def test_a_file_beside_the_folders_gives_the_texts(source, name, text):
    (source / name).write_text(text, encoding="utf-8")
    assert ("a_dog", "A dog, barking") in list_clips(source).prompts
    assert list_clips(source).notes == ()


def test_two_prompts_may_read_the_same(source):
    (source / "prompts.txt").write_text("a_dog|rain\nGlöckchen läuten|rain\n", encoding="utf-8")
    found = list_clips(source)
    assert [text for _, text in found.prompts] == ["rain", "rain"]
    study = [("p1", "rain"), ("p2", "rain")]
    assert sorted(matched(found, study).values()) == ["p1", "p2"]


def test_what_is_no_audio_is_left_aside_and_said(source):
    (source / "notes.md").write_text("x")
    (source / "System A" / "cover.jpg").write_text("x")
    for hidden in (".DS_Store", "._a_dog.wav", "Thumbs.db"):
        (source / "System A" / hidden).write_text("x")
    found = list_clips(source)
    assert len(found.rows) == 4
    (note,) = found.notes
    assert "notes.md" in note
    assert "cover.jpg" in note


def spoilt(source: Path, way: str) -> None:
    sound = noise(np.random.default_rng(2))
    match way:
        case "cell":
            write_sound(source / "System A" / "a_dog.flac", sound)
        case "take":
            write_sound(source / "System A" / "a_dog" / "1.wav", sound)
        case "empty":
            (source / "System A" / "a_dog.wav").write_bytes(b"")
        case "capitals of a condition":
            write_sound(source / "system a" / "a_dog.wav", sound)
        case "capitals of a prompt":
            (source / "System A" / "a_dog.wav").rename(source / "System A" / "A_dog.wav")
        case "loose":
            write_sound(source / "loose.wav", sound)
        case "deep":
            write_sound(source / "System A" / "a_dog2" / "deep" / "1.wav", sound)
        case "reference":
            write_sound(source / "reference" / "another.wav", sound)
        case "outside":
            outside = write_sound(source.parent / "outside.wav", sound)
            (source / "System A" / "b.wav").symlink_to(outside)
        case "nothing":
            (source / "System A" / "b.wav").symlink_to(source / "gone.wav")
        case "long":
            write_sound(source / ("n" * 101) / "a_dog.wav", sound)


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("cell", ["System A/a_dog.flac and System A/a_dog.wav", "two files for one cell", "keep one"]),
        ("take", ["System A/a_dog.wav", "System A/a_dog/1.wav", "two files for one cell"]),
        ("empty", ["System A/a_dog.wav is empty", "copy it again"]),
        ("capitals of a condition", ["'System A'", "'system a'", "differ in capitals only"]),
        ("capitals of a prompt", ["'A_dog'", "'a_dog'", "differ in capitals only"]),
        ("loose", ["loose.wav lies in no condition's folder", "move it"]),
        ("deep", ["System A/a_dog2/deep/", "too deep", "condition/prompt/take"]),
        ("reference", ["reference/another.wav is a reference without any clip"]),
        ("outside", ["System A/b.wav is a link that leads out of the folder", "copy"]),
        ("nothing", ["System A/b.wav is a link to nothing", "remove it"]),
        ("long", ["up to 100 characters", "rename it"]),
    ],
)
def test_a_fault_is_named_with_its_remedy(source, way, words):
    spoilt(source, way)
    said = refusal(source)
    assert all(word in said for word in words), said


def test_a_link_within_the_folder_is_followed(source):
    (source / "System A" / "b.wav").symlink_to(source / "System A" / "a_dog.wav")
    write_sound(source / "système b" / "b.wav", noise(np.random.default_rng(3)))
    assert len(list_clips(source).rows) == 6


def test_all_faults_are_said_in_a_line_each(source, rng):
    for number in range(9):
        write_sound(source / f"loose {number}.wav", noise(rng))
    (source / "prompts.txt").write_text("a_dog\tA dog\n\nrain\n", encoding="utf-8")
    (source / "System A" / "a_dog.wav").write_bytes(b"")
    lines = refusal(source).split("\n")
    assert len(lines) == 11
    assert f"{source}: loose 8.wav lies in no condition's folder; move it into one" in lines
    assert f"{source}: System A/a_dog.wav is empty; copy it again" in lines
    assert f"{source / 'prompts.txt'}:3: has no text; write `name{{tab}}text`, or leave it out" in lines


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda path: path.mkdir(), "holds no audio files"),
        (lambda path: None, "not there"),
        (lambda path: path.write_bytes(b"RIFF"), "neither a folder nor a table"),
    ],
)
def test_a_source_that_is_none(tmp_path, made, words):
    source = tmp_path / "source.wav"
    made(source)
    assert words in refusal(source)


def test_a_name_that_no_file_can_have(tmp_path):
    assert "cannot be read (File name too long)" in refusal(tmp_path / ("9" * 300))


def test_a_file_that_may_not_be_read(source):
    path = source / "System A" / "a_dog.wav"
    path.chmod(0)
    if not os.access(path, os.R_OK):  # the superuser may read all
        assert "System A/a_dog.wav cannot be read (Permission denied)" in refusal(source)
