"""A study folder, and the application over it: in this process or in one of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import KEPT
from fastapi import FastAPI
from fastapi.testclient import TestClient
from served import Server, settings_of, write_study
from visiting import browser, house, visit  # noqa: F401 - fixtures

from app.researcher.login import LOGIN_COOKIE, Login
from app.server import create_app


@pytest.fixture
def study(backend: str, tmp_path: Path) -> Path:
    return write_study(tmp_path / "study")


@pytest.fixture
def verbs_find(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Have verbs, and the processes that the researcher's page starts, find a study's answers where they are kept."""

    def find(folder: Path) -> None:
        if address := KEPT.address(folder):
            monkeypatch.setenv("DATABASE_URL", address)

    return find


@pytest.fixture
def server(study: Path) -> Iterator[Server]:
    running = Server(study)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(study: Path) -> Iterator[TestClient]:
    app = create_app(study, settings_of(study))
    with TestClient(app, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def shared_app(backend: str, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Build one application for the tests that leave it as it was; building takes a second or two."""
    folder = write_study(tmp_path_factory.mktemp("shared") / "study")
    return create_app(folder, settings_of(folder))


@pytest.fixture
def visitor(shared_app: FastAPI) -> TestClient:
    """Give a browser that has never been here, on the shared application."""
    return TestClient(shared_app, follow_redirects=False)


@pytest.fixture
def researcher(shared_app: FastAPI) -> TestClient:
    """Give a browser that is logged in on the shared application without a try at its password: those are few."""
    login = Login(shared_app.state.study.secrets, shared_app.state.study.store)
    client = TestClient(shared_app, follow_redirects=False)
    client.cookies.set(LOGIN_COOKIE, login.begin(), path="/admin")
    return client
