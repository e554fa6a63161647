"""Published statistics as the reference: found in the folder, told, and refused where they are damaged."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile

from analysis.errors import MetricError
from app.verbs.metrics.reference import find_reference

MOMENTS = "audiocaps-test__channels2__44100__openl3env__openl3hopsize0.5__batch4.npz"
PROBABILITIES = "audiocaps-test__collectmean__reference_probabilities.pkl"


@pytest.fixture
def folder(tmp_path: Path, seed: int) -> Path:
    random = np.random.default_rng(seed)
    np.savez(tmp_path / MOMENTS, mu_ref=random.standard_normal(1024), sigma_ref=np.eye(1024))
    (tmp_path / PROBABILITIES).write_bytes(pickle.dumps({103549: np.full(527, 1 / 527)}))
    return tmp_path


def test_they_need_no_audio_beside_them(folder: Path) -> None:
    found = find_reference(folder, {"103549": ["103549"]})
    assert not found.clips
    assert list(found.published.moments) == ["openl3"]
    assert list(found.published.probabilities["passt"].by_id) == ["103549"]
    assert MOMENTS in found.words
    assert PROBABILITIES in found.words


def test_audio_beside_them_is_told_with_them(folder: Path) -> None:
    soundfile.write(folder / "103549.wav", np.ones(8) / 2, 8_000)
    found = find_reference(folder, {"103549": ["103549"]})
    assert len(found.clips) == 1
    assert found.words.startswith("real audio, 1 file")
    assert found.published.files


def test_a_damaged_file_is_named(folder: Path) -> None:
    (folder / PROBABILITIES).write_bytes(b"\x80\x04]")
    with pytest.raises(MetricError, match=rf"{PROBABILITIES}: cannot be read"):
        find_reference(folder, {"103549": ["103549"]})


def test_files_of_one_name_are_named_for_one_alone_is_compared_with(tmp_path: Path) -> None:
    for number, name in enumerate(("one.wav", "sub/one.flac", "two.wav")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, np.full(8, number / 8), 8000)
    found = find_reference(tmp_path, {"one": ["one"], "two": ["two"]})
    assert found.by_prompt["one"].path == tmp_path / "one.wav"
    (said,) = found.remarks
    assert said.startswith("1 name is that of several files of the reference (one): ")
