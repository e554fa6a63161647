"""A study that is reached under a path."""

from collections.abc import Iterator

import pytest
from behind import believer
from served import Server


@pytest.fixture(scope="module")
def believing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a study that believes the proxies of this machine."""
    with believer(tmp_path_factory.mktemp("believing") / "study") as running:
        yield running
