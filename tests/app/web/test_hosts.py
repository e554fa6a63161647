"""Addresses and Host headers that are read in two ways by careless servers, over sockets to the real one."""

import http.client
from collections.abc import Iterator
from itertools import product

import pytest
from served import PASSWORD, Server, write_study

HOSTS = [
    "x", "", "evil.example", "x/admin/login?", "x/admin/login#", "x/study/", "x/healthz?", "evil#", "evil?", "evil\\",
    "x@y", "//evil", "x:99999", "x:/admin/login?", "[", "[::1", "a b", "x/../..", "\u00e4".encode().decode("latin-1"),
]  # fmt: skip
SECRET = [
    "export.csv",
    "sessions.csv?identities=1",
    "config",
    "report.html",
    "gradio_api/run/draw_numbers",
    "theme.css",
]
# What stands between /admin and one of these, and what may follow it.
BETWEEN = [
    "/",
    "//",
    "/./",
    "/%2e/",
    "/%2F",
    "%2F",
    "/;/",
    "/%0A",
    "/%0D%0A",
    "/%3F/",
    "/%23/",
    "/login/../",
    "/login/%2e%2e/",
    "/login%2F..%2F",
]
AFTER = ["", "/", "%3F", "%23", "%0A", "%0D%0AX-Injected:%20yes", ";", "%00", "%20", "%2F", "/..", "/%2e%2e/login"]
BEFORE = [
    "",
    "/",
    "/.",
    "/%2e",
    "/study/..",
    "/study/%2e%2e",
    "/study/assets/..",
    "/study/assets/%2e%2e",
    "/x/..",
    "/%0A",
    "/api/..",
]
NOT_SHOWN = [
    "config",
    "info",
    "gradio_api/info",
    "gradio_api/upload",
    "gradio_api/queue/data",
    "file=/etc/passwd",
    "monitoring",
]


@pytest.fixture(scope="module")
def server(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(write_study(tmp_path_factory.mktemp("hosts") / "study"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def line(server: Server) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    yield connection
    connection.close()


def ask(line: http.client.HTTPConnection, path: str, host: str = "x", method: str = "GET", cookie: str = "") -> tuple:
    """Send the path and the host as they are; the status, the headers and the text of the answer."""
    line.putrequest(method, path, skip_host=True)
    line.putheader("Host", host)
    line.putheader("Cookie", cookie)
    line.putheader("Content-Length", "0")
    line.endheaders()
    answer = line.getresponse()
    return answer.status, answer.headers, answer.read().decode("utf-8", "replace")


def opens_nothing(found: tuple, what: str) -> None:
    """Hold that an answer is a refusal, or leads to another page of this server."""
    status, headers, text = found
    assert status in (303, 307, 400, 401, 403, 404, 405), f"{what}: {status} {text[:200]}"
    assert "X-Injected" not in headers, what
    assert "study,participant" not in text, what
    assert "evil" not in headers.get("Location", ""), what
    assert headers.get("Location", "/").startswith("/"), what
    assert not headers.get("Location", "/").startswith(("//", "/\\")), what


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_opens_the_researchers_page(line, host):
    for name, method in product([*SECRET, "", "clip/p1.baseline.1000"], ("GET", "POST", "HEAD")):
        opens_nothing(ask(line, f"/admin/{name}", host, method), f"{method} {name}")
    opens_nothing(ask(line, "/admin", host), "/admin")


@pytest.mark.parametrize("between", BETWEEN)
def test_no_spelling_opens_the_researchers_page(line, between):
    for name, before, after in product(SECRET, BEFORE, AFTER):
        path = f"{before}/admin{between}{name}{after}"
        opens_nothing(ask(line, path), path)


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_opens_more_of_gradio(line, host):
    for name in NOT_SHOWN:
        opens_nothing(ask(line, f"/study/{name}", host), name)
        opens_nothing(ask(line, f"/study/{name}", host, "POST"), name)


@pytest.mark.parametrize(
    "between",
    ["/", "//", "/./", "/%2e/", "/%2F", "/assets/../", "/assets/%2e%2e/", "/static/..%2F", "/%0A", "/theme.css/../"],
)
def test_no_spelling_opens_more_of_gradio(line, between):
    for name, after in product([*NOT_SHOWN, "../admin/export.csv", "..%2F..%2Fetc/passwd"], AFTER):
        path = f"/study{between}{name}{after}"
        opens_nothing(ask(line, path), path)


@pytest.fixture(scope="module")
def cookie(server: Server) -> str:
    """Log in once, for the right password too is counted; of a host without a port, whose cookies every host reads."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Host": "x"}
    line.request("POST", "/admin/login", f"password={PASSWORD}", headers)
    answer = line.getresponse()
    answer.read()
    line.close()
    return "; ".join(given.partition(";")[0] for given in answer.headers.get_all("Set-Cookie", []))


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_opens_a_back_door_to_a_researcher(line, cookie, host):
    assert ask(line, "/admin/export.csv", host, cookie=cookie)[0] == 200
    for name in ("upload", "info", "file=/etc/passwd", "proxy=http://x/", "queue/data", "call/x", "component_server"):
        opens_nothing(ask(line, f"/admin/gradio_api/{name}", host, cookie=cookie), name)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    "path", ["/api/state", "/healthz", "/study/", "/join", "/texts/en.json", "/media/x/0", "/admin/login"]
)
def test_an_odd_host_breaks_nothing(line, path, host):
    status, headers, _ = ask(line, path, host)
    assert status in (200, 303, 400, 404), status
    assert "default-src 'self'" in headers.get("Content-Security-Policy", "default-src 'self'")
    assert "evil" not in headers.get("Location", "")


@pytest.mark.parametrize("after", AFTER)
def test_an_odd_end_of_an_address_is_no_fault_of_ours(line, after):
    for path in (
        "/api/state",
        "/api/rate",
        "/p/" + "a" * 32,
        "/join",
        "/study",
        "/admin",
        "/media/x",
        "/texts/en.json",
        "/healthz",
    ):
        status, headers, _ = ask(line, path + after)
        assert status < 500, path + after
        assert "X-Injected" not in headers
        assert headers.get("Location", "/").startswith("/")


@pytest.mark.parametrize("path", ["/study", "/join/", "/healthz/"])
def test_a_slash_too_few_or_too_many_leads_to_the_right_place_whatever_the_host(line, path):
    status, headers, _ = ask(line, path, "evil.example")
    assert (status, headers["Location"].strip("/")) == (307, path.strip("/"))
    assert headers["Location"].startswith("/")
