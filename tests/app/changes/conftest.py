"""A study whose clips are written once."""

import shutil
from pathlib import Path

import pytest
from changing import ALL_CLIPS
from databases import KEPT
from served import write_study


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the clips once; a study is a copy."""
    return write_study(tmp_path_factory.mktemp("template") / "study", clips_of=ALL_CLIPS)


@pytest.fixture
def folder(backend: str, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "study"
    shutil.copytree(template, made)
    monkeypatch.setenv("DATABASE_URL", KEPT.address(made) or "")
    return made
