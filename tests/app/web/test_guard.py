"""The guard: what is let through, to whom, and with which headers."""

import pytest
from served import PASSWORD


@pytest.mark.parametrize(
    "path",
    [
        "/study/config", "/study/info", "/study/openapi.json", "/study/gradio_api/info", "/study/gradio_api/upload",
        "/study/gradio_api/file=/etc/passwd", "/study/file=/etc/passwd", "/study/gradio_api/proxy=https://example.org",
        "/study/gradio_api/heartbeat/x", "/study/monitoring/summary", "/study/gradio_api/deep_link", "/openapi.json",
        "/docs", "/study/login", "/study/assets/../../../etc/passwd", "/studyx", "/nothing",
    ],
)  # fmt: skip
def test_what_the_page_does_not_need_is_not_there(visitor, path):
    assert visitor.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/study/gradio_api/queue/join", "/study/gradio_api/upload", "/study/"])
def test_the_participants_page_takes_no_posts(visitor, path):
    assert visitor.post(path, json={}).status_code == 404


def test_the_page_and_what_it_needs_are_there(visitor):
    page = visitor.get("/study/")
    assert page.status_code == 200
    assert visitor.get("/study/theme.css").status_code == 200
    assert visitor.get("/favicon.ico").headers["content-type"].startswith("image/svg")
    assert visitor.get("/healthz").json() == {"status": "ok", "ready": True}
    for path in ("/", "/join"):
        assert visitor.get(path).headers["location"] == "/study/"


def test_assets_are_kept_and_pages_are_not(visitor):
    page = visitor.get("/study/")
    asset = next(part for part in page.text.split('"') if part.startswith("./assets/") and part.endswith(".js"))
    answer = visitor.get("/study/" + asset[2:])
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    for path in ("/study/", "/api/state"):
        assert visitor.get(path).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/study/", "/api/state", "/nothing", "/admin/login", "/healthz", "/media/x"])
def test_every_answer_has_the_headers(visitor, path):
    headers = visitor.get(path, headers={"Origin": "https://evil.example"}).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == ("same-origin" if path.startswith("/admin") else "no-referrer")
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_posts_from_other_sites_are_refused(client, headers):
    client.get("/api/state")
    assert client.post("/api/step", json={"page": "consent"}, headers=headers).status_code == 403
    assert client.app.state.study.store.results.progress() == []


def test_posts_from_this_site_are_taken(visitor):
    visitor.get("/api/state")
    headers = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    assert visitor.post("/api/step", json={"page": "consent"}, headers=headers).status_code == 200


def test_large_bodies_and_odd_methods_are_refused(visitor):
    assert visitor.post("/api/event", content=b"x" * 100_000).status_code == 413
    assert visitor.post("/api/event", content=iter([b"x" * 50_000] * 2)).status_code == 413  # no length given
    assert visitor.put("/api/rate").status_code == 405
    assert visitor.delete("/admin/").status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/admin/", 303), ("/admin", 303), ("/admin/export.csv", 401), ("/admin/config", 401),
        ("/admin/theme.css", 401), ("/admin/gradio_api/queue/data", 401), ("/admin/gradio_api/file=/etc/passwd", 401),
        ("/admin/assets/index.js", 401), ("/admin/gradio_api/startup-events", 401),
    ],
)  # fmt: skip
def test_the_researchers_page_needs_a_login(visitor, path, status):
    assert visitor.get(path).status_code == status
    visitor.cookies.set("earmark-admin", "researcher.forged.cookie")
    assert visitor.get(path).status_code == status


def test_nobody_posts_to_the_researchers_page_without_a_login(visitor):
    assert visitor.post("/admin/gradio_api/run/draw_numbers", json={}).status_code == 401


def test_the_login_opens_the_researchers_page(visitor):
    assert visitor.get("/admin/").headers["location"] == "/admin/login"
    entered = visitor.post("/admin/login", data={"password": PASSWORD})
    assert (entered.status_code, entered.headers["location"]) == (303, "/admin/")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/admin" in cookie
    assert visitor.get("/admin/").status_code == 200
    assert visitor.get("/admin/export.csv").text.startswith("study,participant,")
    astray = visitor.get("/admin/nothing-here")  # is no JSON, as Gradio would answer, but a page
    assert (astray.status_code, astray.headers["content-type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "upload",
        "file=/etc/passwd",
        "proxy=https://example.org/",
        "deep_link",
        "info",
        "call/x",
        "stream/x",
        "queue/data",
    ],
)
def test_not_even_a_researcher_gets_gradios_back_doors(researcher, path):
    assert researcher.get(f"/admin/gradio_api/{path}").status_code == 404


def test_an_uncaught_error_shows_one_line(client, monkeypatch):
    def fail(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(client.app.state.study.store.sessions), "state", fail)
    answer = client.get("/api/state")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Something went wrong here. Please try again."}
    assert "content-security-policy" in answer.headers


def test_a_person_gets_a_page_and_a_script_gets_json(visitor):
    assert visitor.get("/nothing").headers["content-type"].startswith("text/html")
    assert visitor.get("/api/nothing").json() == {"error": "There is no such page."}


def test_texts_are_compressed_and_sounds_are_not(visitor):
    accepted = {"accept-encoding": "gzip"}
    assert visitor.get("/study/", headers=accepted).headers["content-encoding"] == "gzip"
    assert visitor.get("/texts/de.json", headers=accepted).headers["content-encoding"] == "gzip"
    sound = visitor.get("/media/sound-check", headers=accepted)
    assert "content-encoding" not in sound.headers
    assert visitor.get("/study/", headers={"accept-encoding": "identity"}).text.startswith("<!")


def test_no_page_frames_ours_so_nothing_is_loaded_for_that(visitor):
    answer = visitor.get("/study/static/js/iframeResizer.contentWindow.min.js")
    assert (answer.status_code, answer.content) == (200, b"")
