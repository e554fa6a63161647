"""Verbs that need a model refuse one that will not do before anything slow is imported, and leave nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from app.folder import ROOT
from quant.pretrained.folder import MINI_FOLDER

PROGRAM = """
import sys
from app.cli import main
print(main(sys.argv[1:]), *{"torch", "sqlalchemy"} & {*sys.modules})
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A new study whose model has heads that cannot be turned."""
    folder, model = tmp_path / "study", tmp_path / "study" / "narrow"
    assert main(["new", str(folder)]) == 0
    model.mkdir()
    config = json.loads((MINI_FOLDER / "model_config.json").read_text(encoding="utf-8"))
    config["model"]["diffusion"]["config"]["num_heads"] = 16
    (model / "model_config.json").write_text(json.dumps(config), encoding="utf-8")
    (model / "model.safetensors").write_bytes(b"never read")
    written = (folder / "study.yaml").read_text(encoding="utf-8")
    (folder / "study.yaml").write_text(written.replace("\nmodel: mini ", "\nmodel: narrow "), encoding="utf-8")
    return folder


@pytest.mark.parametrize("verb", ["calibrate", "quantize", "generate", "inspect", "quantize --model"])
def test_model_is_refused_before_torch(verb: str, study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    arguments = [verb, str(study)]
    if verb == "quantize --model":
        arguments = [*verb.split(), str(study / "narrow"), "--variant", "sqs-w8a8", "-o", str(out)]
    before = sorted(study.rglob("*"))
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True)
    # What a launched study may not change is read from its database first.
    assert done.stdout.split() == ["2", *(["sqlalchemy"] if verb == "generate" else [])], done.stderr
    (line,) = done.stderr.splitlines()
    assert "narrow: model_config.json: model.diffusion.config.num_heads is 16" in line
    assert sorted(study.rglob("*")) == before
    assert not out.exists()
