"""Who may do what: docs/serving/routes.md holds every route, and is walked as each of those whom it names."""

import re
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from route_table import ENDLESS, LINES, PAGE, ROW, WHO, Line
from served import CONDITIONS, PASSWORD, PROMPTS, write_study
from sqlalchemy import MetaData, Table, select

from app.accounts.passwords import hashed
from app.participant.media import headphone_answers
from app.researcher.login import LOGIN_COOKIE, Login
from app.server import create_app
from app.settings import Settings
from db.engine import reading

ROLES = ("reader", "assistant")
STIMULUS = "p1.baseline.1000"
OF_THEIRS = ("participant", "session", "trial", "rating", "event")  # tables that hold what is somebody's


class House:
    """The application with one participant on the way, another one, and the researchers."""

    def __init__(self, app: FastAPI) -> None:
        self.app, self.study, self.hosts = app, app.state.study, cycle(range(1, 255))
        for role in ROLES:
            self.study.store.accounts.add(role, role, hashed(PASSWORD))
        self.another = self._browser()
        self._begin(self.another)
        self.renew()

    def renew(self, upto: str = "") -> None:
        """Let a new participant come by a personal link, as far as the first clip or the page that is named."""
        (self.link,) = self.study.store.participants.invite(1)
        self.participant = self._browser()
        self.participant.get(f"/p/{self.link}")
        trial = self._begin(self.participant, upto).get("trial", {"media": "f" * 44, "position": 1})
        self.media, self.place = trial["media"], trial["position"]
        self.code = self.study.store.participants.code_of(self.link)

    def _browser(self) -> TestClient:
        host = f"203.0.113.{next(self.hosts)}"  # its own: tries are counted by address
        return TestClient(self.app, follow_redirects=False, client=(host, 50_000))

    def _begin(self, client: TestClient, upto: str = "") -> dict:
        state = client.get("/api/state").json()
        while state["stage"] != upto and state["stage"] in ("consent", "sound_check", "headphones", "instructions"):
            if state["stage"] == "headphones":
                session = self.study.store.sessions.state(client.cookies["earmark"]).session_id
                tried = state["headphones"]["tried"]
                body = {"tried": tried, "answers": headphone_answers(self.study, session, tried)}
                state = client.post("/api/headphones", json=body).json()
            else:
                state = client.post("/api/step", json={"page": state["stage"]}).json()
        return state

    def browser(self, who: str) -> TestClient:
        """Return a browser as one of the six has it; what it is given is not kept."""
        client = self._browser()
        if who in ("participant", "another"):
            client.cookies.update(getattr(self, who).cookies)
        if who in (*ROLES, "owner"):
            token = Login(self.study.secrets, self.study.store).begin(who)
            client.cookies.set(LOGIN_COOKIE, token, path="/admin")
        return client

    def ask(self, line: Line, who: str, *, link: str = "") -> Response:
        """Ask for what is the participant's, as one of the six."""
        given = {
            "token": link or self.link, "language": "de", "opaque": self.media, "place": 0, "tried": 0, "number": 0,
            "stimulus": STIMULUS, "code": self.code, "name": "compare.js",
            "api_name": "draw_numbers", "session_hash": "x", "path": "x", "size": 192,
        }  # fmt: skip
        bodies: dict[str, dict] = {
            "/api/step": {"page": "instructions"},
            "/api/questions": {"answers": {}},
            "/api/headphones": {"tried": 0, "answers": [0, 1, 2, 0, 1, 2]},
            "/api/rate": {"media": self.media, "score": 4, "plays": 1, "heard_seconds": 9, "response_ms": 9},
            "/api/skip": {"media": self.media, "reason": "undecodable"},
            "/api/event": {"kind": "error", "position": self.place},
            "/api/withdraw": {"code": "NOTTHEIR"},
            "/kiosk": {"do": "next"},
            "/admin/gradio_api/run/{api_name}": {"data": [""]},
            "/admin/gradio_api/cancel": {"session_hash": "x", "fn_index": 0, "event_id": "x"},
            "/admin/gradio_api/reset": {"event_id": "x"},
        }
        forms = {
            "/admin/account": {"do": "end", "present": PASSWORD},
            "/admin/accounts": {"do": "add", "name": "somebody", "role": "reader"},
            "/admin/people": {"count": "1"},
            "/admin/preview": {"do": "end"},
            "/admin/state": {"do": "extend", "by": "1"},
            "/admin/report.html": {},
        }
        path = line.path.format(**given)
        client = self.browser(who)
        if line.path == "/api/skip" and who == "participant":  # only what could not be played is left out
            client.post("/api/event", json=bodies["/api/event"])
        if line.method != "POST":
            return client.request(line.method, path)
        if line.path.startswith("/admin/log"):
            return client.post(path, data={"password": "wrong"})
        if line.path in forms:
            return client.post(path, data=forms[line.path])
        if line.path.startswith("/admin/session"):
            return client.post(path, data={"act": "include"})
        return client.post(path, json=bodies[line.path])

    def theirs(self) -> dict[str, list[dict]]:
        """Return every row of the database that is the participant's."""
        tables, found = MetaData(), {}
        with reading(self.study.store.scope.engine) as db:
            held = {name: Table(name, tables, autoload_with=db.connection()) for name in OF_THEIRS}
            person = held["participant"]
            ids = {"code": [self.code], "participant_id": []}
            ids["participant_id"] = list(db.scalars(select(person.c.id).where(person.c.code == self.code)))
            for name, table in held.items():
                key = next(one for one in ("trial_id", "session_id", "participant_id", "code") if one in table.c)
                rows = db.execute(select(table).where(table.c[key].in_(ids[key]))).mappings().all()
                found[name] = sorted((dict(row) for row in rows), key=str)
                ids[f"{name}_id"] = [row["id"] for row in rows]
        return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    folder = write_study(
        tmp_path_factory.mktemp("permissions") / "study", session="headphone_check: huggins, must_listen: false"
    )
    (folder / "report").mkdir()
    (folder / "report" / "report.html").write_text("<!doctype html><p>made</p>")
    app = create_app(folder, Settings(admin_password=PASSWORD))
    yield app
    app.state.study.close()


@pytest.fixture(scope="module")
def house(served: FastAPI) -> House:
    return House(served)


def mounted(app: FastAPI) -> dict[str, dict[str, list[str]]]:
    """Return the methods of Gradio's routes, by the page that they are of."""
    pages = [route for route in app.routes if getattr(getattr(route, "app", None), "openapi", None)]
    return {page.path: {path: list(held) for path, held in page.app.openapi()["paths"].items()} for page in pages}


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
def test_the_page_holds_exactly_the_routes_of_the_application(served):
    own = {(method.upper(), path) for path, held in served.openapi()["paths"].items() for method in held}
    gradios = {
        (method.upper(), f"{page}{path}")
        for page, paths in mounted(served).items()
        for path, held in paths.items()
        for method in held
    }
    said = {(line.method, line.path) for line in LINES}
    assert own - said == set(), "routes that docs/serving/routes.md does not name"
    assert said - own - gradios == set(), "routes that are not there"
    assert len(said) == len(LINES), "a route that is named twice"


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
@pytest.mark.parametrize("who", WHO)
def test_what_the_page_does_not_name_of_gradios_is_refused_to_everybody(house, who):
    said = {(line.method, line.path) for line in LINES}
    tried = 0
    for page, paths in mounted(house.app).items():
        for path, methods in paths.items():
            for method in map(str.upper, methods):
                if (method, page + path) in said:
                    continue
                tried += 1
                sent = {"json": {}} if method == "POST" else {}
                answer = house.browser(who).request(method, re.sub(r"{\w+}", "1", page + path), **sent)
                assert answer.status_code in (401, 403, 404), f"{method} {page}{path}: {answer.status_code}"
    assert tried > 50


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.method} {line.path}")
def test_everybody_may_what_the_page_says_and_no_more(house, line):
    house.renew("headphones" if "headphones" in line.path else "")
    for who in (*(one for one in WHO if one != "participant"), "participant"):
        # A login's cookie is for /admin: elsewhere one role is as unknown as another.
        if (line.path, who) == (ENDLESS, "owner") or (who in ROLES and not line.path.startswith("/admin")):
            continue
        before = house.theirs()
        assert before["trial"], "the participant whose things are asked for is on the way"
        answer = house.ask(line, who)
        asked = f"{line.method} {line.path} as {who}: {answer.status_code} {answer.text[:200]}"
        match line.may[who]:
            case "yes":
                assert answer.status_code < 400 or (answer.status_code, line.path[-5:]) == (404, "path}"), asked
                assert answer.headers.get("location") != "/admin/login" or line.path == "/admin/logout", asked
            case "no":
                theirs = who in ROLES and line.path.startswith("/admin")
                statuses = (403,) if theirs else (400, 401, 404)
                refused = answer.status_code in statuses or answer.headers.get("location") == "/admin/login"
                assert refused, asked
            case "home":
                assert answer.status_code == 303, asked
                assert answer.headers["location"] == {"reader": "/admin/reports", "assistant": "/admin/people"}[who]
            case "closed":
                assert (answer.status_code, house.study.runs.run("owner", "close")) == (404, ""), asked
                assert house.ask(line, who).status_code == 200, asked
                house.study.runs.run("owner", "launch")
            case "link":
                assert answer.status_code == 303, asked
                other = house.link[:-1] + ("A" if house.link[-1] != "A" else "B")
                assert house.ask(line, who, link=other).status_code == 404, asked
            case "password":
                assert answer.status_code == 401, asked
                assert LOGIN_COOKIE not in answer.headers.get("set-cookie", ""), asked
            case "code":
                assert answer.status_code == 403, asked
            case "own":
                assert answer.status_code < 400 or (who == "another" and answer.status_code == 404), asked
            case word:
                pytest.fail(f"{line.path}: {word} means nothing")
        if who != "participant":
            assert house.theirs() == before, f"{asked}: changed what is the participant's"
            if not line.path.startswith("/admin"):
                assert house.media not in answer.text, f"{asked}: told of the participant's clip"
        if who == "assistant" and line.path.startswith("/admin"):
            assert not [name for name in CONDITIONS if name in answer.text], f"{asked}: told a condition"
        if line.may[who] == "no":
            told = [word for word in (*PROMPTS, str(house.code), PASSWORD) if word in answer.text]
            assert not told, f"{asked}: told {told}"


def test_another_hears_no_sound_of_the_participants(house):
    house.renew()
    for path in (f"/media/{house.media}/0", "/media/headphones/0/0"):
        heard = house.participant.get(path)
        other = house.another.get(path)
        assert other.status_code == 404 or other.content != heard.content, path
        assert house.browser("anonymous").get(path).status_code == 404


def test_who_is_under_way_deletes_what_is_theirs_and_nothing_else(house):
    house.renew()
    before = house.theirs()
    assert house.another.post("/api/withdraw", json={}).json()["stage"] == "withdrawn"
    assert house.theirs() == before
    assert house.participant.post("/api/withdraw", json={}).json()["stage"] == "withdrawn"
    assert house.study.store.participants.code_of(house.link) is None


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_no_other_method_is_answered(house, method):
    for path in {line.path for line in LINES}:
        answer = house.browser("owner").request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code == 405, path


def test_no_page_lies_outside_the_table():
    """A row that the test cannot read would be walked by nobody."""
    rows = [line for line in Path(PAGE).read_text(encoding="utf-8").splitlines() if re.match(r"\| [A-Z]{3}", line)]
    assert len(rows) == len(ROW.findall(PAGE.read_text(encoding="utf-8")))
