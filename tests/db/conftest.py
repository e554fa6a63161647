"""A store on SQLite and, where TEST_DATABASE_URL names a server, on PostgreSQL too."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from db import Store, database_url, open_engine
from survey.clips.manifest import Clip, Manifest
from survey.config.session import SessionRules

BACKENDS = ["sqlite", "postgresql"] if os.environ.get("TEST_DATABASE_URL") else ["sqlite"]


def make_manifest(prompts: int = 5, conditions: tuple[str, ...] = ("baseline", "sqs-w8a8", "sqd-lora-w8a8"), mark="0"):
    """Build a manifest; another `mark` stands for the same cells rendered anew."""
    clips = tuple(
        Clip(
            f"p{p}.{c}.1000", f"p{p}", f"prompt {p}", c, 1000, f"p{p}.{c}.1000.flac",
            f"{p}-{c}-{mark}".ljust(64, "0"), 1.0, 44_100, 2, 0.0, -23.0,
        )
        for p in range(1, prompts + 1)
        for c in conditions
    )  # fmt: skip
    ids = [f"p{p}" for p in range(1, prompts + 1)]
    return Manifest("s", "mini", "0.1.0", {}, {}, clips, {one: [other for other in ids if other != one] for one in ids})


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """Give the address of an empty database: a new file, or a schema of its own."""
    if request.param == "sqlite":
        yield database_url(tmp_path)
        return
    server = database_url(tmp_path, os.environ["TEST_DATABASE_URL"])
    schema = f"test_{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    yield server.update_query_dict({"options": f"-csearch_path={schema}"})
    with admin.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


@pytest.fixture
def store(url: URL) -> Iterator[Store]:
    opened = Store(open_engine(url), "s", SessionRules(headphone_check="none"))
    yield opened
    opened.close()


@pytest.fixture
def manifest():
    return make_manifest
