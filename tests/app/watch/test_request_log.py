"""The log as JSON: a line for each request with its number, and nothing of who asked or what was said."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from route_table import ENDLESS, LINES
from served import PASSWORD, Server, until, write_study

from app.watch.logs import NUMBER, Lines, Objects

KEYS = {"time", "level", "logger", "message", "request", "method", "route", "status", "ms", "exception"}
VISITOR = "203.0.113.77"  # as a proxy says it


class Logged(Server):
    """The server as the command starts it, whose log is JSON."""

    def command(self) -> list[str]:
        options = ["--port", str(self.port), "--log", "json", "--proxy", "127.0.0.1"]
        return [sys.executable, "-m", "app", "serve", str(self.folder), *options]

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def of(self, number: str) -> dict:
        """Return the line of a request, which is written after the answer is sent."""
        found: list[dict] = []

        def there() -> bool:
            found[:] = [line for line in self.lines() if line.get("request") == number and "route" in line]
            return bool(found)

        until(there)
        (line,) = found
        return line


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARMARK_LOG", "debug")  # whatever libraries say as well
        running = Logged(
            write_study(
                tmp_path_factory.mktemp("logged") / "study",
                session="headphone_check: none, comments: true, must_listen: false",
                recruitment="platform: prolific, demographics: [language], language: auto",
            )
        )
        running.start()
        yield running
        running.stop()


@pytest.fixture
def browser(logged: Logged) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=logged.url, headers={"X-Forwarded-For": VISITOR}, timeout=60) as client:
        yield client


def take_part(client: httpx.Client, mark: str) -> set[str]:
    """Send what the mark stands for in everything that a participant gives; return the secrets that were given."""
    client.get("/join", params={"PROLIFIC_PID": f"id-{mark}", "seat": mark})
    assert client.post("/api/step", json={"page": "consent"}).status_code == 200
    state = client.post("/api/questions", json={"answers": {"language": f"said-{mark}"}}).json()
    while state["stage"] in ("sound_check", "instructions"):
        state = client.post("/api/step", json={"page": state["stage"]}).json()
    media = state["trial"]["media"]
    assert client.get(state["trial"]["urls"][0]).status_code == 200
    client.post("/api/event", json={"kind": "error", "position": 1, "detail": {f"key-{mark}": mark}})
    client.post("/api/skip", json={"media": media, "reason": mark})
    state = client.get("/api/state").json()
    answer = {"media": state["trial"]["media"], "score": 3, "plays": 1, "heard_seconds": 9, "response_ms": 9}
    assert client.post("/api/rate", json={**answer, "comment": f"remark {mark}"}).status_code == 200
    assert client.post("/api/withdraw", json={"code": mark}).status_code == 403
    return {media, state["trial"]["media"], *(value.split(".")[0] for value in client.cookies.values())}


def walk(client: httpx.Client, mark: str) -> None:
    """Ask for every address of the table, with the mark in its parts, its query, its headers and its body."""
    marked = {"q": mark, "PROLIFIC_PID": mark}
    headers = {"User-Agent": mark, "Referer": f"http://{mark}.example/", "X-Mark": mark}
    for line in sorted(LINES, key=lambda line: line.path == "/admin/logout"):
        if line.path == ENDLESS:
            continue
        path = re.sub(r"{\w+}", quote(mark), line.path)
        sent = {"json": {mark: mark, "kind": mark, "page": mark}} if line.method == "POST" else {}
        client.request(line.method, path, params=marked, headers=headers, **sent)
    for path in (f"/{mark}", f"/p/{mark}/{mark}", f"/media/{mark}", f"/study/{mark}", f"/admin/{mark}"):
        client.get(path, headers=headers)
    client.request(mark.upper(), f"/api/{mark}", headers=headers)


def test_no_line_holds_anything_of_who_asked_or_what_was_said(logged, browser, seed):
    mark = f"mark{seed:x}"
    with httpx.Client(base_url=logged.url, headers={"X-Forwarded-For": VISITOR}, timeout=60) as researcher:
        assert researcher.post("/admin/login", data={"password": PASSWORD}).status_code == 303
        secrets = take_part(browser, mark) | {value.split(".")[0] for value in researcher.cookies.values()}
        walk(researcher, mark)
    walk(browser, mark)
    for n in range(7):  # more than may be tried
        browser.post("/admin/login", data={"password": f"{mark}-{n}"}, headers={"X-Mark": mark})
    last = browser.get("/healthz").headers["x-request-id"]
    logged.of(last)
    text, lines = logged.log.read_text(encoding="utf-8"), logged.lines()
    private = {mark, mark.upper(), VISITOR, "127.0.0.1", PASSWORD, *filter(None, secrets)}
    assert {one: [line for line in text.splitlines() if one in line][:2] for one in private if one in text} == {}
    assert all(line.keys() <= KEYS for line in lines)
    assert any("too many guesses" in line["message"] for line in lines)
    asked = {line.path for line in LINES} - {ENDLESS}
    told = {line["route"] for line in lines if "route" in line}
    assert "/p/{token}" in told
    assert {path for path in asked if not path.startswith(("/study", "/admin/"))} <= told
    assert {"/admin/export.csv", "/admin/metrics", "/study/assets", "other"} <= told
    assert {path.replace(":path", "") for path in told} - asked <= {"/study/assets", "/admin/assets", "other"}


def test_the_database_holds_neither_addresses_nor_the_names_of_browsers(logged, browser, seed):
    agent = f"Mozilla/5.0 (X11; agent{seed:x}) Firefox/128.0"
    browser.headers["User-Agent"] = agent
    take_part(browser, f"stored{seed:x}")
    held = b"".join(path.read_bytes() for path in logged.folder.glob("study.db*"))
    assert f"remark stored{seed:x}".encode() in held, "it would be found"
    assert b"Firefox 128" in held
    for private in (agent, f"agent{seed:x}", VISITOR, "127.0.0.1"):
        assert private.encode() not in held, private


def test_a_requests_number_is_taken_or_made_and_stands_in_page_and_log(logged, browser, seed):
    taken = f"proxy-{seed}"
    page = browser.get("/p/nobody", headers={"X-Request-ID": taken, "Accept-Language": "de"})
    assert page.headers["x-request-id"] == taken
    assert f"Anfrage {taken}" in page.text
    line = logged.of(taken)
    assert (line["method"], line["route"], line["status"]) == ("GET", "/p/{token}", 404)
    assert 0 < line["ms"] < 60_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    for odd in ("two words", "x" * 65, "<b>", "anna@example.org", ""):
        made = browser.get("/admin/export.csv", headers={"X-Request-ID": odd})
        number = made.headers["x-request-id"]
        assert number != odd
        assert re.fullmatch("[0-9a-f]{16}", number)
        assert f"Request {number}" in made.text
        assert logged.of(number)["status"] == 401


@pytest.mark.parametrize("formatter", [Lines(), Objects()])
def test_an_errors_words_are_left_out_while_a_request_is_answered(formatter):
    sent = "-".join(("what", "somebody", "sent"))  # a traceback shows the source

    def log() -> str:
        try:
            try:
                raise KeyError(sent)
            except KeyError as error:
                raise ValueError(f"Key (external_id)=({sent}) exists") from error
        except ValueError:
            record = logging.LogRecord("app", logging.ERROR, "", 0, "%s failed", ("/api/rate",), sys.exc_info())
        return formatter.format(record)

    assert sent in log(), "no participant is in what a thread of the server's does"
    before = NUMBER.set("4f1c")
    try:
        said = log()
    finally:
        NUMBER.reset(before)
    assert sent not in said
    assert all(part in said for part in ("builtins.KeyError", "builtins.ValueError", "4f1c", "test_request_log.py"))
