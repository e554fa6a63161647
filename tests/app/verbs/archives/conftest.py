"""A study that three people rated, with all that is private in it, and its archive."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from databases import KEPT
from routes import Routes
from served import write_study
from sqlalchemy import create_engine, insert, select

from app.cli import main
from db.engine import database_url
from db.tables import Base

PEOPLE = ("Anna", "Bert", "Carla")
SESSION = "headphone_check: none, practice: 1, attention_checks: 1, repeats: 1, comments: true"


@pytest.fixture(scope="session")
def in_a_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let three people take part, who come from a platform and write remarks, with their answers in study.db."""
    seed = int(os.environ.get("EARMARK_TEST_SEED") or int.from_bytes(os.urandom(4)))
    print(f"scores from seed {seed}")
    rng = Random(seed)
    recruitment = "completion_url: 'https://panel.example/done?cc=PAIDCODE', codes: {finished: PAIDCODE}"
    folder = write_study(tmp_path_factory.mktemp("rated") / "study", session=SESSION, recruitment=recruitment)
    routes = Routes(folder)
    for name in PEOPLE:
        state = routes.begin(name)
        while state["stage"] != "done":
            if state["stage"] == "ready":
                state = routes.visitor(name).post("/api/step", json={"page": "ready"}).json()
            else:
                state = routes.rate(name, state, score=rng.randint(1, 5), comment=f"{name} of Dortmund hears hiss")
    routes.study.runs.run("anna", "close")
    routes.study.close()
    with closing(sqlite3.connect(folder / "study.db")) as db:
        db.execute("UPDATE participant SET external_id = '5f3c9a' || code, source = 'prolific'")
        db.commit()
    return folder


@pytest.fixture(scope="session")
def archived(in_a_file: Path) -> Path:
    path = in_a_file.parent / "archive.zip"
    assert main(["archive", str(in_a_file), "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def kept(in_a_file: Path, backend: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give that study, or one with every row of it in PostgreSQL, where they lie in another order."""
    if backend == "sqlite":
        return in_a_file
    folder = tmp_path_factory.mktemp("kept") / "study"
    shutil.copytree(in_a_file, folder, ignore=shutil.ignore_patterns("study.db*"))
    with (
        create_engine(database_url(in_a_file, None)).connect() as there,
        create_engine(database_url(folder, KEPT.address(folder))).begin() as here,
    ):
        for table in Base.metadata.sorted_tables:
            if found := [row._asdict() for row in there.execute(select(table))]:
                here.execute(insert(table), found[::-1])
    return folder


@pytest.fixture
def rated(kept: Path, verbs_find: Callable[[Path], None]) -> Path:
    verbs_find(kept)
    return kept
