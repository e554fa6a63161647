"""The researcher's page: its routes, its work in other processes, and the page in a browser."""

import itertools
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from served import CONDITIONS, PASSWORD, PROMPTS, ROOT
from visiting import SHOTS

from app.errors import JobError
from app.researcher.overview import Overview
from app.researcher.page import read_codes
from app.server import create_app
from app.settings import Settings
from app.study import Study
from app.web.jobs import Job, Rendering
from db import Answer
from survey import read_manifest, write_manifest

CLIP = f"p1.{CONDITIONS[0]}.1000"
HOSTILE = "<img src=x onerror=\"document.title='broken'\"> ${document.title='broken'} {{7*7}} & \"rain\""

# Stands where `python -m app` stands: the same account of the same work, without a model. It goes on when told.
STAND_IN = """
import pathlib, shutil, signal, sys, time
from app.progress import Progress

signal.signal(signal.SIGINT, signal.default_int_handler)
verb, folder, options = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
wish = (folder / "wish").read_text()
if wish == "refuse":
    sys.exit("earmark: weights.safetensors: is not there; put it back")
if wish == "stubborn":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
with Progress(folder, 40) as progress:
    progress.advance(10)
    progress.say("fresh clips" if "--fresh" in options else "clips")
    while not (folder / "go").exists():
        time.sleep(0.02)
    if wish == "break":
        raise ValueError("the disk is <full>")
    if (folder / "new.json").exists():
        shutil.copy(folder / "new.json", folder / "clips" / "manifest.json")
"""


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass within a minute"
        time.sleep(0.02)  # polling, not timing: the condition above decides


def stand_in(folder: Path, wish: str = "work") -> list[str]:
    script = folder.parent / "stand_in.py"
    script.write_text(STAND_IN, encoding="utf-8")
    (folder / "wish").write_text(wish)
    return [sys.executable, str(script)]


def log_in(client: TestClient) -> TestClient:
    client.post("/admin/login", data={"password": PASSWORD})
    return client


def take_part(study: Study, answers: int) -> None:
    """Let one participant go through the study up to a number of answers, practice included."""
    (token,) = study.store.participants.invite(1)
    state = study.store.sessions.start(token)
    while answers and state.stage != "done":
        if state.trial is None:
            state = study.store.sessions.confirm(token, state.stage)
            continue
        answer = Answer(state.trial.same, 1 + answers % 5, 1, 1.0, 900)
        state, answers = study.store.sessions.rate(token, answer), answers - 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "a study"
    made.mkdir()
    return made


@pytest.fixture
def rendering(folder: Path) -> Iterator[Rendering]:
    made = Rendering(folder)
    made.command = stand_in(folder)
    yield made
    made.close()


# --- routes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [f"/admin/clip/{CLIP}", "/admin/clip/x", "/admin/report.html", "/admin/clip/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_nothing_of_it_is_for_the_logged_out(visitor, path, method):
    answer = visitor.request(method, path, **({"json": {}} if method == "POST" else {}))
    assert answer.status_code == 401
    assert CONDITIONS[1] not in answer.text


def test_a_clip_is_served_as_it_is_and_in_parts(client, study):
    log_in(client)
    sound = (study / "clips" / f"{CLIP}.flac").read_bytes()
    answer = client.get(f"/admin/clip/{CLIP}")
    assert answer.content == sound
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["cache-control"].startswith("private")
    part = client.get(f"/admin/clip/{CLIP}", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, sound[10:20])
    assert client.head(f"/admin/clip/{CLIP}").headers["content-length"] == str(len(sound))


@pytest.mark.parametrize(
    "name",
    ["p9.baseline.1000", f"{CLIP}.flac", "manifest.json", "../study.yaml", "..%2Fstudy.yaml", "..%2F.secret.json",
     "%2Fetc%2Fpasswd", "....//study.yaml", "..%5Cstudy.yaml", "%00", "."],
)  # fmt: skip
def test_only_what_the_manifest_names_is_a_clip(client, name):
    log_in(client)
    answer = client.get(f"/admin/clip/{name}")
    assert answer.status_code in (404, 303), answer.text
    assert PROMPTS[1] not in answer.text


def test_a_clip_that_points_out_of_the_folder_is_refused(client, study):
    log_in(client)
    (study / "clips" / f"{CLIP}.flac").unlink()
    (study / "clips" / f"{CLIP}.flac").symlink_to(study / "study.yaml")
    assert client.get(f"/admin/clip/{CLIP}").status_code == 404


def test_the_report_is_there_once_it_is_made(client, study):
    log_in(client)
    assert client.get("/admin/report.html").status_code == 404
    (study / "report").mkdir()
    (study / "report" / "report.html").write_text("<!doctype html><p>made</p>")
    answer = client.get("/admin/report.html")
    assert answer.text.endswith("<p>made</p>")
    assert "default-src 'self'" in answer.headers["content-security-policy"]


# --- rendering in another process -------------------------------------------------------------------


def test_a_rendering_runs_once_at_a_time_and_leaves_no_zombie(folder):
    ended = threading.Event()
    rendering = Rendering(folder, on_end=ended.set)
    rendering.command = stand_in(folder)
    assert rendering.report().state == "idle"
    rendering.start("--fresh")
    assert rendering.report().busy
    until(lambda: rendering.report().message == "fresh clips")
    report = rendering.report()
    assert (report.state, report.done, report.total) == ("running", 10, 40)
    for second in (rendering, Rendering(folder)):
        with pytest.raises(JobError, match="already"):
            second.start()
    (folder / "go").touch()
    assert ended.wait(60)
    assert (rendering.report().state, rendering.report().done) == ("done", 40)
    assert stat.S_IMODE(rendering.log.stat().st_mode) == 0o600
    with pytest.raises(ProcessLookupError):
        os.kill(report.pid, 0)  # a zombie would still take the signal
    assert os.getpgid(0) != report.pid


def test_stopping_ends_it_in_order(rendering, folder):
    rendering.start()
    until(lambda: rendering.report().state == "running")
    rendering.stop()
    assert rendering.report().state in ("stopping", "stopped")
    until(lambda: not rendering.report().busy)
    assert rendering.report().state == "stopped"
    assert json.loads((folder / "progress.json").read_text())["state"] == "stopped", "it could tidy up"
    (folder / "go").touch()
    rendering.start()
    until(lambda: rendering.report().state == "done")


def test_stopping_twice_ends_one_that_does_not_listen(rendering, folder):
    rendering.command = stand_in(folder, "stubborn")
    rendering.start()
    until(lambda: rendering.report().state == "running")
    rendering.stop()
    assert rendering.report().state == "stopping"
    rendering.stop()
    until(lambda: rendering.report().state == "stopped")


@pytest.mark.parametrize(
    ("wish", "message"), [("refuse", "weights.safetensors: is not there; put it back"), ("break", "the disk is <full>")]
)
def test_a_failure_is_told_in_one_line(rendering, folder, wish, message):
    rendering.command = stand_in(folder, wish)
    (folder / "go").touch()
    rendering.start()
    until(lambda: not rendering.report().busy)
    assert (rendering.report().state, rendering.report().message) == ("failed", message)


def test_the_real_command_says_what_is_wrong_with_a_study(folder):
    (folder / "study.yaml").write_text("name: x\nmodel: mini\nconditions: [baseline]\nprompts: ['']\n")
    ended = threading.Event()
    rendering = Rendering(folder, on_end=ended.set)
    rendering.start()
    assert ended.wait(120)
    assert rendering.report().state == "failed"
    assert "prompts" in rendering.report().message
    assert "Traceback" not in rendering.log.read_text()


def test_one_from_a_terminal_is_seen_and_can_be_stopped(rendering, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    terminal = subprocess.Popen([*stand_in(folder), "generate", str(folder)], env=environment, start_new_session=True)
    until(lambda: rendering.report().state == "running")
    assert rendering.report().pid == terminal.pid
    with pytest.raises(JobError, match="already"):
        rendering.start()
    rendering.stop()
    assert terminal.wait(60) != 0
    assert rendering.report().state == "stopped"


@pytest.mark.parametrize("whose", ["dead", "stranger", "own", "zero", "all", "huge"])
def test_what_a_killed_one_left_behind_counts_as_stopped(rendering, folder, whose):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pids = {"dead": dead.pid, "stranger": stranger.pid, "own": os.getpid(), "zero": 0, "all": -1, "huge": 2**70}
    facts = {
        "state": "running",
        "done": 3,
        "total": 9,
        "rate_per_s": 1.0,
        "eta_s": 6.0,
        "message": "",
        "pid": pids[whose],
    }
    (folder / "progress.json").write_text(json.dumps(facts))
    assert (rendering.report().state, rendering.report().done) == ("stopped", 3)
    rendering.stop()
    assert stranger.poll() is None, "a process that only has the number is left alone"
    stranger.communicate(b"\n")
    (folder / "go").touch()
    rendering.start()
    until(lambda: rendering.report().state == "done")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"state": 1}', '{"state": "running", "done": "x"}', "\x00"])
def test_a_damaged_account_counts_as_none(rendering, folder, text):
    (folder / "progress.json").write_text(text)
    assert rendering.report().state == "idle"


def test_an_unwritable_folder_is_told(folder):
    rendering = Rendering(folder / "gone")
    with pytest.raises(JobError, match="cannot be started"):
        rendering.start()


def test_the_server_takes_its_rendering_along_when_it_closes(study):
    app = create_app(study, Settings(admin_password=PASSWORD))
    app.state.rendering.command = stand_in(study)
    with TestClient(app):
        app.state.rendering.start()
        until(lambda: app.state.rendering.report().state == "running")
        pid = app.state.rendering.report().pid
        assert os.getpgid(pid) == pid, "Ctrl-C on the server's terminal reaches the server alone"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    assert json.loads((study / "progress.json").read_text())["state"] == "stopped"


def test_the_study_takes_new_clips_over(study):
    shutil.move(study / "clips" / "manifest.json", study / "new.json")
    app = create_app(study, Settings(admin_password=PASSWORD))
    app.state.rendering.command = stand_in(study)
    with TestClient(app):
        assert not app.state.study.ready
        (study / "go").touch()
        app.state.rendering.start()
        until(lambda: app.state.study.ready)


# --- what is shown ----------------------------------------------------------------------------------


def overview(folder: Path) -> Overview:
    return Overview(Study(folder, Settings(admin_password=PASSWORD)), Rendering(folder), Job(folder, "analyze"))


def test_faults_of_the_clips_are_shown(study):
    path = study / "clips" / f"{CLIP}.flac"
    path.write_bytes(path.read_bytes() + b"x")
    shown = overview(study)
    assert "not the file that was rendered" in shown.status()
    assert "Closed: clips refused" in shown.head()
    (study / "clips" / "manifest.json").write_text("{")
    shown.study.refresh(wait=True)
    assert "damaged or unreadable" in shown.status()


def test_an_edited_study_is_pointed_out(study):
    shown = overview(study)
    assert "restart" not in shown.status()
    text = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text(text.replace(PROMPTS[0], "a cat"))
    assert "restart it to take that over" in shown.status()
    (study / "study.yaml").write_text(text + "<i>nonsense</i>: 1\n")
    assert "&lt;i&gt;nonsense&lt;/i&gt;: unknown key" in shown.status()


def test_the_numbers_are_those_of_the_store(study):
    shown = overview(study)
    assert "Nobody has taken part yet" in shown.people()
    assert not shown.has_ratings()
    take_part(shown.study, answers=2)
    assert not shown.has_ratings(), "practice is nothing to report on"
    take_part(shown.study, answers=2 + 15)
    assert shown.has_ratings()
    assert shown.cells().count(">1</td>") == 15
    assert "15 of 15" in shown.people()
    assert "<small> of 20</small>" in shown.head()
    assert "15 ratings" in shown.files()


# --- in a browser -----------------------------------------------------------------------------------


class House:
    """The application on a port of its own, in a thread, so that its parts can be reached."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.app = folder, create_app(folder, Settings(admin_password=PASSWORD))
        self._server = uvicorn.Server(
            uvicorn.Config(self.app, port=0, log_level="warning", timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        until(lambda: self._server.started)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def house(study: Path) -> Iterator[House]:
    manifest = read_manifest(study / "clips" / "manifest.json")
    text = (study / "study.yaml").read_text().replace(f"  - {PROMPTS[0]}\n", f"  - {json.dumps(HOSTILE)}\n")
    (study / "study.yaml").write_text(text)
    for clip in manifest.clips:
        if clip.prompt == PROMPTS[0]:
            object.__setattr__(clip, "prompt", HOSTILE)
    write_manifest(study / "clips" / "manifest.json", manifest)
    running = House(study)
    yield running
    running.stop()


@pytest.fixture
def enter(browser, house: House) -> Iterator[Callable[..., Page]]:
    contexts, errors = [], []

    def open_page(size: tuple[int, int] = (1280, 900), scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(house.url + "/admin/")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("audio")).to_have_count(15)
        expect(page.locator(".tiles")).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.mark.browser
def test_a_researcher_renders_listens_and_stops(enter, house):
    house.app.state.rendering.command = stand_in(house.folder)
    page = enter()
    assert HOSTILE in page.locator(".clips .prompt").first.inner_text(), "text is text, whatever it says"
    assert "broken" not in page.title()
    sound = page.locator(f'audio[src^="/admin/clip/{CLIP}"]')
    length = sound.evaluate("async sound => { sound.muted = true; await sound.play(); return sound.duration }")
    assert length == pytest.approx(house.app.state.study.manifest.clips[0].seconds, abs=0.05)

    page.get_by_role("button", name="Render all anew").click()
    page.get_by_role("button", name="Yes, replace all clips").click()
    expect(page.locator(".status")).to_contain_text("fresh clips")
    expect(page.locator(".status")).to_contain_text("10 of 40 steps")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
    expect(page.get_by_role("button", name="Generate clips")).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".status")).to_contain_text("Stopped")

    page.get_by_role("button", name="Generate clips").click()
    expect(page.locator('.status[data-state="running"]')).to_be_visible()
    (house.folder / "go").touch()
    expect(page.locator('.status[data-state="done"]')).to_contain_text("all 15 clips passed")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


@pytest.mark.browser
def test_a_clip_plays_on_while_the_page_keeps_looking(enter, house):
    page = enter()
    page.evaluate("document.querySelector('audio').dataset.kept = 'yes'")
    for _ in range(2):
        with page.expect_response(lambda answer: "/gradio_api/run/" in answer.url):
            pass
    assert page.evaluate("document.querySelector('audio').dataset.kept") == "yes"


@pytest.mark.browser
def test_a_researcher_invites_counts_and_makes_the_report(enter, house):
    page = enter()
    page.get_by_role("tab", name="Participants").click()
    expect(page.locator("#open-link textarea")).to_have_value(f"{house.url}/join")
    page.get_by_label("Personal links", exact=True).fill("3")
    page.get_by_role("button", name="Make personal links").click()
    expect(page.locator(".em table.grid tbody tr:visible")).to_have_count(3)
    links = page.locator("#links textarea").input_value().split("\n")
    assert links == [f"{house.url}/p/{person.link}" for person in house.app.state.study.store.results.progress()]

    page.get_by_role("tab", name="Results").click()
    page.get_by_role("button", name="Make the report").click()
    expect(page.get_by_role("alert")).to_have_text("There are no ratings yet, so there is nothing to report.")
    for _ in range(3):
        take_part(house.app.state.study, answers=2 + 15)
    page.get_by_role("tab", name="Participants").click()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Discard the sessions of").fill("p004, P099")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("status").filter(has_text="P004: discarded.")).to_contain_text("No session of P099.")
    assert [row.counted for row in house.app.state.study.store.results.sessions()] == [False, True, True]
    page.get_by_role("tab", name="Results").click()
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator(".heat").first).to_have_text("2")
    page.get_by_role("button", name="Make the report").click()
    expect(page.get_by_role("link", name="Open report")).to_be_visible(timeout=120_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download ratings.csv").click()
    assert download.value.path().read_text().count("\n") == 1 + 3 * (2 + 15)
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Open report").click()
    expect(popup.value.locator("body")).to_contain_text(CONDITIONS[1])


@pytest.mark.browser
def test_an_ended_login_leads_to_the_login_page(enter):
    page = enter()
    page.context.clear_cookies()
    page.wait_for_url("**/admin/login")


@pytest.mark.browser
def test_the_page_is_readable_everywhere(enter, house):
    take_part(house.app.state.study, answers=2 + 9)
    SHOTS.mkdir(parents=True, exist_ok=True)
    for (width, height), scheme in itertools.product(((1280, 900), (390, 844)), ("light", "dark")):
        page = enter((width, height), scheme)
        for tab in ("Clips", "Participants", "Results"):
            page.get_by_role("tab", name=tab).click()
            expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{tab} scrolls sideways"
            page.screenshot(path=SHOTS / f"admin-{tab.lower()}-{width}-{scheme}.png", animations="disabled")
            faults = [
                (fault["id"], node["target"])
                for fault in Axe().run(page).response["violations"]
                if fault["impact"] in ("serious", "critical")
                for node in fault["nodes"]
            ]
            assert faults == [], (tab, width, scheme)


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ("p003, P7", ["P003", "P007"]),
        ("P010-P012", ["P010", "P011", "P012"]),
        ("P010 – 12 P011", ["P010", "P011", "P012"]),
        ("P001 foo", None),
        ("P010 to P015", None),
        ("P015-P010", None),
        ("P1-", None),
    ],
)
def test_codes_are_read_as_meant_or_not_at_all(given, codes):
    if codes is None:
        with pytest.raises(JobError, match="code"):
            read_codes(given)
    else:
        assert read_codes(given) == codes
