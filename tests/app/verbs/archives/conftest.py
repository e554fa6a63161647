"""A study that three people rated, with all that is private in it, and its archive."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from routes import Routes
from served import write_study

from app.cli import main

PEOPLE = ("Anna", "Bert", "Carla")
SESSION = "headphone_check: none, practice: 1, attention_checks: 1, repeats: 1, comments: true"


@pytest.fixture(scope="session")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let three people take part, who come from a platform and write remarks."""
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
def archived(rated: Path) -> Path:
    path = rated.parent / "archive.zip"
    assert main(["archive", str(rated), "-o", str(path)]) == 0
    return path
