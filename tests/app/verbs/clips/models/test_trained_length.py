"""Clips longer than those of the model's training are refused before any work, or listed as such where allowed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_study import tiny_study

from app.cli import main
from app.folder import ROOT
from survey import read_manifest

LONG = "name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8]\nprompts: [rain]\nsampling: {seconds: 30}\n"


@pytest.mark.parametrize("verb", ["calibrate", "quantize", "generate"])
def test_longer_clips_are_refused_with_the_trained_length(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.yaml").write_text(LONG)
    assert main([verb, str(tmp_path)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("earmark: sampling.seconds: 30 s ")
    assert "10.03 s that mini was trained on" in said
    assert "--beyond-training" in said
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_they_are_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(LONG)
    code = f"import sys; from app.cli import main; print(main(['quantize', {str(tmp_path)!r}]), 'torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["2", "False"]


def test_the_demo_study_is_refused_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "demo-study").mkdir()
    (tmp_path / "demo-study" / "study.yaml").write_text(LONG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--no-browser", "--port", "0"])
    assert stop.value.code == 2
    assert "10.03 s that mini was trained on" in capfd.readouterr().err


def test_allowed_they_are_rendered_and_the_manifest_says_so(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny_study(tmp_path / "study", seed)
    path = study / "tiny" / "model_config.json"
    written = json.loads(path.read_text())
    path.write_text(json.dumps(written | {"sample_size": 22050 // 2}))
    assert main(["generate", str(study)]) == 2
    assert "0.50 s that tiny was trained on" in capsys.readouterr().err
    assert main(["generate", str(study), "--beyond-training"]) == 0
    listed = study / "clips" / "manifest.json"
    assert read_manifest(listed).beyond_training == 0.5
    path.write_text(json.dumps(written))
    assert main(["generate", str(study)]) == 0
    assert read_manifest(listed).beyond_training is None


def test_a_model_alone_has_its_own_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["quantize", "--model", "mini", "--variant", "sqs-w8a8", "-o", str(tmp_path / "m.safetensors")]
    assert main([*asked, "--beyond-training"]) == 2
    assert capsys.readouterr().err.startswith("earmark: --beyond-training: ")
    assert not list(tmp_path.iterdir())
