"""A study and participants whose every text is a script: no page that the server makes runs it."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import PASSWORD, write_study

from app.researcher.login import LOGIN_COOKIE, Login
from app.server import create_app
from app.settings import Settings

ATTACK = "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>"
PARTS = ("name", "prompt", "label", "question", "option", "consent", "comment")


class Tags(HTMLParser):
    """The tags of a page with their attributes, as a browser finds them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def harmful(page: str) -> list[tuple[str, dict[str, str | None]]]:
    """Return the tags by which the attack would come to life."""
    return [
        (tag, attributes)
        for tag, attributes in Tags(page).found
        if "onerror" in attributes or (tag == "svg" and "onload" in attributes) or attributes.get("src") == "x"
    ] + ([("script", {})] if re.search(r"<script>alert\(1\)", page) else [])


def attack(part: str) -> str:
    return f"{part} {ATTACK}"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = write_study(
        tmp_path_factory.mktemp("hostile") / "study",
        session="headphone_check: none, comments: true, must_listen: false, practice: 0",
        scale=f"question: {json.dumps(attack('label')[:100])}",
        recruitment=f"consent: {json.dumps(attack('consent'))}",
    )
    config = folder / "study.yaml"
    text = config.read_text(encoding="utf-8").replace("name: listening", f"name: {json.dumps(attack('name')[:100])}")
    text = text.replace("  - heavy rain on a window", f"  - {json.dumps(attack('prompt'))}")
    options = json.dumps([attack("option")[:100], "b"])
    text += f"questions: [{{name: mood, ask: {json.dumps(attack('question'))}, type: single, options: {options}}}]\n"
    config.write_text(text, encoding="utf-8")
    manifest = folder / "clips" / "manifest.json"
    held = json.loads(manifest.read_text(encoding="utf-8"))
    for clip in held["clips"]:
        if clip["prompt_id"] == "p2":
            clip["prompt"] = attack("prompt")
    manifest.write_text(json.dumps(held), encoding="utf-8")
    app = create_app(folder, Settings(admin_password=PASSWORD))
    yield app
    app.state.study.close()


@pytest.fixture(scope="module")
def taken_part(hostile):
    client = TestClient(hostile, follow_redirects=False)
    client.headers["user-agent"] = f"Mozilla {ATTACK} Chrome/1{ATTACK}"
    client.get("/join", params={"PROLIFIC_PID": ATTACK})
    state = client.get("/api/state").json()
    while state["stage"] != "trials":
        if state["stage"] == "questions":
            given = {question["name"]: question["options"][0] for question in state["questions"]}
            given = {name: option["value"] if isinstance(option, dict) else option for name, option in given.items()}
            answer = client.post("/api/questions", json={"answers": given})
        else:
            answer = client.post("/api/step", json={"page": state["stage"]})
        assert answer.status_code == 200, answer.text
        state = answer.json()
    body = {"media": state["trial"]["media"], "score": 3, "plays": 1, "heard_seconds": 9, "response_ms": 900}
    assert client.post("/api/rate", json=body | {"comment": attack("comment")}).status_code == 200
    return client


@pytest.mark.parametrize("path", ["/study/", "/admin/", "/admin/login", f"/{ATTACK}", f"/p/{ATTACK}", "/texts/x.json"])
def test_no_page_runs_what_a_study_or_a_request_holds(hostile, taken_part, path):
    token = Login(hostile.state.study.secrets, hostile.state.study.store).begin()
    client = TestClient(hostile, follow_redirects=False)
    client.cookies.set(LOGIN_COOKIE, token, path="/admin")
    answer = client.get(path)
    assert not harmful(answer.text), answer.text[:2000]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_nothing_on_the_researchers_page_runs_either(hostile, taken_part):
    """What the page draws of itself comes as JSON, and is put into it as HTML."""
    token = Login(hostile.state.study.secrets, hostile.state.study.store).begin()
    client = TestClient(hostile, follow_redirects=False)
    client.cookies.set(LOGIN_COOKIE, token, path="/admin")
    shown = ""
    for name, given in (("draw_numbers", []), ("lambda", []), ("draw_both", [""]), ("people", [])):
        answer = client.post(f"/admin/gradio_api/run/{name}", json={"data": given})
        if answer.status_code == 200:
            pieces = [one for one in answer.json()["data"] if isinstance(one, str)]
            shown += "".join(
                pieces
                + [
                    one["value"]
                    for one in answer.json()["data"]
                    if isinstance(one, dict) and isinstance(one.get("value"), str)
                ]
            )
    assert "alert(1)" in unescape(shown), "the texts are there"
    assert not harmful(shown)


def test_what_is_told_to_a_script_is_json(taken_part):
    answer = taken_part.get("/api/state")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_makes_no_html_of_what_it_is_told():
    """The script puts texts into the page as texts; the one HTML that it sets is of its own."""
    from served import ROOT

    sets = re.compile(
        r"\.(innerHTML|outerHTML)\s*=(?! keys\(\))|insertAdjacentHTML|document\.write|\beval\(|new Function"
    )
    for script in sorted((ROOT / "app" / "static").rglob("*.js")):
        assert not sets.search(script.read_text(encoding="utf-8")), script.name
