"""What proxies say of those whom they pass on: believed of those that are stated, and of nobody else."""

import asyncio
import os
import random

import pytest
from served import Server
from wire import FORM, ask

from app.errors import UsageError
from app.web.proxies import Proxies, read_proxies


def secure(server: Server, **headers: str) -> bool:
    """Say whether a new visitor's cookie is kept to HTTPS."""
    return "secure" in ask(server, "GET", "/api/state", **headers).headers["set-cookie"].lower()


def test_nobody_is_believed_who_is_not_stated(served):
    assert not secure(served, x_forwarded_proto="https", x_forwarded_for="203.0.113.9")
    for number in range(3):
        ask(served, "GET", "/healthz", x_forwarded_for=f"203.0.113.{number}")
    said = [line for line in served.log.read_text().splitlines() if "if that is your proxy, name it" in line]
    assert len(said) == 1
    assert "earmark serve --proxy ADDRESS" in said[0]


def test_guesses_under_rotating_addresses_are_one_clients(served):
    answers = [
        ask(
            served, "POST", "/admin/login", "password=wrong", x_forwarded_for=f"203.0.113.{n}", content_type=FORM
        ).status
        for n in range(12)
    ]
    assert 429 in answers
    assert set(answers[answers.index(429) :]) == {429}


def test_a_stated_proxy_is_believed(proxied):
    assert secure(proxied, x_forwarded_proto="https", x_forwarded_for="203.0.113.9")
    assert not secure(proxied, x_forwarded_proto="http")
    assert not secure(proxied)
    assert "your proxy" not in proxied.log.read_text()


def test_the_host_that_a_stated_proxy_tells_is_the_one_that_the_page_was_got_from(served, proxied):
    for server, status in ((proxied, 400), (served, 403)):  # 400: it gets as far as to miss the cookie
        page = {
            "origin": "http://study.example",
            "x_forwarded_host": "study.example",
            "content_type": "application/json",
        }
        assert ask(server, "POST", "/api/step", '{"page": "consent"}', **page).status == status


STEP = {"content_type": "application/json", "origin": "http://study.example"}


def test_a_refused_answer_says_what_to_do_behind_a_proxy(served, proxied):
    """As nginx passes on what it is not told to: to the server's own address."""
    for server, wanted in (
        (served, "Behind a proxy? Name it: earmark serve --proxy 127.0.0.1"),
        (proxied, "Have the proxy 127.0.0.1 pass on the host that the browser asked, in Host or X-Forwarded-Host"),
    ):
        answers = [ask(server, "POST", "/api/step", '{"page": "consent"}', **STEP) for _ in range(3)]
        assert {answer.status for answer in answers} == {403}
        assert "earmark serve --proxy ADDRESS" in answers[0].text
        german = ask(server, "POST", "/admin/login", "", accept_language="de", **STEP).text
        assert '<html lang="de"' in german
        assert "earmark serve --proxy ADRESSE" in german
        said = [line for line in server.log.read_text().splitlines() if wanted in line]
        assert len(said) == 1, server.log.read_text()
        assert "http://study.example" in said[0]


def test_what_a_browser_calls_foreign_is_no_proxys_fault(served):
    text = ask(served, "POST", "/api/step", "{}", sec_fetch_site="cross-site", **STEP).text
    assert "came from another site" in text
    assert "proxy" not in text
    assert "proxy" not in ask(served, "POST", "/api/step", "{}", **STEP | {"origin": "null"}).text


@pytest.mark.parametrize("host", ["evil.example", "[", "a b", "x:99999", "http://["])
@pytest.mark.parametrize("name", ["x_forwarded_host", "x_gradio_server", "x_forwarded_proto"])
def test_what_others_say_of_a_host_is_not_even_read(served, name, host):
    answer = ask(served, "GET", "/study/", **{name: host})
    assert answer.status == 200
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("name", ["x_forwarded_host", "x_gradio_server", "x_forwarded_proto"])
def test_a_header_that_http_does_not_allow_is_refused(served, name):
    assert ask(served, "GET", "/study/", **{name: "\x7f"}).status == 400


SEED = int(os.environ.get("EARMARK_TEST_SEED", "20261126"))


def test_the_client_is_the_last_address_that_no_stated_proxy_has():
    print(f"addresses from seed {SEED}")
    rng = random.Random(SEED)
    seen: list[str] = []

    async def app(scope, receive, send):
        seen.append(scope["client"][0])

    def through(client: str, said: list[str], stated: str) -> str:
        headers = [(b"x-forwarded-for", ", ".join(said).encode())]
        scope = {"type": "http", "client": (client, 1), "headers": headers, "scheme": "http", "path": "/"}
        asyncio.run(Proxies(app, read_proxies(stated) if stated else [])(scope, None, None))
        return seen.pop()

    def outside() -> str:
        return f"203.0.{rng.randrange(256)}.{rng.randrange(256)}"

    for _ in range(30):
        proxy, inner, claimed, true = f"10.1.{rng.randrange(256)}.7", "192.168.0.1", outside(), outside()
        stated = "10.1.0.0/16,192.168.0.1"
        assert through(proxy, [claimed, true], stated) == true
        assert through(f"::ffff:{proxy}", [claimed, true], stated) == true
        assert through(proxy, [claimed, true, inner], stated) == true
        assert through(true, [claimed], stated) == true
        assert through("127.0.0.1", [claimed], stated) == "127.0.0.1"
        assert through("127.0.0.1", [claimed], "") == "127.0.0.1"


@pytest.mark.parametrize("text", ["", "proxy.example", "10.0.0.1/8", "10.0.0.0/33", "127.0.0.1,", "*", "127.0.0.1:80"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError, match=r"^--proxy: .*not an IP address or network[^\n]*$"):
        read_proxies(text)
