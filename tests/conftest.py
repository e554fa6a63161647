"""Fixtures of all tests."""

import os
from collections.abc import Iterator

import pytest
import torch
from databases import KEPT, Cluster

if not torch.cuda.is_available():
    # Before Triton is imported, wherever that happens first: its kernels then run on the CPU.
    os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture
def seed() -> int:
    """Give a fresh seed, printed when a test fails; EARMARK_TEST_SEED repeats one."""
    number = int(os.environ.get("EARMARK_TEST_SEED") or int.from_bytes(os.urandom(4)))
    print(f"seed: {number} (repeat with EARMARK_TEST_SEED={number})")
    return number


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Start PostgreSQL for the tests of this process: that takes a second, and sharing one would take a lock."""
    try:
        running = Cluster()
    except FileNotFoundError:
        message = "THE TESTS ON POSTGRESQL DID NOT RUN: it is not installed; `apt-get install postgresql` brings it"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    yield running
    running.stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what keeps answers on SQLite, and on PostgreSQL too unless a test says that there is nothing to see."""
    if "backend" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("sqlite") is not None
        kinds = ["sqlite"] if alone else ["sqlite", "postgresql"]
        metafunc.parametrize("backend", kinds, indirect=True, scope="module")


@pytest.fixture(scope="module")
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have the studies that are written keep their answers in study.db, or in PostgreSQL; give its name."""
    if request.param == "postgresql":
        KEPT.on(request.getfixturevalue("cluster"))
    yield request.param
    KEPT.on(None)
