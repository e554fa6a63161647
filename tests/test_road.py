"""The whole road: weights in, significance out."""

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from fastapi.testclient import TestClient
from tiny_study import CONDITIONS, PROMPTS, tiny_study

from app.cli import main
from app.folder import ENTRIES
from app.server import create_app
from app.settings import Settings

ROOT = Path(__file__).parent.parent


def answer_everything(client: TestClient, score_of) -> int:
    """Take part as one person over the participant's own routes; returns the number of ratings given."""
    state = client.get("/api/state").json()
    given = 0
    for _ in range(200):
        stage = state["stage"]
        if stage == "done":
            return given
        if state.get("trial"):
            trial = state["trial"]
            assert client.get(trial["urls"][0]).status_code == 200
            body = {
                "media": trial["media"],
                "score": score_of(trial),
                "plays": 1,
                "heard_seconds": 600,
                "response_ms": 1200,
            }
            answer = client.post("/api/rate", json=body)
            given += 1
        else:
            answer = client.post("/api/step", json={"page": stage})
        assert answer.status_code == 200, answer.text
        state = answer.json()
    raise AssertionError(f"no end after 200 answers: {state}")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Path:
    folder = tiny_study(tmp_path_factory.mktemp("road") / "study", seed=int.from_bytes(os.urandom(4)))
    assert main(["calibrate", str(folder)]) == 0
    assert main(["quantize", str(folder)]) == 0
    assert main(["generate", str(folder)]) == 0
    return folder


def test_every_stop_of_the_road_is_a_file(rendered):
    assert (rendered / "models" / "calibration.safetensors").is_file()
    for condition in CONDITIONS[1:]:
        assert (rendered / "models" / f"{condition}.safetensors").is_file()
    manifest = json.loads((rendered / "clips" / "manifest.json").read_text())
    assert {(c["prompt"], c["condition"]) for c in manifest["clips"]} == {(p, c) for p in PROMPTS for c in CONDITIONS}
    for clip in manifest["clips"]:
        info = soundfile.info(rendered / "clips" / clip["file"])
        assert (info.frames, info.samplerate, info.subtype) == (22050, 22050, "PCM_16")
        assert clip["gain_db"] <= 0
    assert set(manifest["foils"]) == {c["prompt_id"] for c in manifest["clips"]}
    levels = [[c["loudness_lufs"] for c in manifest["clips"] if c["prompt"] == p] for p in PROMPTS]
    assert all(max(row) - min(row) < 0.1 for row in levels)
    assert json.loads((rendered / "progress.json").read_text())["state"] == "done"


def test_a_second_run_changes_nothing(rendered):
    def facts():
        return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in (rendered / "clips" / "raw").iterdir()}

    before, listed = facts(), (rendered / "clips" / "manifest.json").read_bytes()
    assert main(["generate", str(rendered)]) == 0
    assert facts() == before
    assert (rendered / "clips" / "manifest.json").read_bytes() == listed


def test_the_gate_names_what_was_damaged(rendered, capsys):
    victim = rendered / "clips" / "p1.sqs-w8a8.1000.flac"
    content = victim.read_bytes()
    try:
        samples, rate = soundfile.read(victim, dtype="int16")
        soundfile.write(victim, samples * 0, rate)
        assert main(["check", str(rendered)]) == 2
        assert "p1.sqs-w8a8.1000" in capsys.readouterr().out
    finally:
        victim.write_bytes(content)
    assert main(["check", str(rendered)]) == 0


def test_ratings_become_significance(rendered, capsys):
    preference = {"baseline": 5, "sqs-w8a8": 3, "sqd-lora-w8a8": 4}
    manifest = json.loads((rendered / "clips" / "manifest.json").read_text())
    condition_of = {(rendered / "clips" / c["file"]).read_bytes(): c["condition"] for c in manifest["clips"]}
    app = create_app(rendered, Settings(admin_password="correct horse"))
    people = 6
    with TestClient(app):
        for person in range(people):
            client = TestClient(app)

            def score_of(trial, client=client, person=person):
                condition = condition_of[client.get(trial["urls"][0]).content]
                return preference[condition] - (person + len(trial["prompt"])) % 2

            assert answer_everything(client, score_of) == len(PROMPTS) * len(CONDITIONS)
    assert main(["export", str(rendered)]) == 0
    with (rendered / "ratings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == people * len(PROMPTS) * len(CONDITIONS)
    assert {row["condition"] for row in rows} == set(CONDITIONS)
    assert main(["state", str(rendered), "close"]) == 0
    assert main(["analyze", str(rendered)]) == 0
    report = json.loads((rendered / "report" / "report.json").read_text())
    expected = {c: [int(r["score"]) for r in rows if r["condition"] == c] for c in CONDITIONS}
    for row in report["conditions"]:
        scores = expected[row["condition"]]
        assert row["n"] == len(scores)
        assert row["mean"] == pytest.approx(sum(scores) / len(scores))
    tests = {(row["test"], row["condition"]): row for row in report["comparisons"]}
    assert tests["paired_t", "sqs-w8a8"]["estimate"] == pytest.approx(-2)
    assert tests["paired_t", "sqd-lora-w8a8"]["estimate"] == pytest.approx(-1)
    assert "<svg" in (rendered / "report" / "report.html").read_text()
    assert main(["status", str(rendered)]) == 0
    known = {name.rstrip("/") for entry in ENTRIES for name in (entry.name, *entry.beside)}
    assert {path.name for path in rendered.iterdir()} - {"tiny"} <= known
    assert f"{people} finished" in capsys.readouterr().out


def test_a_clip_is_rendered_anew(rendered, tmp_path, monkeypatch, capsys, seed):
    """Bit-equal where it was rendered, and without its checkpoints elsewhere; else how far it is, and what differs."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(work))

    def facts(folder):
        return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}

    name, other = "p2.sqd-lora-w8a8.1000", "p1.baseline.1000"
    before = facts(rendered)
    killed = (
        "import os, signal, sys; from pathlib import Path; "
        "Path.symlink_to = lambda *names: os.kill(os.getpid(), signal.SIGKILL); "
        "from app.cli import main; main(sys.argv[1:])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(work)}
    subprocess.run([sys.executable, "-c", killed, "reproduce", str(rendered), name], env=environment, check=False)
    assert any(work.iterdir()), "killed, it leaves what it worked in"
    capsys.readouterr()
    assert main(["reproduce", str(rendered), name]) == 0
    assert not any(work.iterdir()), "the next clears that away"
    sha256 = hashlib.sha256((rendered / "clips" / f"{name}.flac").read_bytes()).hexdigest()
    assert capsys.readouterr().out == f"{name}: bit-equal, SHA-256 {sha256}\n"
    assert facts(rendered) == before
    folder = shutil.copytree(rendered, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("models", "raw", "*.db*"))
    listed = json.loads((folder / "clips" / "manifest.json").read_text())
    (clip,) = [one for one in listed["clips"] if one["stimulus"] == other]
    path = folder / "clips" / clip["file"]
    sound, rate = soundfile.read(path, dtype="int16")
    noise = np.random.default_rng(seed).integers(-9, 10, sound.shape)
    heard = np.clip(sound + noise, -32768, 32767).astype("int16")
    soundfile.write(path, heard, rate, subtype="PCM_16")
    clip["sha256"], clip["recipe"]["torch"] = hashlib.sha256(path.read_bytes()).hexdigest(), "1.0"
    (folder / "clips" / "manifest.json").write_text(json.dumps(listed))
    assert main(["reproduce", str(folder), other]) == 0
    lines = capsys.readouterr().out.splitlines()
    snr = 10 * np.log10((heard.astype(float) ** 2).sum() / ((heard.astype(float) - sound) ** 2).sum())
    assert lines[0].startswith(f"{other}: not bit-equal: SNR {snr:.1f} dB, ")
    assert lines[1:] == [f"  torch: {torch.__version__}, was 1.0"]
    assert main(["reproduce", str(folder), name]) == 0
    assert f"{name}: bit-equal" in capsys.readouterr().out, "calibrated and quantized anew"
    path.unlink()
    assert main(["reproduce", str(folder), other]) == 0
    assert "how far cannot be said" in capsys.readouterr().out
    assert main(["reproduce", str(folder), "p9.baseline.1"]) == 2
    assert "p9.baseline.1: no such clip" in capsys.readouterr().err


def test_ctrl_c_loses_at_most_the_clip_in_hand(tmp_path, seed):
    folder = tiny_study(tmp_path / "study", seed)
    text = (folder / "study.yaml").read_text().replace("steps: 3", "steps: 60")
    (folder / "study.yaml").write_text(text)
    command = [sys.executable, "-m", "app", "generate", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    raw = folder / "clips" / "raw"
    while process.poll() is None and len(list(raw.glob("[!.]*.flac"))) < 2:
        time.sleep(0.02)  # polls for the second clip; the test fails below if the process ended before
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, complaint
    assert "Traceback" not in complaint
    kept = {path.name: path.read_bytes() for path in raw.glob("*.flac")}
    assert len(kept) >= 2
    assert not list(folder.rglob("*.tmp"))
    assert not (folder / "clips" / "manifest.json").exists()
    assert json.loads((folder / "progress.json").read_text())["state"] == "stopped"
    assert main(["generate", str(folder)]) == 0
    assert all((raw / name).read_bytes() == content for name, content in kept.items())


@pytest.mark.slow
def test_the_road_on_the_embedded_model(tmp_path, capsys):
    folder = tmp_path / "study"
    assert main(["new", str(folder)]) == 0
    text = (folder / "study.yaml").read_text()
    text = text.replace("steps: 100", "steps: 15").replace("prompts: 50", "prompts: 2")
    (folder / "study.yaml").write_text(text)
    assert main(["generate", str(folder)]) == 0
    assert "9 clips passed the launch gate" in capsys.readouterr().out
    samples, rate = soundfile.read(folder / "clips" / "p1.baseline.1000.flac")
    assert len(samples) == 10 * rate
    quantized, _ = soundfile.read(folder / "clips" / "p1.sqd-lora-w8a8.1000.flac")
    assert (samples != quantized).any()
