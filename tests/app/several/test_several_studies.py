"""A folder of studies in one server: each under its own path, and a desk for who has the server's password."""

import fcntl
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator

import httpx
import pyotp
import pytest
from pictures import picture
from playwright.sync_api import expect
from served import CONDITIONS, PASSWORD, Server, store_of, write_study
from taking_part import finish
from visiting import DESKTOP, PHONE, SHOTS

from app.cli import main
from app.settings import Settings, load_secrets
from app.verbs.study.serve import LOCK_FILE

SESSION = "headphone_check: none, practice: 0, prompts_per_participant: 1"
FAULTY, ODD = "faulty", "not a path"


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve two studies, and some folders that are none or cannot be served."""
    folder = tmp_path_factory.mktemp("several") / "studies"
    write_study(folder / "one", session=SESSION)
    for name in ("two", FAULTY, ODD, "kept", "busy", ".hidden"):
        shutil.copytree(folder / "one", folder / name)
    (folder / FAULTY / "study.yaml").write_text("name: faulty\nmodel: mini\nconditions: [no-such]\n")
    (folder / "notes").mkdir()
    (folder / "kept" / "study.db").write_bytes(b"no database" * 1000)
    running = Server(folder)
    with (folder / "busy" / LOCK_FILE).open("w") as lock:
        lock.write(str(os.getpid()))
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        running.start()
    yield running
    running.stop()


class Below:
    """A browser that asks for everything below a study's path, as its pages do."""

    def __init__(self, client: httpx.Client, name: str) -> None:
        self.client, self.name = client, name

    def get(self, path: str, **more) -> httpx.Response:
        return self.client.get(f"/{self.name}{path}", **more)

    def post(self, path: str, **more) -> httpx.Response:
        return self.client.post(f"/{self.name}{path}", **more)


def browser_at(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=60)


@pytest.fixture(scope="module")
def owner(several) -> Iterator[httpx.Client]:
    """Log in at the desk once: tries at its password are few."""
    with browser_at(several) as client:
        assert client.post("/admin/login", data={"password": PASSWORD}).status_code == 303
        yield client


def rows(page: str) -> dict[str, str]:
    """Return the lines of the desk by the studies' names."""
    found = [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)]
    return {
        name: row for name in ("one", "two", FAULTY, ODD, "kept", "busy") for row in found if row.startswith(f"{name} ")
    }


def test_a_browser_takes_part_in_both_and_each_keeps_its_own(several, owner):
    with browser_at(several) as anna:
        one, two = Below(anna, "one"), Below(anna, "two")
        begun = finish(one, upto=1)
        assert begun["trial"]["urls"][0].startswith("/media/")
        assert finish(two)["stage"] == "done"
        assert one.get("/api/state").json()["trial"] == begun["trial"], "the other's cookie is not sent here"
        assert one.get(begun["trial"]["urls"][0]).status_code == 200
        assert two.get(begun["trial"]["urls"][0]).status_code == 404
        paths = {(cookie.name.split(".")[0], cookie.path) for cookie in anna.cookies.jar}
        assert paths == {("earmark", "/one"), ("earmark", "/two")}
        (token,) = [cookie.value for cookie in anna.cookies.jar if cookie.path == "/one"]
    with httpx.Client(base_url=several.url, cookies={"earmark": token}) as bert:
        assert bert.post("/two/api/step", json={"page": "consent"}).status_code == 400
        assert bert.get("/one/api/state").json()["trial"] == begun["trial"]
    counted = {}
    for name in ("one", "two"):
        store = store_of(several.folder / name)
        counted[name] = len(list(store.results.ratings()))
        store.close()
    assert counted == {"one": 1, "two": len(CONDITIONS)}
    desk = rows(owner.get("/admin/").text)
    assert desk["one"].startswith("one listening Open login open 1 of 60 0 of 20 1")
    assert desk["two"].startswith("two listening Open login open 3 of 60 1 of 20 0")


def test_what_is_broken_is_a_line_and_stops_nobody(several, owner):
    page = owner.get("/admin/").text
    desk = rows(page)
    assert "study.yaml: prompts: give either prompts" in desk[FAULTY]
    assert FAULTY not in several.log.read_text()  # the list of the studies, on the terminal, says it
    assert "rename the folder" in desk[ODD]
    assert "study.db" in desk["kept"]
    assert f"is served already by process {os.getpid()}" in desk["busy"]
    assert ".hidden" not in page
    assert owner.post("/admin/open", data={"study": FAULTY}).status_code == 404
    with browser_at(several) as anna:
        assert anna.get(f"/{FAULTY}/join").status_code == 503
        assert anna.get(f"/{FAULTY}/api/state").status_code == 503, "an open page tries again"
        for nowhere in ("/nowhere/join", "/notes/", "/.hidden/join", "/api/state", "/study/", "/.desk/study.db"):
            assert anna.get(nowhere).status_code == 404, nowhere


def test_the_desk_opens_with_its_own_password_and_no_study_opens_another(several):
    with browser_at(several) as nobody:
        assert nobody.get("/").headers["location"] == "/admin/"
        assert nobody.get("/admin/").headers["location"] == "/admin/login"
        assert nobody.post("/admin/open", data={"study": "one"}).status_code == 401
        passwords = [load_secrets(several.folder / name, Settings()).admin_password for name in ("one", "two")]
        assert len({*passwords, PASSWORD}) == 3
        assert nobody.post("/one/admin/login", data={"password": PASSWORD}).status_code == 401, "the desk's"
        assert nobody.post("/one/admin/login", data={"password": passwords[0]}).status_code == 303
        assert nobody.get("/one/admin/accounts").status_code == 200
        (token,) = [cookie.value for cookie in nobody.cookies.jar if cookie.name.startswith("earmark-admin")]
        stolen = {"Cookie": f"earmark-admin={token}"}
        for path in ("/two/admin/accounts", "/admin/", "/two/admin/preview"):
            assert nobody.get(path, headers=stolen).status_code in (303, 401), path
        assert nobody.post("/admin/login", data={"password": passwords[0]}).status_code == 401


def test_the_desk_opens_no_study_whose_first_owner_has_codes(several, owner):
    store = store_of(several.folder / "two")
    assert store.accounts.begin_codes("owner", "a seed", 1)
    begun = owner.post("/admin/open", data={"study": "two"})
    assert (begun.headers["location"], "set-cookie" in begun.headers) == ("/two/admin/login", False)
    assert store.accounts.end_codes("owner")
    store.close()


def test_the_desk_asks_for_codes_once_its_owner_has_them(several, owner, monkeypatch, capsys):
    monkeypatch.setenv("EARMARK_ADMIN_PASSWORD", PASSWORD)
    given = {"do": "ask", "present": PASSWORD}
    page = owner.post("/admin/account", data=given).text
    key, seed = re.search(r"<code>([A-Z2-7]{16,})</code>", page)[1], re.search(r'name="seed" value="([^"]+)"', page)[1]
    totp, now = pyotp.TOTP(key), time.time()
    given |= {"do": "codes", "seed": seed, "code": totp.at(now)}
    assert "asked for a code" in owner.post("/admin/account", data=given).text
    (device,) = [one for one in owner.cookies.jar if one.name.startswith("earmark-device")]  # whose tries are its own
    with browser_at(several) as other:
        other.cookies.jar.set_cookie(device)
        refused = other.post("/admin/login", data={"password": PASSWORD})
        assert refused.status_code == 401
        assert "their folder in place of STUDY" in refused.text
        assert other.post("/admin/login", data={"password": PASSWORD, "code": totp.at(now + 30)}).status_code == 303
        assert other.get("/admin/").status_code == 200
    assert main(["account", str(several.folder), "list"]) == 0
    assert "the desk's own password" in (said := capsys.readouterr().out)
    assert "with a code at login" in said
    assert main(["account", str(several.folder), "add", "anna", "--role", "reader"]) == 2
    assert "their desk has one password and no accounts; name the study: earmark account " in capsys.readouterr().err
    assert main(["account", str(several.folder), "codes", "owner"]) == 0
    assert capsys.readouterr().out == "owner logs in without a code now\n"
    with browser_at(several) as other:
        other.cookies.jar.set_cookie(device)
        assert other.post("/admin/login", data={"password": PASSWORD}).status_code == 303


def test_the_desk_leads_into_every_study_as_its_first_owner(several, owner):
    for name in ("one", "two"):
        opened = owner.post("/admin/open", data={"study": name})
        assert opened.headers["location"] == f"/{name}/admin/"
        assert f"Path=/{name}/admin;" in opened.headers["set-cookie"]
        assert "from: the desk" in owner.get(f"/{name}/admin/accounts").text
        begun = owner.post(f"/{name}/admin/preview", data={"do": "begin"})
        assert begun.headers["location"] == f"/{name}/admin/preview/join"
        assert owner.get(f"/{name}/admin/preview/api/state").json()["stage"] == "consent"
    foreign = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert owner.post("/admin/open", data={"study": "one"}, headers=foreign).status_code == 403
    with browser_at(several) as other:
        other.post("/admin/login", data={"password": PASSWORD})
        other.post("/admin/logout")
        assert other.get("/admin/").status_code == 303
    for method in ("PUT", "DELETE"):
        assert httpx.request(method, f"{several.url}/admin/").status_code == 405


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "DATABASE_URL names one database; leave it out"),
        (["--workers", "2"], "by one process; leave --workers out"),
    ],
)
def test_one_database_or_several_processes_are_refused_in_a_line(tmp_path, monkeypatch, capsys, options, said):
    (tmp_path / "studies" / "one").mkdir(parents=True)
    (tmp_path / "studies" / "one" / "study.yaml").touch()
    monkeypatch.setenv("DATABASE_URL", "" if options else "postgresql://localhost/earmark")
    assert main(["serve", str(tmp_path / "studies"), "--port", "0", *options]) == 2
    refused = capsys.readouterr().err
    assert said in refused
    assert refused.count("\n") == 1
    assert [path.name for path in (tmp_path / "studies").iterdir()] == ["one"]


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_an_owner_sees_all_studies_and_opens_one(visit, several, size):
    seen = visit(several, size)
    page = seen.page
    page.goto(several.url)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Studies")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    picture(page, "desk/studies")
    page.get_by_role("link", name="Your account").click()
    expect(page.get_by_role("heading", name="A code at each login")).to_be_visible()
    expect(page.get_by_role("link", name="Accounts")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"desk-account-{size[0]}.png", full_page=True)
    page.get_by_role("link", name="Studies").click()
    page.get_by_role("button", name="Open one").click()
    expect(page.locator(".tiles")).to_be_visible()
    assert page.url == f"{several.url}/one/admin/"
    assert seen.errors == []
    with sqlite3.connect(several.folder / "one" / "study.db") as db:
        assert db.execute("SELECT count(*) FROM login").fetchone()[0] >= 1
