"""A study of somebody's own clips: from a folder or a table to an open page, without a model."""

import csv
import json
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from own_sounds import hashes, noise, write_sound, write_tree
from served import PASSWORD, ROOT
from taking_part import begin, finish

from app.cli import main
from app.researcher.jobs import Job, Rendering
from app.researcher.overview import Overview
from app.server import create_app
from app.settings import Settings
from app.study import Study
from survey.clips.manifest import read_manifest
from survey.config.reading import load_config

PLAIN = "session: {practice: 0, headphone_check: none, must_listen: false}\n"


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def source(tmp_path: Path, rng: np.random.Generator) -> Path:
    return write_tree(tmp_path / "my clips", rng)


def complaint(capsys) -> str:
    text = capsys.readouterr().err.strip().splitlines()[-1]
    assert text.startswith("earmark: ")
    return text


def without_checks(study: Path) -> Path:
    """Leave out of a study.yaml what a script of a participant does not do."""
    text = (study / "study.yaml").read_text(encoding="utf-8")
    text = text.replace("practice: 2", "practice: 0").replace("must_listen: true", "must_listen: false")
    (study / "study.yaml").write_text(text.replace("headphone_check: antiphase", "headphone_check: none"), "utf-8")
    return study


def test_from_a_folder_to_stored_ratings(source, tmp_path, capsys):
    before = hashes(source)
    study = tmp_path / "codec test"
    assert main(["new", str(study), "--clips", str(source)]) == 0
    said = capsys.readouterr().out
    commands = [line.partition("earmark ")[2] for line in said.splitlines() if "earmark " in line]
    assert [shlex.split(command) for command in commands] == [["serve", str(study)], ["plan", str(study)]]
    assert "compared with: System A (analysis.baseline" in said, "nobody named it"
    config = load_config(study / "study.yaml")
    assert (config.name, config.model) == ("codec test", None)
    assert config.conditions == ("System A", "système b")
    assert [prompt.text for prompt in config.prompts] == ["a dog", "Glöckchen läuten"]
    assert config.analysis.baseline == "System A"
    assert hashes(source) == before
    for path in sorted(source.rglob("*"), reverse=True):  # serving does without the originals
        path.unlink() if path.is_file() else path.rmdir()
    with TestClient(create_app(without_checks(study))) as client:
        state = begin(client)
        assert state["trial"]["prompt"] in {"a dog", "Glöckchen läuten"}
        sizes = Counter()
        heard = {}
        while state["stage"] != "done":
            trial = state["trial"]
            content = client.get(trial["urls"][0])
            assert b"ystem" not in content.content
            for name in ("System A", "système b", "a_dog"):
                assert name not in str(content.headers) + str(state)
            sizes[len(content.content)] += 1
            heard.setdefault(trial["prompt"], set()).add(len(content.content))
            answer = {"media": trial["media"], "score": 4, "plays": 1, "heard_seconds": 0.7, "response_ms": 900}
            state = client.post("/api/rate", json=answer).json()
        assert all(len(size) == 1 for size in heard.values()), "no byte count tells"
    assert main(["export", str(study), "-o", str(tmp_path / "ratings.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "ratings.csv").open(encoding="utf-8")))
    assert Counter(row["condition"] for row in rows) == {"System A": 2, "système b": 2}


def test_no_torch_is_loaded(source, tmp_path):
    code = (
        "import sys; from app.cli import main; study, source = sys.argv[1:]; "
        "assert main(['new', study, '--clips', source]) == 0; assert main(['generate', study]) == 0; "
        "assert main(['check', study]) == 0; assert main(['status', study]) == 0; "
        "print(*[name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "study"), str(source)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
    assert "open" in done.stdout


def test_generate_imports_again_what_changed(source, tmp_path, rng):
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(source)]) == 0
    first = read_manifest(study / "clips" / "manifest.json")
    assert main(["generate", str(study)]) == 0
    assert read_manifest(study / "clips" / "manifest.json") == first
    write_sound(source / "System A" / "a_dog.wav", noise(rng))
    text = (study / "study.yaml").read_text(encoding="utf-8")
    assert main(["generate", str(study)]) == 0
    second = read_manifest(study / "clips" / "manifest.json")
    assert next(a.stimulus for a, b in zip(first.clips, second.clips, strict=True) if a.sha256 != b.sha256) == (
        "p1.System A.1"
    )
    (study / "study.yaml").write_text(text.replace("loudness: -23 ", "loudness: -30 "), encoding="utf-8")
    assert main(["generate", str(study)]) == 0
    third = read_manifest(study / "clips" / "manifest.json")
    assert {round(clip.loudness_lufs) for clip in third.clips} == {-30}
    there = {path.name for path in (study / "clips").glob("*.flac")}
    assert there == {clip.file for clip in third.clips}, "what is no clip any more is gone"


@pytest.mark.parametrize("there", [False, True])
def test_a_fault_leaves_nothing_behind(source, tmp_path, capsys, there):
    study = tmp_path / "study"
    if there:
        study.mkdir()
        (study / "notes.txt").write_text("mine")
    (source / "System A" / "a_dog.wav").write_bytes(b"no sound")
    before = hashes(tmp_path)
    assert main(["new", str(study), "--clips", str(source)]) == 2
    said = complaint(capsys)
    assert "System A/a_dog.wav cannot be decoded" in said
    assert hashes(tmp_path) == before
    assert study.exists() == there


def test_a_fault_that_only_the_gate_finds_says_what_to_do(source, tmp_path, capsys):
    write_sound(source / "System A" / "a_dog.wav", np.zeros((11_200, 1)))
    assert main(["new", str(tmp_path / "study"), "--clips", str(source)]) == 2
    said = capsys.readouterr().err
    assert "is silent; mend or replace System A/a_dog.wav, then run `earmark generate`" in said
    assert "render" not in said


def test_a_study_that_was_interrupted_goes_on(source, tmp_path):
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(source)]) == 0
    (study / "clips" / "manifest.json").unlink()  # as after Ctrl-C
    assert main(["new", str(study), "--clips", str(source)]) == 0
    assert main(["new", str(study), "--clips", str(source)]) == 2, "a study that is there is kept"


def test_originals_are_not_put_where_the_study_keeps_its_clips(source, tmp_path, capsys):
    study = tmp_path / "study"
    (study / "clips").mkdir(parents=True)
    inside = source.rename(study / "clips" / "mine")
    before = hashes(tmp_path)
    assert main(["new", str(study), "--clips", str(inside)]) == 2
    assert "side by side" in complaint(capsys)
    assert main(["new", str(inside / "study"), "--clips", str(inside)]) == 2
    assert "side by side" in complaint(capsys)
    assert hashes(tmp_path) == before


def test_many_prompts_stand_in_a_file(tmp_path, rng):
    names = tuple(f"{number}: a sound, {number}" for number in range(25))
    source = write_tree(tmp_path / "source", rng, conditions=("a",), prompts=names, seconds=0.2)
    assert main(["new", str(tmp_path / "study"), "--clips", str(source)]) == 0
    assert "prompts_file: prompts.csv" in (tmp_path / "study" / "study.yaml").read_text()
    config = load_config(tmp_path / "study" / "study.yaml")
    assert [prompt.text for prompt in config.prompts] == list(names)


def test_conditions_and_prompts_may_be_left_to_the_folder(source, tmp_path):
    (tmp_path / "study.yaml").write_text(f"name: short\nclips: {source.name}\n{PLAIN}", encoding="utf-8")
    assert main(["generate", str(tmp_path)]) == 0
    config = load_config(tmp_path / "study.yaml")
    assert config.conditions == ("System A", "système b")
    assert len(read_manifest(tmp_path / "clips" / "manifest.json").clips) == 4


def test_takes_are_rated_apart(tmp_path, rng):
    for condition in ("a", "b"):
        for take in ("first", "second"):
            write_sound(tmp_path / "source" / condition / "rain" / f"{take}.wav", noise(rng))
        write_sound(tmp_path / "source" / condition / "wind.wav", noise(rng))
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(tmp_path / "source")]) == 0
    clips = read_manifest(study / "clips" / "manifest.json").clips
    assert Counter((clip.prompt, clip.seed) for clip in clips) == {("rain", 1): 2, ("rain", 2): 2, ("wind", 1): 2}
    with TestClient(create_app(without_checks(study))) as client:
        assert begin(client)["trial"]["total"] == 6
        finish(client)
    assert main(["status", str(study)]) == 0


@pytest.mark.parametrize("verb", ["calibrate", "quantize", "inspect"])
def test_what_needs_a_model_says_that_there_is_none(source, tmp_path, capsys, verb):
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(source)]) == 0
    before = hashes(study)
    capsys.readouterr()
    assert main([verb, str(study)]) == 2
    assert "names no model" in complaint(capsys)
    assert hashes(study) == before


def test_the_low_anchor_of_mushra_is_made_or_brought(source, tmp_path, rng):
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(source)]) == 0
    text = (study / "study.yaml").read_text(encoding="utf-8").replace("type: acr", "type: mushra")
    (study / "study.yaml").write_text(text, encoding="utf-8")
    assert main(["generate", str(study)]) == 0
    clips = read_manifest(study / "clips" / "manifest.json").clips
    made = next(clip for clip in clips if clip.stimulus == "p1.anchor.1")
    assert made.origin["made_from"] == "System A"
    power = np.abs(np.fft.rfft(soundfile.read(study / "clips" / made.file)[0])) ** 2
    assert power[: int(len(power) * 4000 / 8000)].sum() > 0.999 * power.sum()
    for prompt in ("a_dog", "Glöckchen läuten"):
        write_sound(source / "anchor" / f"{prompt}.wav", noise(rng))
    assert main(["generate", str(study)]) == 0
    clips = read_manifest(study / "clips" / "manifest.json").clips
    assert next(clip for clip in clips if clip.stimulus == "p1.anchor.1").origin["file"] == "anchor/a_dog.wav"


def test_a_table_names_references_gold_clips_and_languages(tmp_path, rng):
    for name in ("a1", "b1", "r1", "a2", "b2", "r2", "g", "w"):
        write_sound(tmp_path / "wavs" / f"{name}.wav", noise(rng))
    lines = [
        "file;condition;prompt;reference;kind;expected;tolerance;language",
        *(f"{c}{n}.wav;{c.upper()};{text};r{n}.wav;;;;en" for n, text in ((1, "rain"), (2, "wind")) for c in "ab"),
        "a1.wav;A;Regen;r1.wav;;;;de",
        "g.wav;noise;thunder;;gold;1;0,5;en",
        "w.wav;A;snow;;practice;;;en",
    ]
    table = tmp_path / "wavs" / "clips.csv"
    table.write_text("\n".join(lines), encoding="utf-8")
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(table)]) == 0
    config = load_config(study / "study.yaml")
    assert config.conditions == ("A", "reference", "B")
    assert config.analysis.baseline == "reference"
    assert [prompt.text for prompt in config.prompts] == ["rain", "wind"]
    rows = list(csv.DictReader((study / "prompts.csv").open(encoding="utf-8")))
    assert [(row["prompt"], row["prompt_de"]) for row in rows] == [("rain", "Regen"), ("wind", "")]
    assert config.language == "en"
    clips = read_manifest(study / "clips" / "manifest.json").clips
    assert Counter(clip.kind for clip in clips) == {"trial": 6, "gold": 1, "practice": 1}
    gold = next(clip for clip in clips if clip.kind == "gold")
    assert (gold.condition, gold.prompt, gold.expected, gold.tolerance) == ("noise", "thunder", 1.0, 0.5)
    assert main(["check", str(study)]) == 0


def test_the_report_says_what_the_clips_are(source, tmp_path):
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(source)]) == 0
    with TestClient(create_app(without_checks(study))) as client:
        for _ in range(2):
            client.cookies.clear()
            finish(client)
    assert main(["analyze", str(study), "--peek"]) == 0
    methods = (study / "report" / "methods.txt").read_text(encoding="utf-8")
    assert "are files that were made elsewhere" in methods
    assert "at 16000 Hz" in methods
    assert "brought to -23 LUFS" in methods
    assert "noise" not in methods, "they share no noise"
    made = json.loads((study / "report" / "report.json").read_text(encoding="utf-8"))["provenance"]["clips"]
    assert made["imported"]["sample_rate"] == 16_000
    assert made["conditions"]["System A"]["scheme"] == "own clips"
    page = (study / "report" / "report.html").read_text(encoding="utf-8")
    assert "not recorded" not in page


def test_what_a_session_takes_is_known_of_the_clips(tmp_path, rng):
    source = write_tree(tmp_path / "source", rng, seconds=30, rate=8_000)
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(source)]) == 0
    with TestClient(create_app(without_checks(study))) as client:
        state = client.get("/api/state").json()
    assert state["clips"] == 4
    assert state["minutes"] == 3  # 4 x (30 + 8) s


def test_a_plan_counts_the_takes_and_the_seconds_of_the_clips(tmp_path, rng, capsys):
    for condition in ("a", "b"):
        for take in ("1", "2"):
            write_sound(tmp_path / "source" / condition / "rain" / f"{take}.wav", noise(rng, 25.0, 8_000), 8_000)
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(tmp_path / "source")]) == 0
    capsys.readouterr()
    assert main(["plan", str(study), "-o", str(tmp_path / "plan"), "--question", "these"]) == 0
    assert "the study has 2, so multiply the ratings" in capsys.readouterr().out


def test_missing_clips_are_planned_around(source, tmp_path, capsys):
    (source / "System A" / "a_dog.wav").unlink()
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(source)]) == 2
    assert "System A has none of 'a dog'" in complaint(capsys)
    assert not study.exists()
    assert main(["new", str(study), "--clips", str(source), "--missing"]) == 0
    with TestClient(create_app(without_checks(study))) as client:
        assert begin(client)["trial"]["total"] == 3
        finish(client)
    text = (study / "study.yaml").read_text(encoding="utf-8")
    other = tmp_path / "other"
    other.mkdir()
    (other / "study.yaml").write_text(text.replace("type: acr", "type: ab"), encoding="utf-8")
    (other / "study.yaml").write_text(
        (other / "study.yaml").read_text(encoding="utf-8").replace('baseline: "System A"', "baseline: System A"),
        "utf-8",
    )
    capsys.readouterr()
    assert main(["generate", str(other)]) == 0
    assert "compares with System A, which has none of: a dog; these drop out" in capsys.readouterr().err
    with TestClient(create_app(without_checks(other))) as client:
        assert begin(client)["trial"]["total"] == 1


def test_a_launched_study_keeps_its_clips_settings(source, tmp_path, capsys):
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(source)]) == 0
    with TestClient(create_app(without_checks(study))) as client:
        begin(client)
    text = (study / "study.yaml").read_text(encoding="utf-8")
    (study / "study.yaml").write_text(text.replace("loudness: -23", "loudness: -26"), encoding="utf-8")
    assert main(["generate", str(study)]) == 2
    assert "clips is" in (said := complaint(capsys))
    assert "earmark revise" in said
    assert main(["revise", str(study)]) == 0


def test_the_researcher_is_not_told_of_rendering(source, tmp_path):
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(source)]) == 0
    served = Study(study, Settings(admin_password=PASSWORD))
    shown = Overview(served, Rendering(study), Job(study, "analyze"))
    try:
        assert "own clips, 2 conditions, 2 prompts" in shown.head()
        assert "all 4 clips passed the launch gate" in shown.status()
        assert "système b" in shown.clips()
        (study / "clips" / "manifest.json").unlink()
        for part in (shown.head(), shown.status(), shown.clips()):
            assert "render" not in part.lower()
    finally:
        served.close()
