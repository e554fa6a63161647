"""A mixed study: own clips beside rendered ones, alike in all but what they sound like."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from own_sounds import hashes, noise, write_sound
from tiny_study import tiny_model

from app.cli import main
from app.folder import read_study
from app.verbs.clips.pipeline import up_to_date
from survey.clips.manifest import read_manifest

STUDY = """
name: mixed
model: tiny
clips: others
conditions: [baseline, sqs-w8a8, Competitor, real recordings]
prompts: [a dog barking, rain]
sampling: {steps: 3, seconds: 1, cfg_scale: 2, seeds: [1000, 1001]}
calibration: {prompts: 2}
session: {practice: 0, headphone_check: false}
"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    seed = int(os.environ.get("EARMARK_TEST_SEED") or int.from_bytes(os.urandom(4)))
    print(f"seed: {seed}")
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("mixed") / "study"
    tiny_model(folder / "tiny", seed)
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    for condition, names in (("Competitor", ("a dog barking", "p2")), ("real recordings", ("1", "2"))):
        for name in names:
            for take in ("x", "y"):
                sound = noise(rng, 1.4, 44_100, 2)
                write_sound(folder / "others" / condition / name / f"{take}.wav", sound, 44_100)
    before = hashes(folder / "others")
    assert main(["generate", str(folder)]) == 0
    assert hashes(folder / "others") == before
    return folder


@pytest.fixture
def study(rendered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(rendered, tmp_path / "study"))


def test_every_cell_has_a_clip_and_all_of_a_prompt_and_seed_are_alike(rendered):
    clips = read_manifest(rendered / "clips" / "manifest.json").clips
    assert Counter(clip.condition for clip in clips) == dict.fromkeys(
        ("baseline", "sqs-w8a8", "Competitor", "real recordings"), 4
    )
    assert len({(clip.prompt_id, clip.condition, clip.seed) for clip in clips}) == 16
    for block in {(clip.prompt_id, clip.seed) for clip in clips}:
        files = [rendered / "clips" / clip.file for clip in clips if (clip.prompt_id, clip.seed) == block]
        assert len({path.stat().st_size for path in files}) == 1
        facts = [soundfile.info(path) for path in files]
        assert {(one.samplerate, one.channels, one.frames) for one in facts} == {(22_050, 1, 30_870)}
        levels = [pyloudnorm.Meter(22_050).integrated_loudness(soundfile.read(path)[0]) for path in files]
        assert max(levels) - min(levels) < 0.1


def test_the_manifest_says_which_are_own_and_what_rendered_the_others(rendered):
    manifest = read_manifest(rendered / "clips" / "manifest.json")
    for clip in manifest.clips:
        own = clip.condition in ("Competitor", "real recordings")
        assert bool(clip.origin) == own
        assert bool(clip.recipe) != own
    assert manifest.variants["Competitor"]["scheme"] == "own clips"
    assert manifest.variants["sqs-w8a8"]["scheme"] == "static"
    dog = next(clip for clip in manifest.clips if clip.stimulus == "p1.Competitor.1001")
    assert dog.origin["file"] == "Competitor/a dog barking/y.wav"
    wet = next(clip for clip in manifest.clips if clip.stimulus == "p2.real recordings.1000")
    assert wet.origin["file"] == "real recordings/2/x.wav"


def test_what_is_done_is_done(study):
    folder, config = read_study(study)
    assert up_to_date(folder, config)
    manifest = json.loads((study / "clips" / "manifest.json").read_text())
    assert main(["generate", str(study)]) == 0
    assert json.loads((study / "clips" / "manifest.json").read_text()) == manifest
    assert main(["check", str(study)]) == 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Competitor, ", "Competitor, sqs-w9, ", "no clips of the condition 'sqs-w9'"),
        (
            "prompts: [a dog barking, rain]",
            "prompts: [a dog barking, rain, wind]",
            "no clips of 1 prompt of study.yaml: wind",
        ),
        ("clips: others", "clips: {source: others, sample_rate: 8000}", "clips.sample_rate: own clips get the model's"),
        ("[baseline, sqs-w8a8, ", "[", "none is a variant; add one, or remove model"),
        ("clips: others", "clips: elsewhere", "elsewhere: not there"),
        ("1000, 1001", "1000, 1001, 1002", "(take 1002)"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_rendered(study, capsys, old, new, words):
    (study / "study.yaml").write_text(STUDY.replace(old, new), encoding="utf-8")
    before = hashes(study / "clips")
    capsys.readouterr()
    assert main(["generate", str(study)]) == 2
    assert words in capsys.readouterr().err
    assert hashes(study / "clips") == before


def test_a_folder_with_the_name_of_a_variant_is_no_variant(study, capsys):
    shutil.move(study / "others" / "Competitor", study / "others" / "baseline")
    assert main(["generate", str(study)]) == 2
    assert "baseline is a condition that the model renders; give its clips another name" in capsys.readouterr().err
