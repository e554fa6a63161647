"""Two studies in a house with all plug-ins, from study.yaml to their reports: ``python plugged.py FOLDER``.

It runs in a process of its own in a copy of the repository, and leaves beside the studies what was seen on the way.
"""

import contextlib
import io
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from test_road import answer_everything
from tiny_study import tiny_study

from app.cli import main
from app.researcher.jobs import Job, Rendering
from app.researcher.overview import Overview
from app.server import create_app
from app.settings import Settings

NEW = "sqd-lora-w8a8-r8"
PEOPLE = 4


def grades(folder: Path) -> Path:
    """Render the new variant on the new engine, under the new key."""
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")
    tiny_study(folder, seed, "quantization: {engine: plain}\n")
    edit(folder, ("sqs-w8a8, sqd-lora-w8a8]", f"{NEW}]"), ("practice: 0,", "practice: 0, farewell: So long,"))
    assert run("generate", folder) == ""
    return folder


def yes_or_no(folder: Path, rendered: Path) -> Path:
    """Ask of the same clips the new type of question."""
    shutil.copytree(rendered, folder, ignore=shutil.ignore_patterns("study.db*", "report", "ratings.csv"))
    edit(folder, ("quantization:", "scale: {type: yesno}\nquantization:"))
    return folder


def heard(folder: Path, scores: tuple[int, int]) -> dict[str, Any]:
    """Have people answer: one score for the baseline, one for the other condition. Then export and analyse."""
    manifest = json.loads((folder / "clips" / "manifest.json").read_text())
    baseline = {(folder / "clips" / c["file"]).read_bytes() for c in manifest["clips"] if c["condition"] == "baseline"}
    app = create_app(folder, Settings(admin_password="correct horse"))
    study = app.state.study
    with TestClient(app):
        for _ in range(PEOPLE):
            client = TestClient(app)
            state = client.get("/api/state").json()
            answer_everything(
                client,
                lambda trial, client=client: scores[client.get(trial["urls"][0]).content not in baseline],
            )
        seen = {
            "question": state["question"],
            "cells": Overview(study, Rendering(folder), Job(folder, "analyze")).filling(),
            "farewell": study.config.session.farewell,
        }
    edit(folder, ("farewell: So long", "farewell: Ciao"))
    seen["changed"] = run("status", folder)
    assert run("export", folder) == ""
    assert run("state", folder, "close") == ""
    assert run("measure", folder, "--metrics", "peak") == ""
    assert run("analyze", folder) == ""
    return seen


def refused(folder: Path) -> str:
    """Say how a wrong value of the new key is refused."""
    edit(folder, ("farewell: Ciao", "farewell: 3"))
    said = run("status", folder)
    edit(folder, ("farewell: 3", "farewell: Ciao"))
    return said


def edit(folder: Path, *changes: tuple[str, str]) -> None:
    text = (folder / "study.yaml").read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (folder / "study.yaml").write_text(text)


def run(verb: str, folder: Path, *words: str) -> str:
    """Run a verb and return what it complains of."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = main([verb, str(folder), *words])
    return said.getvalue() if code else ""


if __name__ == "__main__":
    house = Path(sys.argv[1])
    rated = grades(house / "rated")
    asked = yes_or_no(house / "asked", rated)
    found = {"rated": heard(rated, (4, 3)), "asked": heard(asked, (1, 0)), "refused": refused(rated)}
    (house / "seen.json").write_text(json.dumps(found), encoding="utf-8")
