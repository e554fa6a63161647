"""A study under a path: what it names, what it keeps, and what it lets through, whether or not a proxy took it off."""

import re
from itertools import product
from urllib.parse import urljoin

import pytest
from behind import PATH, holds_to_its_path, log_in, stripping, take_part, tile
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import expect
from served import CONDITIONS, PASSWORD, settings_of
from starlette.types import Receive, Scope, Send
from taking_part import begin, rate
from visiting import DESKTOP

from app.errors import UsageError
from app.folder import STATIC
from app.participant.visitor import COOKIE
from app.researcher.login import LOGIN_COOKIE, Login
from app.server import create_app
from app.web.prefix import OWN, read_prefix
from app.web.proxies import Proxies, read_proxies

HOST = "http://lab.example"
NAMED = re.compile(r"""(?:href|src|action)=["'](?!data:)([^"' ]*/[^"']*|\w+\.\w+|log\w+)["']""")


def browser_of(app: FastAPI, prefix: str = PATH, proxies: str = "", *, off: bool = False, **said: str) -> TestClient:
    """Give a browser on the application under a path, which is taken `off`; `said` are headers of the proxy between."""
    known = Proxies(app, read_proxies(proxies) if proxies else [], prefix)

    async def through(scope: Scope, receive: Receive, send: Send) -> None:
        if off and scope["type"] == "http":
            assert scope["path"].startswith(f"{PATH}/"), scope["path"]
            scope["path"], scope["raw_path"] = (scope[name][len(PATH) :] for name in ("path", "raw_path"))
        await known(scope, receive, send)

    headers = {name.replace("_", "-"): value for name, value in said.items()}
    client = ("127.0.0.1", 50_000)
    return TestClient(through, base_url=HOST, follow_redirects=False, headers=headers, client=client)


@pytest.mark.parametrize("off", [True, False], ids=["taken off", "left on"])
def test_redirects_and_cookies_know_the_path(shared_app, off):
    anna = browser_of(shared_app, off=off)
    for path, to in {
        "/": "/study/",
        "/join": "/study/",
        "/withdraw": "/study/#withdraw",
        "/study": "/study/",
        "/admin": "/admin/login",
    }.items():
        assert anna.get(PATH + path).headers["location"] == PATH + to, path
    assert f"Path={PATH};" in anna.get(f"{PATH}/join?new").headers["set-cookie"]
    entered = anna.post(f"{PATH}/admin/login", data={"password": PASSWORD})
    assert entered.headers["location"] == f"{PATH}/admin/"
    paths = {re.search("Path=([^;]+)", cookie)[1] for cookie in entered.headers.get_list("set-cookie")}
    assert paths == {f"{PATH}/admin", f"{PATH}/admin/login"}
    left = anna.post(f"{PATH}/admin/logout")
    assert left.headers["location"] == f"{PATH}/admin/login"
    assert f"Path={PATH}/admin;" in left.headers["set-cookie"]


def test_who_takes_part_in_a_study_at_the_root_too_goes_on_in_both(shared_app):
    below, root = browser_of(shared_app), browser_of(shared_app, "")
    below.base_url, root.cookies = HOST + PATH, below.cookies.jar  # one browser, and one host
    begin(below)
    there = begin(root)
    answer = rate(below, below.get("/api/state").json())
    assert answer.json()["trial"]["position"] == 2
    assert root.get("/api/state").json() == there, "an answer went to the other study"
    assert {(one.name, one.path) for one in below.cookies.jar} == {(COOKIE, "/"), (COOKIE, PATH)}


@pytest.mark.sqlite
def test_two_studies_at_two_ports_of_a_host_are_kept_apart_and_what_was_begun_before_goes_on(shared_app, study):
    """Before there were marks, cookies were called as they are now at a host without a port."""
    other = create_app(study, settings_of(study))
    old, here, there = (
        TestClient(app, base_url=f"{HOST}{port}", follow_redirects=False)
        for app, port in ((shared_app, ""), (shared_app, ":8001"), (other, ":8002"))
    )
    here.cookies = there.cookies = old.cookies.jar  # one browser
    begin(old)
    for client in (here, there):
        assert client.post("/admin/login", data={"password": PASSWORD}).status_code == 303
        begin(client)
    for client in (here, there):
        assert rate(client, client.get("/api/state").json()).json()["trial"]["position"] == 2
        assert client.get("/admin/account").status_code == 200
    kept = old.get("/api/state").json()
    assert here.get("/api/state").json() == kept, "it goes on with what it had without a port"
    assert there.post("/api/withdraw", json={}).json()["stage"] == "withdrawn"
    assert there.get("/api/state").json()["stage"] == "consent"
    assert old.get("/api/state").json() == kept
    other.state.study.close()


def test_without_the_slash_it_leads_to_the_study(shared_app):
    assert browser_of(shared_app).get(PATH).headers["location"] == f"{PATH}/"


@pytest.mark.parametrize("head", ["", PATH, PATH * 2, "/other"])
def test_a_path_opens_nothing_that_is_closed(shared_app, head):
    for prefix, path in product(
        (PATH, "/lab/listening", ""),
        ("admin/export.csv", "admin/", "study/config", "admin/gradio_api/run/draw_numbers"),
    ):
        answer = browser_of(shared_app, prefix).get(f"{head}/{path}")
        assert answer.status_code in (303, 401, 404), (prefix, path)
        assert "study,participant" not in answer.text


def test_gradio_is_told_the_path(shared_app):
    page = browser_of(shared_app).get("/study/").text
    assert f'"root":"{HOST}{PATH}/study"' in page


def test_no_page_names_anything_outside_of_its_path(shared_app):
    anna = browser_of(shared_app)
    login = Login(shared_app.state.study.secrets, shared_app.state.study.store)
    anna.cookies.set(LOGIN_COOKIE, login.begin(), path=f"{PATH}/admin")
    drawn = anna.post(f"{PATH}/admin/gradio_api/run/draw_numbers", json={"data": [""]}).text.replace('\\"', '"')
    clips = anna.post(f"{PATH}/admin/gradio_api/run/draw_both", json={"data": ["", ""]}).text.replace('\\"', '"')
    pages = {
        "/study/": anna.get(f"{PATH}/study/").text,
        "/admin/": anna.get(f"{PATH}/admin/").text + drawn + clips,
        "/admin/login": browser_of(shared_app).get("/admin/login").text,
        "/p/nobody/withdraw": anna.get(f"{PATH}/p/nobody/withdraw").text,
    }
    assert "export.csv" in drawn
    assert f"p1.{CONDITIONS[0]}" in clips
    for path, text in pages.items():
        text = re.sub(r"<script>\{const MODULES.*?</script>", "", text, flags=re.DOTALL)
        named = {urljoin(HOST + PATH + path, found) for found in NAMED.findall(text)}
        assert named or path.startswith("/p/"), path
        outside = [url for url in named if not url.startswith(f"{HOST}{PATH}/")]
        assert outside == [], path


@pytest.mark.parametrize("prefix", ["", "/somewhere"])
def test_a_stated_proxy_names_the_path(shared_app, prefix):
    anna = browser_of(shared_app, prefix, "127.0.0.1", x_forwarded_prefix="/forged, /lab/study-2/")
    assert anna.get("/join").headers["location"] == "/lab/study-2/study/"
    stranger = browser_of(shared_app, prefix, "10.0.0.1", x_forwarded_prefix="/lab")
    assert stranger.get("/join").headers["location"] == f"{prefix}/study/"


@pytest.mark.parametrize("said", ["//evil.example", "/a/../b", "/a b", "https://evil.example/x", "/admin", "x", "/a;b"])
def test_no_path_is_taken_that_is_none(shared_app, said, caplog):
    anna = browser_of(shared_app, "", "127.0.0.1", x_forwarded_prefix=said)
    assert anna.get("/join").headers["location"] == "/study/"
    assert caplog.text.count("X-Forwarded-Prefix: ") == 1
    with pytest.raises(UsageError, match=r"^--root-path: [^\n]*such as /listening|write it like /listening[^\n]*$"):
        read_prefix(said)


def test_every_address_of_the_study_is_kept_from_being_its_path(shared_app):
    routers = [getattr(route, "original_router", None) for route in shared_app.routes]
    routes = [*shared_app.routes, *(route for router in routers if router for route in router.routes)]
    first = {route.path.split("/")[1] for route in routes if hasattr(route, "path")}
    assert {"join", "admin", "study", "api", "media"} <= first <= OWN


@pytest.mark.browser
def test_a_session_and_the_researchers_page_under_a_path(believing, visit):
    with stripping(believing) as (there, strays):
        anna = visit(there, DESKTOP)
        holds_to_its_path(anna, take_part(anna, "prefix"))
        anna.page.get_by_role("button", name="Next participant").click()
        anna.at("consent")

        page = log_in(visit(there, DESKTOP).context, there.url)
        assert tile(page, "Finished").startswith("1 of")
        clip = page.locator("audio").first
        length = clip.evaluate("async sound => { sound.muted = true; await sound.play(); return sound.duration }")
        assert length > 0
        page.get_by_role("tab", name="Participants").click()
        expect(page.locator("#open-link textarea")).to_have_value(f"{there.url}/join")
        expect(page.get_by_role("link", name="link", exact=True).first).to_be_visible()
        page.get_by_role("tab", name="Results").click()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download ratings.csv").click()
        assert download.value.path().read_text().count("\n") == 1 + 3
        page.get_by_role("button", name="Log out", exact=True).click()
        page.wait_for_url(f"{there.url}/admin/login")
        assert strays == []


def test_no_template_of_the_researchers_page_names_the_root_of_a_host():
    """What is drawn only of a large study too."""
    templates = {path.name: path.read_text(encoding="utf-8") for path in (STATIC / "admin").glob("*.html")}
    assert "people.html" in templates
    assert [name for name, text in templates.items() if re.search(r"""(?:href|src|action)=["']/""", text)] == []
