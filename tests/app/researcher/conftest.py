"""A folder, and its rendering by a stand-in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from standing_in import stand_in

from app.researcher.jobs import Rendering


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "a study"
    made.mkdir()
    return made


@pytest.fixture
def rendering(folder: Path) -> Iterator[Rendering]:
    made = Rendering(folder)
    made.command = stand_in(folder)
    yield made
    made.close()
