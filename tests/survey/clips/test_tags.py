"""What a clip's file says beside its sound is found wherever it stands in the file."""

import numpy as np
import pytest
import soundfile

from survey.clips.tags import tags_of

RATE = 44_100
NAME = b"sqd-lora-w8a8"


@pytest.fixture
def clip(tmp_path, seed):
    path = tmp_path / "clip.flac"
    sound = 0.1 * np.random.default_rng(seed).standard_normal((RATE // 2, 2))
    soundfile.write(path, sound, RATE, format="FLAC", subtype="PCM_16")
    return path


def test_a_clip_as_it_is_rendered_says_nothing(clip):
    assert list(tags_of(clip)) == []


def test_sound_of_another_kind_says_nothing(tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.zeros((RATE, 2)), RATE)
    assert list(tags_of(path)) == []


def test_comments_are_counted(clip):
    with soundfile.SoundFile(clip, "w", RATE, 2, subtype="PCM_16", format="FLAC") as file:
        file.title, file.comment = "a", "b"
        file.write(np.zeros((RATE, 2)))
    assert list(tags_of(clip)) == ["2 metadata tags"]


def test_a_tag_before_the_sound_is_found(clip):
    text = b"TIT2" + (1 + len(NAME)).to_bytes(4, "big") + b"\0\0\0" + NAME
    clip.write_bytes(b"ID3\x03\0\0" + bytes([0, 0, 0, len(text)]) + text + clip.read_bytes())
    assert soundfile.info(clip).frames == RATE // 2, "it plays all the same"
    assert list(tags_of(clip)) == ["an ID3 tag"]


def test_a_tag_behind_the_sound_is_found(clip):
    clip.write_bytes(clip.read_bytes() + b"TAG" + NAME.ljust(124, b"\0") + b"\xff")
    assert soundfile.info(clip).frames == RATE // 2, "it plays all the same"
    assert list(tags_of(clip)) == ["an ID3 tag"]


@pytest.mark.parametrize(
    ("kind", "found"),
    [(2, "application data"), (6, "a picture")],
)
def test_other_data_is_named(clip, kind, found):
    content = clip.read_bytes()
    clip.write_bytes(content[:42] + bytes([kind]) + (32).to_bytes(3, "big") + bytes(32) + content[42:])
    assert list(tags_of(clip)) == [found]


def test_what_cannot_be_read_is_not_taken_for_nothing(clip):
    content = clip.read_bytes()
    clip.write_bytes(content[:42] + bytes([6]) + (400).to_bytes(3, "big") + b"\xff" * 400 + content[42:])
    assert list(tags_of(clip)) == ["metadata that cannot be read"]
