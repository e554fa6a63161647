"""A study that is served with little patience, and one behind a proxy."""

from collections.abc import Iterator

import pytest
from served import Server, write_study
from wire import SECONDS


@pytest.fixture(scope="module")
def served(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a study without a proxy."""
    running = Server(write_study(tmp_path_factory.mktemp("served") / "study"), request_seconds=SECONDS)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxied(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a study behind a proxy that is stated."""
    running = Server(write_study(tmp_path_factory.mktemp("proxied") / "study"), proxies="10.0.0.0/8, 127.0.0.1")
    running.start()
    yield running
    running.stop()
