"""A study behind a proxy: a small one of our own, and what a visitor and a researcher see through any."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, expect
from served import PASSWORD, Server, write_study
from visiting import Visit

PATH = "/listening"
SESSION = "headphone_check: none, practice: 0, prompts_per_participant: 1"
HOP = {"connection", "keep-alive", "transfer-encoding"}  # what one connection says of itself


class Behind(NamedTuple):
    """Where a study is for those who visit it, in place of its server."""

    url: str
    folder: Path


@contextmanager
def stripping(server: Server) -> Iterator[tuple[Behind, list[str]]]:
    """Serve a study under a path of another host, by a plain proxy; also what was asked outside of the path."""
    strays: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self.path.startswith(f"{PATH}/"):
                strays.append(self.path)
                self.send_error(404)
                return
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
            said = {**self.headers, "X-Forwarded-Host": self.headers["Host"], "X-Forwarded-Prefix": PATH}
            connection.request(self.command, self.path.removeprefix(PATH), body, said)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            whole = answer.read()
            if answer.getheader("content-length") is None:
                self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole)
            connection.close()

        do_POST = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    try:
        yield Behind(f"http://localhost:{proxy.server_port}{PATH}", server.folder), strays
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def take_part(anna: Visit, name: str) -> list[str]:
    """Go through a whole session of three sounds, and return what was asked for on the way."""
    asked: list[str] = []
    anna.page.on("request", lambda request: asked.append(request.url))
    anna.hurry()
    anna.open("/join")
    anna.at("consent")
    anna.shot(f"{name}-consent")
    anna.primary()
    anna.at("sound_check")
    anna.set_volume()
    anna.at("instructions")
    anna.primary()
    anna.at("trials")
    anna.shot(f"{name}-rating")
    for number in range(1, 4):
        anna.on(f"Sound {number} of 3")
        anna.rate(number)
    anna.at("done")
    assert [row.score for row in anna.ratings()] == [1, 2, 3]
    assert anna.errors == []
    return asked


def holds_to_its_path(anna: Visit, asked: list[str]) -> None:
    """Hold that requests, cookies and the addresses that the page says stay within the study's own."""
    where = urlsplit(anna.server.url)
    outside = [url for url in asked if not url.startswith(("blob:", "data:", f"{anna.server.url}/"))]
    assert outside == []
    cookies = {cookie["name"]: cookie for cookie in anna.context.cookies()}
    assert {cookie["path"] for cookie in cookies.values()} == {where.path or "/"}
    assert {cookie["secure"] for cookie in cookies.values()} == {where.scheme == "https"}
    expect(anna.page.locator(".shell")).to_contain_text(f"{anna.server.url}/withdraw, code ")


@contextmanager
def believer(folder: Path) -> Iterator[Server]:
    """Serve a study of three sounds a person, which believes the proxies of this machine."""
    running = Server(write_study(folder, session=SESSION, recruitment="lab: true"), proxies="127.0.0.1")
    running.start()
    yield running
    running.stop()


def log_in(context: BrowserContext, url: str) -> Page:
    """Go to the researcher's page, by way of the login."""
    page = context.new_page()
    page.goto(f"{url}/admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".tiles")).to_be_visible()
    return page


def tile(page: Page, name: str) -> str:
    return page.locator(".tiles div").filter(has_text=name).locator("dd").inner_text()
