"""Who may frame what, said in the headers; and the cookies that a frame keeps."""

import json

import pytest
from fastapi.testclient import TestClient
from served import PASSWORD, write_study

from app.server import create_app
from app.settings import Settings
from survey import ConfigError, load_config
from survey.config.session import LANGUAGES

ALLOWED = "https://lab.eu.qualtrics.com"
PAGES = ["/", "/join", "/study/", "/withdraw"]
IN_A_FRAME = {"sec-fetch-dest": "iframe"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    folder = write_study(tmp_path_factory.mktemp("framing") / "study", recruitment=f"embed: ['{ALLOWED}']")
    return create_app(folder, Settings(admin_password=PASSWORD))


@pytest.fixture
def client(app) -> TestClient:
    return TestClient(app, base_url="https://study.example", follow_redirects=False)


def ancestors(answer) -> str:
    return answer.headers["content-security-policy"].rpartition("frame-ancestors ")[2]


@pytest.mark.parametrize("path", PAGES)
def test_an_allowed_site_frames_the_participants_pages(client, path):
    for referrer in ({"referer": f"{ALLOWED}/"}, {}):
        answer = client.get(path, headers=IN_A_FRAME | referrer)
        assert (ancestors(answer), "x-frame-options" in answer.headers) == (ALLOWED, False)
        assert answer.status_code in (200, 303)


@pytest.mark.parametrize("path", ["/admin/login", "/admin/", "/admin", "/kiosk", "/api/state", "/nothing", "/readyz"])
def test_nobody_frames_anything_else(client, path):
    answer = client.get(path, headers=IN_A_FRAME | {"referer": f"{ALLOWED}/"})
    assert (ancestors(answer), answer.headers["x-frame-options"]) == ("'none'", "DENY")


@pytest.mark.parametrize(
    "referrer", ["https://evil.example/", f"{ALLOWED}.evil.example/", f"{ALLOWED}:444/", "http://lab.eu.qualtrics.com/"]
)
def test_another_site_gets_a_link_and_nothing_else(client, referrer):
    answer = client.get("/join?seat=3&x=%22%3E", headers=IN_A_FRAME | {"referer": referrer})
    assert (answer.status_code, ancestors(answer)) == (200, "*")
    assert 'href="/join?seat=3&amp;x=%22%3E" target="_blank"' in answer.text
    assert "set-cookie" not in answer.headers
    assert "<script" not in answer.text


def test_without_tls_every_frame_gets_the_link(app):
    client = TestClient(app, base_url="http://study.example", follow_redirects=False)
    answer = client.get("/study/", headers=IN_A_FRAME | {"referer": f"{ALLOWED}/"})
    assert (ancestors(answer), "Open the study" in answer.text) == ("*", True)
    plain = client.get("/study/")
    assert (ancestors(plain), plain.headers["x-frame-options"]) == ("'none'", "DENY")
    cookie = client.get("/api/state").headers["set-cookie"]
    assert "partitioned" not in cookie.lower()


def test_a_study_that_nobody_may_frame_shows_the_link_in_a_frame(visitor):
    answer = visitor.get("/study/", headers=IN_A_FRAME)
    assert (ancestors(answer), "Open the study" in answer.text) == ("*", True)
    assert ancestors(visitor.get("/study/")) == "'none'"


def test_the_link_is_in_every_language(client):
    pages = {
        language: client.get(
            "/study/", headers={**IN_A_FRAME, "referer": "https://x.example/", "accept-language": language}
        )
        for language in LANGUAGES
    }
    assert len({page.text for page in pages.values()}) == len(LANGUAGES)
    assert all(f'lang="{language}"' in page.text for language, page in pages.items())


def test_cookies_of_participants_are_kept_for_the_framing_site_alone_and_taken_back_likewise(client):
    cookie = client.get("/api/state").headers["set-cookie"]
    assert cookie.endswith("; SameSite=None; Secure; Partitioned")
    assert cookie.lower().count("samesite") == cookie.lower().count("; secure") == 1
    gone = client.get("/join?new").headers.get_list("set-cookie")
    assert any("Max-Age=0" in one for one in gone)
    assert all(one.endswith("; SameSite=None; Secure; Partitioned") for one in gone)
    login = client.post("/admin/login", data={"password": PASSWORD}).headers.get_list("set-cookie")
    assert login
    assert all("SameSite=strict" in one and "Partitioned" not in one for one in login)


@pytest.mark.parametrize(
    "wrong", ["*", "lab.example", "ftp://x.example", "https://*.qualtrics.com", "https://Lab.example"]
    + [ALLOWED + tail for tail in ("/", "/survey", ";", " *", "'", " https://x.example", ":", ":123456", "?x", "@b")],
)  # fmt: skip
def test_what_is_no_origin_is_refused(tmp_path, wrong):
    path = write_study(tmp_path / "study", recruitment=f"embed: [{json.dumps(wrong)}]") / "study.yaml"
    with pytest.raises(ConfigError, match=r"recruitment\.embed.*must be https:// and a host"):
        load_config(path)
