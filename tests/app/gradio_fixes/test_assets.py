"""Gradio's scripts and styles, as the browser gets them."""

from gzip import decompress

import brotli
import pytest
from served import PASSWORD

from app.gradio_fixes.assets import FILES

DECODED = {"br": brotli.decompress, "gzip": decompress, "": bytes}
CODINGS = [("gzip, deflate, br, zstd", "br"), ("gzip, deflate", "gzip"), ("identity", "")]


def asset(client, page, path, accepted):
    """Get a file as it is sent, not decoded."""
    with client.stream("GET", f"{page}{path}", headers={"Accept-Encoding": accepted}) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("pattern", ["HTML-*.js", "Blocks-*.css"])
@pytest.mark.parametrize(("accepted", "coding"), CODINGS)
def test_a_file_comes_as_the_browser_can_read_it(visitor, pattern, accepted, coding):
    path = next(path for path in FILES.values() if path.match(pattern))
    answer, body = asset(visitor, "/study/assets/", path.name, accepted)
    assert answer.status_code == 200
    assert answer.headers.get("content-encoding", "") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"].startswith("text/javascript" if path.suffix == ".js" else "text/css")
    assert DECODED[coding](body) == path.read_bytes()
    if coding:
        assert len(body) < path.stat().st_size / 2


@pytest.mark.parametrize("name", ["nothing.js", "nothing.css", "..%2Findex.html", "%2e%2e%2f%2e%2e%2fapp.js", "x/y.js"])
def test_a_file_that_gradio_does_not_have_is_not_there(visitor, name):
    assert visitor.get(f"/study/assets/{name}").status_code == 404


def test_a_font_comes_as_it_is(visitor):
    font = next(path for name, path in FILES.items() if name.endswith(".woff2"))
    answer, body = asset(visitor, "/study/assets/", font.name, "gzip, br")
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "font/woff2"
    assert body == font.read_bytes()


def test_the_researchers_page_is_given_its_files_after_a_login_alone(visitor):
    path = next(path for path in FILES.values() if path.match("HTML-*.js"))
    assert visitor.get(f"/admin/assets/{path.name}").status_code == 401
    visitor.post("/admin/login", data={"password": PASSWORD})
    assert visitor.get(f"/admin/assets/{path.name}").content == path.read_bytes()
