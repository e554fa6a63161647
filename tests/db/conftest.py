"""A store on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest
from databases import MIGRATED, Cluster
from sqlalchemy.engine import URL

from db import Store, database_url, open_engine
from survey.clips.manifest import Clip, Manifest
from survey.config.session import SessionRules


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


def _database(request: pytest.FixtureRequest, template: str) -> Iterator[URL]:
    if request.getfixturevalue("backend") == "sqlite":
        yield database_url(request.getfixturevalue("tmp_path"))
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    url = cluster.create(template)
    yield url
    cluster.drop(url)


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest) -> Iterator[URL]:
    """Give the address of a database without a row."""
    yield from _database(request, MIGRATED)


@pytest.fixture
def bare(backend: str, request: pytest.FixtureRequest) -> Iterator[URL]:
    """Give the address of a database without a table."""
    yield from _database(request, "template1")


@pytest.fixture
def store(url: URL) -> Iterator[Store]:
    opened = Store(open_engine(url), "s", SessionRules(headphone_check="none"))
    yield opened
    opened.close()


@pytest.fixture
def manifest():
    return make_manifest
