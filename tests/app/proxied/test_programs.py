"""A session and the researcher's page through nginx, Caddy and Apache, set up as docs/serving/deploy.md says."""

import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
import yaml
from behind import PATH, Behind, believer, holds_to_its_path, log_in, take_part, tile
from playwright.sync_api import expect
from programs import COMMANDS, snippet, started
from visiting import DESKTOP, PHONE

PAGES = ["/", "/join", "/p/token", "/study/", "/api/rate", "/media/x/0", "/admin", "/admin/clip/p1.baseline.1000"]


@pytest.fixture(scope="module", params=COMMANDS)
def there(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """Serve the study through one program after the other."""
    place = tmp_path_factory.mktemp(request.param)
    # A study for each: one address may log in five times a minute.
    with believer(place / "study") as believing, started(request.param, believing, place / "at") as behind:
        yield behind


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


def ask(url: str, **headers: str) -> urllib.error.HTTPError:
    """Ask for what is answered by leading elsewhere."""
    anything = ssl.create_default_context()
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(Stay, urllib.request.HTTPSHandler(context=anything))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(urllib.error.HTTPError) as answer:
        opener.open(urllib.request.Request(url, headers=named), timeout=20)
    return answer.value


@pytest.mark.browser
def test_a_session_and_live_numbers_through_the_program(there, visit, request):
    name = request.node.callspec.params["there"]
    page = log_in(visit(there, DESKTOP).context, there.url)
    before = int(tile(page, "Ratings"))
    anna = visit(there, DESKTOP)
    holds_to_its_path(anna, take_part(anna, name))
    expect(page.locator(".tiles div").filter(has_text="Ratings").locator("dd")).to_have_text(str(before + 3))
    sound = page.locator("audio").first
    length = sound.evaluate("async sound => { sound.muted = true; await sound.play(); return sound.duration }")
    assert length == pytest.approx(0.6, abs=0.05)
    page.get_by_role("tab", name="Results").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download ratings.csv").click()
    assert download.value.path().read_text().count("\n") == 1 + before + 3
    cookies = {cookie["name"].split(".")[0]: cookie for cookie in page.context.cookies()}
    assert cookies["earmark-admin"]["path"] == f"{PATH}/admin"
    assert cookies["earmark-admin"]["secure"]


@pytest.mark.browser
def test_the_pages_on_a_phone_through_the_program(there, visit, request):
    name = request.node.callspec.params["there"]
    anna = visit(there, PHONE)
    anna.open("/join")
    anna.at("consent")
    anna.shot(f"{name}-phone")
    page = log_in(anna.context, there.url)
    expect(page.locator("audio")).to_have_count(15)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_visitor_cannot_speak_for_the_program(there):
    forged = {
        "x_forwarded_prefix": "/forged",
        "x_forwarded_host": "forged.example",
        "x_forwarded_proto": "http",
        "x_gradio_server": "https://forged.example",
    }
    answer = ask(f"{there.url}/join?new", **forged)
    assert answer.headers["Location"] in (f"{PATH}/study/", f"{there.url}/study/")
    (kept,) = [cookie for cookie in answer.headers.get_all("Set-Cookie") if cookie.startswith(("earmark=", "earmark."))]
    assert f"Path={PATH};" in kept
    assert "secure" in kept.lower()


def test_without_its_slash_the_path_leads_to_the_study(there):
    assert ask(there.url).headers["Location"] in (f"{PATH}/", f"{there.url}/")


def test_a_tunnel_passes_on_what_is_the_studys():
    """cloudflared itself is in no package: it matches paths by such an expression and passes them on as they are."""
    told = yaml.safe_load(snippet("yaml"))
    study, rest = told["ingress"]
    assert study["service"] == "http://127.0.0.1:7860"
    assert rest == {"service": "http_status:404"}
    for path in PAGES:
        assert re.search(study["path"], PATH + path), path
    assert re.search(study["path"], PATH)
    assert not re.search(study["path"], "/listening-to-music/")
