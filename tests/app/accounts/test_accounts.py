"""Accounts: who gets in by which password and code, what each role is shown, and what the log keeps."""

import csv
import io
import re
import time
from random import Random

import pyotp
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from served import CONDITIONS, PASSWORD
from taking_part import begin

from app.accounts.passwords import hashed
from app.accounts.roles import ROLES
from app.cli import main
from app.researcher.login import LOGIN_COOKIE, Login

SECRET = "a horse of another colour"
HASHED = hashed(SECRET)


@pytest.fixture
def name(shared_app: FastAPI, seed: int) -> str:
    """Make a name that no other test has."""
    return f"anna.{Random(f'{seed} {time.monotonic_ns()}').randrange(10**9)}"


def add(app: FastAPI, name: str, role: str = "assistant") -> TestClient:
    """Make an account and give a browser that is logged in without a try at its password: those are few."""
    store = app.state.study.store
    assert store.accounts.add(name, role, HASHED)
    return known(app, name)


def known(app: FastAPI, name: str = "owner") -> TestClient:
    client = browser(app)
    token = Login(app.state.study.secrets, app.state.study.store).begin(name)
    client.cookies.set(LOGIN_COOKIE, token, path="/admin")
    return client


def browser(app: FastAPI) -> TestClient:
    """Give a browser without a cookie, at an address of its own: the tries of each are counted."""
    host = f"203.0.{time.monotonic_ns() % 251}.{time.monotonic_ns() // 251 % 251}"
    return TestClient(app, follow_redirects=False, client=(host, 50_000))


def log_in(client: TestClient, name: str, password: str = SECRET, code: str = "") -> Response:
    return client.post("/admin/login", data={"name": name, "password": password, "code": code})


def opens(client: TestClient) -> bool:
    return client.get("/admin/account").status_code == 200


def ask(client: TestClient, present: str) -> tuple[dict[str, str], str]:
    """Ask for codes; what the page sends of that together with a code, and the key that it shows."""
    told = client.post("/admin/account", data={"do": "ask", "present": present}).text
    assert told.count("data:image/svg+xml") == 2, "the icon and the picture of the key"
    seed, key = re.search(r'name="seed" value="([^"]+)"', told)[1], re.search(r"<code>(\w+)</code>", told)[1]
    return {"do": "codes", "present": present, "seed": seed}, key


def logged(app: FastAPI, account: str) -> list[str]:
    """Return the kinds of what an account did, in order."""
    return [one.kind for one in reversed(app.state.study.store.actions.newest()) if one.account == account]


def test_each_role_gets_in_by_name_and_password_and_begins_at_its_own_page(shared_app, name):
    homes = {"owner": "Earmark", "assistant": "Personal links", "reader": "The study is under way"}
    for role in ROLES:
        assert shared_app.state.study.store.accounts.add(f"{name}.{role}", role, HASHED)
        client = browser(shared_app)
        assert log_in(client, f" {name.upper()}.{role} ").status_code == 303, "as people type it"
        page = client.get("/admin/", follow_redirects=True)
        assert (page.status_code, homes[role] in page.text) == (200, True)
        assert logged(shared_app, f"{name}.{role}") == ["log in"]
    assert log_in(browser(shared_app), f"{name}.reader", PASSWORD).status_code == 401, "that is the owner's"


def test_the_studys_own_password_is_the_first_owners_with_and_without_accounts(client):
    assert 'name="name"' not in client.get("/admin/login").text, "as before there were accounts"
    assert client.post("/admin/login", data={"password": PASSWORD}).status_code == 303
    said = client.post("/admin/accounts", data={"do": "add", "name": "Zoë", "role": "reader"}).text
    password = re.search(r"password of zoë: (\S+)", said)[1]
    form = browser(client.app).get("/admin/login").text
    assert 'name="name"' in form
    assert 'name="code"' not in form, "nobody has one"
    assert log_in(browser(client.app), "zoë", password).status_code == 303
    for empty in ("", "owner"):
        assert log_in(browser(client.app), empty, PASSWORD).status_code == 303


def test_a_code_is_asked_for_once_it_is_set_up_and_opens_once(shared_app, name):
    client = add(shared_app, name)
    given, key = ask(client, SECRET)
    app_of_theirs, now = pyotp.TOTP(key), time.time()
    assert client.post("/admin/account", data=given | {"code": "000000x"}).status_code == 422
    assert shared_app.state.study.store.accounts.find(name).code_seed is None
    given["code"] = app_of_theirs.at(now)
    assert client.post("/admin/account", data=given).status_code == 200
    later = app_of_theirs.at(now + 30)
    assert [log_in(browser(shared_app), name, SECRET, code).status_code for code in ("", given["code"])] == [401, 401]
    assert log_in(browser(shared_app), name, "wrong", later).status_code == 401
    assert log_in(browser(shared_app), name, SECRET, f" {later[:3]} {later[3:]}").status_code == 303
    assert log_in(browser(shared_app), name, SECRET, later).status_code == 401, "somebody looked over their shoulder"
    known(shared_app).post("/admin/accounts", data={"do": "codes", "name": name})
    assert log_in(browser(shared_app), name).status_code == 303, "the telephone is lost"


def test_the_first_owner_is_asked_for_codes_too_until_the_command_line_ends_that(client, study, verbs_find, capsys):
    app, owner = client.app, known(client.app)
    assert owner.post("/admin/account", data={"do": "ask", "present": "wrong"}).status_code == 403
    assert owner.post("/admin/account", data={"do": "password", "present": PASSWORD, "new": SECRET}).status_code == 422
    given, key = ask(owner, PASSWORD)
    app_of_theirs, now = pyotp.TOTP(key), time.time()
    given["code"] = app_of_theirs.at(now)
    assert log_in(browser(app), "", PASSWORD).status_code == 303, "it was not set up yet"
    assert owner.post("/admin/account", data=given).status_code == 200
    form = browser(app).get("/admin/login").text
    assert ['name="name"' in form, 'name="code"' in form] == [False, True]
    later = app_of_theirs.at(now + 30)
    tries = [("", PASSWORD, ""), ("owner", PASSWORD, given["code"]), ("", SECRET, later), ("Owner", "wrong", "")]
    refused = [log_in(browser(app), *one) for one in tries]
    assert {(answer.status_code, answer.text) for answer in refused} == {(401, refused[0].text)}, "nor what was right"
    assert "earmark account STUDY codes NAME" in refused[0].text
    assert log_in(browser(app), "", PASSWORD, later).status_code == 303
    assert log_in(browser(app), "owner", PASSWORD, later).status_code == 401, "somebody looked over their shoulder"
    verbs_find(study)
    for words, said in (("list", "with a code at login"), ("codes owner", "owner logs in without a code now")):
        assert main(["account", str(study), *words.split()]) == 0
        assert said in capsys.readouterr().out
    assert log_in(browser(app), "", PASSWORD).status_code == 303, "the telephone is lost"
    assert logged(app, "owner") == ["log in", "ask for codes", "log in", "log in"]
    for do in ("remove", "password"):
        assert main(["account", str(study), do, "owner"]) == 2
        assert "has the study's own password; change it where that is" in capsys.readouterr().err


def test_another_password_needs_the_present_one_and_ends_every_login(shared_app, name):
    here, there = add(shared_app, name), known(shared_app, name)
    change = {"do": "password", "new": "quite another one"}
    assert here.post("/admin/account", data=change | {"present": "wrong"}).status_code == 403
    assert here.post("/admin/account", data=change | {"present": SECRET, "new": "short"}).status_code == 422
    assert opens(there)
    assert here.post("/admin/account", data=change | {"present": SECRET}).status_code == 303
    assert [opens(here), opens(there), opens(known(shared_app))] == [False, False, True]
    tried = [log_in(browser(shared_app), name, password).status_code for password in (SECRET, change["new"])]
    assert tried == [401, 303]


def test_logging_out_everywhere_ends_ones_own_logins_and_nobody_elses(shared_app, name):
    here, there, owner = add(shared_app, name), known(shared_app, name), known(shared_app)
    here.post("/admin/logout", data={"everywhere": "yes"})
    assert [opens(here), opens(there), opens(owner)] == [False, False, True]
    assert logged(shared_app, name) == ["log out everywhere"]


def test_who_is_removed_is_out_at_once_and_stays_in_the_log(shared_app, name):
    client, owner = add(shared_app, name), known(shared_app)
    client.post("/admin/people", data={"count": "2"})
    assert owner.post("/admin/accounts", data={"do": "remove", "name": name}).status_code == 200
    assert not opens(client)
    assert log_in(browser(shared_app), name).status_code == 401
    rows = list(csv.DictReader(io.StringIO(owner.get("/admin/actions.csv").text)))
    assert [(row["kind"], row["detail"]) for row in rows if row["account"] == name] == [("invite", '{"links": 2}')]
    assert rows[-1]["kind"] == "remove account"
    assert name in rows[-1]["detail"]
    assert name in owner.get("/admin/accounts").text


@pytest.mark.sqlite
def test_an_assistant_invites_and_watches_without_a_conditions_name(shared_app, name):
    client = add(shared_app, name)
    made = client.post("/admin/people", data={"count": "3"}).text
    links = re.findall(r"http://testserver/p/[\w-]+", made)
    assert len(set(links)) == 3
    browser(shared_app).get(links[0].removeprefix("http://testserver"))
    for page in (made, client.get("/admin/people").text, client.get("/admin/account").text):
        assert not [condition for condition in CONDITIONS if condition in page]
    for count in ("0", "201", "-1", "x", "", "1e9", "٣", "9" * 5000):
        assert client.post("/admin/people", data={"count": count}).status_code in (200, 422)


@pytest.mark.sqlite
def test_an_assistant_excludes_a_session_with_a_reason_and_includes_it_again(shared_app, visitor, name):
    client, store = add(shared_app, name), shared_app.state.study.store
    begin(visitor)
    code = store.participants.code_of(visitor.cookies["earmark"])

    def change(do: str, reason: str = "") -> str:
        answer = client.post("/admin/people", data={"do": do, "codes": code.lower(), "reason": reason})
        assert (answer.status_code == 422) == ("alert" in answer.text)
        return " ".join(re.sub("<[^>]*>", " ", answer.text[answer.text.index("<main") :]).split())

    assert "Say why" in change("exclude", " \x00")
    assert "nothing of this kind" in change("delete")
    assert f"{code}: excluded." in change("exclude", f"worse than {CONDITIONS[-1]}")
    page = client.get("/admin/people").text
    assert not [condition for condition in CONDITIONS if condition in page], "an owner's reason may name one"
    assert visitor.get("/api/state").json()["stage"] == "done"
    assert f"{code}: included again." in change("include")
    assert visitor.get("/api/state").json()["stage"] != "done"
    assert logged(shared_app, name) == ["exclude", "include again"]
    store.participants.withdraw(visitor.cookies["earmark"])


@pytest.mark.sqlite
def test_what_an_owner_does_at_the_page_is_logged_by_name(shared_app, name):
    client = add(shared_app, name, "owner")
    client.get("/admin/export.csv")
    client.get("/admin/sessions.csv?identities=true")
    assert client.post("/admin/gradio_api/run/make", json={"data": [2, "Berta of Bonn"]}).status_code == 200
    assert logged(shared_app, name) == ["download", "download", "invite"]
    files = [one.detail for one in shared_app.state.study.store.actions.newest(3)][:0:-1]
    assert files == [{"file": "ratings.csv"}, {"file": "sessions.csv", "identities": True}]


@pytest.mark.sqlite
def test_an_account_that_cannot_be_is_refused_in_a_line(shared_app, name):
    owner = known(shared_app)
    add(shared_app, name)
    odd = ["", " ", "a b", "x" * 41, "owner", name, name.upper(), "\x00", "<u>", "ü" * 50]
    for given in [{"do": "add", "name": one, "role": "reader"} for one in odd] + [
        {"do": "add", "name": "berta", "role": "king"},
        {"do": "remove", "name": "nobody.of.this.name"},
        {"do": "password", "name": "owner"},
        {"do": "remove", "name": "owner"},
        {"do": "burn", "name": name},
        {},
    ]:
        answer = owner.post("/admin/accounts", data=given)
        assert answer.status_code == 422, given
        assert 'role="alert"' in answer.text
        assert "<u>" not in answer.text
    assert shared_app.state.study.store.accounts.find("berta") is None


@pytest.mark.sqlite
def test_guesses_of_ones_own_password_are_counted(shared_app, name):
    client = add(shared_app, name)
    tries = [client.post("/admin/account", data={"do": "end", "present": f"guess {n}"}).status_code for n in range(7)]
    assert tries == [403] * 5 + [429] * 2


@pytest.mark.sqlite
def test_a_stolen_database_holds_no_password_and_no_key_of_codes(client, study):
    anna = add(client.app, "anna")
    given, key = ask(anna, SECRET)
    assert anna.post("/admin/account", data=given | {"code": pyotp.TOTP(key).now()}).status_code == 200
    held = b"".join(path.read_bytes() for path in study.glob("study.db*"))
    assert given["seed"].encode() in held, "what the key is made of, with the study's own"
    assert SECRET.encode() not in held
    assert key.encode() not in held
    assert b"$argon2id$" in held
