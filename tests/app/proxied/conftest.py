"""A study that is reached under a path."""

from collections.abc import Iterator

import pytest
from behind import SESSION
from served import Server, write_study


@pytest.fixture(scope="module")
def believing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a study of three sounds a person, which believes the proxies of this machine."""
    folder = tmp_path_factory.mktemp("believing") / "study"
    running = Server(write_study(folder, session=SESSION, recruitment="lab: true"), proxies="127.0.0.1")
    running.start()
    yield running
    running.stop()
