"""What the routes' own schema allows, and what it does not: answered or refused in one line, never a fault."""

from collections.abc import Iterator

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from served import PASSWORD, write_study
from taking_part import begin

from app.researcher.login import LOGIN_COOKIE, Login
from app.server import create_app
from app.settings import Settings

MODES = list(schemathesis.GenerationMode)
EXAMPLES = 6  # of every route, by every sender


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    folder = write_study(
        tmp_path_factory.mktemp("schema") / "study", session="headphone_check: none, comments: true, go_back: true"
    )
    made = create_app(folder, Settings(admin_password=PASSWORD))
    yield made
    made.state.study.close()


@pytest.fixture(scope="module")
def senders(app: FastAPI) -> dict[str, TestClient]:
    """Give a participant at the first clip, somebody unknown, and the researcher."""
    made = {who: TestClient(app, follow_redirects=False) for who in ("participant", "anonymous", "researcher")}
    begin(made["participant"])
    token = Login(app.state.study.secrets, app.state.study.store).begin()
    made["researcher"].cookies.set(LOGIN_COOKIE, token, path="/admin")
    return made


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
def test_no_request_is_a_fault(app, senders):
    schema = schemathesis.openapi.from_dict(app.openapi())
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 25
    quick = settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip

    def send(operation):
        @given(case=st.sampled_from(MODES).flatmap(operation.as_strategy), who=st.sampled_from(sorted(senders)))
        @quick
        def sent(case, who):
            request = case.as_transport_kwargs(base_url="http://testserver")
            request.pop("cookies", None)
            answer = senders[who].request(**request)
            assert answer.status_code < 500, f"{case.method} {case.path} as {who}: {answer.text[:300]}"
            if answer.status_code >= 400 and answer.content and answer.headers["content-type"] == "application/json":
                assert "\n" not in answer.json()["error"]

        sent()

    for operation in operations:  # the login's tries are few: tests/app/researcher/test_login.py sends it odd things
        if operation.path != "/admin/login":
            send(operation)
