"""The login: what a guesser gets, what a researcher keeps, and what an ended login is worth."""

import http.client
import threading
from collections import Counter
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from served import PASSWORD, settings_of
from sqlalchemy import text, update
from sqlalchemy.orm import Session as OrmSession

from app.researcher.login import ACCOUNT, DEVICE_COOKIE, LOGIN_COOKIE, ONE, Login
from app.server import create_app
from db.access import tables
from db.engine import writing
from db.scope import now

AT_ONCE, A_MINUTE, ALL_A_MINUTE = ONE[0][0], 60, ACCOUNT[0][0]


def browser(app, address="203.0.113.7"):
    """Give a browser at an address, without any cookie."""
    return TestClient(app, follow_redirects=False, client=(address, 50_000))


def log_in(client, password=PASSWORD):
    return client.post("/admin/login", data={"password": password})


def opens(client):
    return client.get("/admin/export.csv").status_code == 200


def test_of_300_guesses_at_once_five_are_compared(server):
    """All of them are right, so each that is compared gets in; each claims to come from somewhere else."""
    body, answers, start = urlencode({"password": PASSWORD}), [], threading.Barrier(300)

    def guess(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Forwarded-For": f"198.51.{number % 250}.{number // 250}",
            "Forwarded": f"for=198.51.{number % 250}.{number // 250}",
            "X-Real-IP": f"198.51.{number % 250}.{number // 250}",
        }
        start.wait()
        connection.request("POST", "/admin/login", body, headers)
        answers.append(connection.getresponse().status)
        connection.close()

    threads = [threading.Thread(target=guess, args=[number]) for number in range(300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(answers) == {303: 5, 429: 295}


def test_a_guess_too_many_is_told_when_to_come_back(client):
    client.app.state.study.store.accounts.add("mara", "owner", "no hash")
    answers = [log_in(client, f"guess {n}") for n in range(AT_ONCE + 1)]
    assert all('<input id="name"' in answer.text for answer in answers), "whoever has an account can log in then"
    assert [answer.status_code for answer in answers] == [401] * AT_ONCE + [429]
    seconds = int(answers[-1].headers["retry-after"])
    assert 0 < seconds <= A_MINUTE
    assert f"again in {seconds} seconds" in answers[-1].text
    assert log_in(client).status_code == 429, "not even the right password ends the wait"


@pytest.mark.sqlite  # PostgreSQL counts by its own clock
def test_waits_grow(study):
    now = 0.0
    app = create_app(study, settings_of(study))
    login = Login(app.state.study.secrets, app.state.study.store, clock=lambda: now)
    tried, waits = 0, []
    while now < 3 * 3600:
        wait = login.counts("203.0.113.7", None)
        tried += not wait
        waits.append(wait)
        now += wait
    assert tried <= 3 * 20 + 5, "20 an hour, not 5 a minute"
    assert max(waits) > 30 * 60


def test_many_addresses_share_what_all_of_them_may(client):
    statuses = Counter(
        log_in(browser(client.app, f"203.0.113.{n}"), "wrong").status_code for n in range(30) for _ in range(3)
    )
    assert statuses == {401: ALL_A_MINUTE, 429: 90 - ALL_A_MINUTE}


def test_ipv4_behind_a_socket_for_both_is_told_apart(client):
    statuses = [log_in(browser(client.app, f"::ffff:203.0.113.{n}"), "wrong").status_code for n in range(AT_ONCE + 2)]
    assert statuses == [401] * (AT_ONCE + 2)


def test_one_network_is_one_address(client):
    statuses = [log_in(browser(client.app, f"2001:db8:0:1::{n:x}"), "wrong").status_code for n in range(8)]
    assert statuses == [401] * AT_ONCE + [429] * 3


def test_guessers_do_not_lock_out_who_has_logged_in_before(client):
    known = browser(client.app)
    assert log_in(known).status_code == 303
    known.post("/admin/logout")
    for n in range(40):
        log_in(browser(client.app, f"203.0.113.{n % 8}"), "wrong")
    assert log_in(browser(client.app)).status_code == 429, "a browser that nobody knows, at the same address"
    assert log_in(known).status_code == 303


def test_a_known_browser_may_not_guess_for_ever_wherever_it_goes(client):
    known = browser(client.app)
    log_in(known)
    device = known.cookies[DEVICE_COOKIE]
    statuses = []
    for n in range(12):
        elsewhere = browser(client.app, f"203.0.113.{n}")
        elsewhere.cookies.set(DEVICE_COOKIE, device)
        statuses.append(log_in(elsewhere, "wrong").status_code)
    assert Counter(statuses) == {401: AT_ONCE, 429: 12 - AT_ONCE}


@pytest.mark.parametrize("forged", ["x", "", "x.y", "é", '"\\000"', "A" * 3000, ".", "x.AAAA"])
def test_a_browser_is_not_known_by_saying_so(shared_app, forged):
    login = Login(shared_app.state.study.secrets, shared_app.state.study.store)
    cookie = f"{DEVICE_COOKIE}={forged}".encode("latin-1")
    assert login.device(Request({"type": "http", "headers": [(b"cookie", cookie)]})) is None


def test_the_device_cookie_goes_to_the_login_alone_and_lasts(client):
    headers = log_in(client).headers.get_list("set-cookie")
    (device,) = [header.lower() for header in headers if header.startswith(DEVICE_COOKIE + "=")]
    assert "httponly" in device
    assert "samesite=strict" in device
    assert "path=/admin/login" in device
    assert int(device.split("max-age=")[1].split(";")[0]) > 180 * 86_400


def test_refusals_are_logged_once_a_minute_without_their_address(client, caplog):
    for n in range(AT_ONCE + 6):
        log_in(client, f"guess {n}")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "app.researcher.login"]
    assert "too many guesses" in line
    assert "testclient" not in line
    assert "guess" not in line.replace("guesses", "")


def test_a_logged_out_cookie_is_worth_nothing(client):
    log_in(client)
    kept = client.cookies[LOGIN_COOKIE]
    assert opens(client)
    client.post("/admin/logout")
    thief = browser(client.app)
    thief.cookies.set(LOGIN_COOKIE, kept, path="/admin")
    assert not opens(thief)


def test_logging_out_ends_one_login_and_everywhere_ends_all(client):
    here, there, third = (browser(client.app, f"203.0.113.{n}") for n in range(3))
    for one in (here, there, third):
        assert log_in(one).status_code == 303
    here.post("/admin/logout")
    assert [opens(one) for one in (here, there, third)] == [False, True, True]
    there.post("/admin/logout", data={"everywhere": "yes"})
    assert [opens(one) for one in (here, there, third)] == [False, False, False]


def test_a_login_outlives_the_server_and_not_its_password(client, study):
    log_in(client)
    cookies = {LOGIN_COOKIE: client.cookies[LOGIN_COOKIE]}
    for password, holds in ((PASSWORD, True), ("another horse", False)):
        again = TestClient(create_app(study, settings_of(study, admin_password=password)), cookies=cookies)
        assert opens(again) is holds


def moved(client, **change):
    """Move the moments of all logins, as a clock does that is set."""
    store = client.app.state.study.store
    with OrmSession(store.scope.engine.execution_options(writes=True)) as db, db.begin():
        db.execute(update(tables.Login).values(**change))


def test_a_login_ends_after_twelve_hours_and_a_clock_set_back_ends_none(client):
    log_in(client)
    moved(client, made_at=now() + timedelta(days=3), expires_at=now() + timedelta(days=3, hours=12))
    assert opens(client), "the clock was set back by three days"
    moved(client, made_at=now() - timedelta(hours=12, seconds=1), expires_at=now() - timedelta(seconds=1))
    assert not opens(client)


@pytest.mark.sqlite
def test_a_stolen_database_opens_nothing(client, study):
    log_in(client)
    token = client.cookies[LOGIN_COOKIE]
    files = list(study.glob("study.db*"))
    assert files
    for path in files:
        assert token.encode() not in path.read_bytes(), path


@pytest.mark.sqlite  # in whose words the way is barred
def test_what_stands_in_the_way_of_a_login_is_said(client):
    with writing(client.app.state.study.store.scope.engine) as db:
        db.execute(text("CREATE TRIGGER full BEFORE INSERT ON login BEGIN SELECT RAISE(FAIL, 'disk is full'); END"))
    answer = log_in(client)
    assert answer.status_code == 503
    assert "The password is right" in answer.text
    assert "disk is full" in answer.text


FORM = "application/x-www-form-urlencoded"
ODD = [
    (b"password=%00", FORM),
    (b"password=%ED%A0%80", FORM),
    (b"password=a&password=b", FORM),
    (b"", FORM),
    (b"{}", "application/json"),
    (
        b"--x\r\nContent-Disposition: form-data; name=password\r\n\r\n\\ud800\r\n--x--\r\n",
        "multipart/form-data; boundary=x; charset=unicode_escape",
    ),
    (
        b"--x\r\nContent-Disposition: form-data; name=password; filename=f\r\n\r\nx\r\n--x--\r\n",
        "multipart/form-data; boundary=x",
    ),
    (b"nonsense", "multipart/form-data; boundary=x"),
    (b"nonsense", "multipart/form-data"),
]


def test_no_form_is_odd_enough_to_break_it(client):
    for number, (content, kind) in enumerate(ODD):
        visitor = browser(client.app, f"203.0.113.{number}")
        answer = visitor.post("/admin/login", content=content, headers={"content-type": kind})
        assert answer.status_code in (400, 401), (content, kind)
