"""A study that asks for everything, served for the browser tests."""

from collections.abc import Iterator

import pytest
from arriving import RECRUITMENT, SESSION
from served import Server, write_study


@pytest.fixture(scope="module")
def full_house(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a study that asks for everything."""
    folder = tmp_path_factory.mktemp("full") / "study"
    running = Server(write_study(folder, session=SESSION, recruitment=RECRUITMENT))
    running.start()
    yield running
    running.stop()
