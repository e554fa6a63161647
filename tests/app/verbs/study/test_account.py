"""The verb account: made, listed and removed on the command line; its password opens the page."""

import re

from fastapi.testclient import TestClient
from served import PASSWORD, settings_of, store_of, write_study

from app.cli import main
from app.server import create_app


def test_an_account_is_made_listed_changed_and_removed(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("EARMARK_ADMIN_PASSWORD", PASSWORD)
    folder = write_study(tmp_path / "study")

    def account(*words: str) -> str:
        assert main(["account", str(folder), *words]) == 0
        return capsys.readouterr().out

    passwords = [re.search(r"password of anna: (\S+) ", account(*words))[1] for words in (
        ("add", "Anna", "--role", "assistant"), ("password", "anna")
    )]  # fmt: skip
    assert "anna, assistant, made 20" in account("list")
    app = create_app(folder, settings_of(folder))
    try:
        given = [{"name": "anna", "password": password} for password in passwords]
        tried = [TestClient(app, follow_redirects=False).post("/admin/login", data=each) for each in given]
        assert [answer.status_code for answer in tried] == [401, 303]
    finally:
        app.state.study.close()
    assert "anna is removed" in account("remove", "anna")
    assert "anna" not in account("list")
    store = store_of(folder)
    log = [(one.kind, one.account.partition(" ")[2]) for one in reversed(store.actions.newest())]
    store.close()
    here = "on the command line"
    assert log == [("add account", here), ("set password", here), ("log in", ""), ("remove account", here)]


def test_what_cannot_be_done_is_said_in_a_line(tmp_path, capsys):
    folder = write_study(tmp_path / "study")
    for words, said in (
        (["add", "anna"], "--role: belongs to add"),
        (["remove"], "name it, such as"),
        (["remove", "anna"], "anna: nobody has this name"),
        (["add", "a b", "--role", "reader"], "'a b': no name of an account"),
        (["password", "anna", "--role", "reader"], "--role: belongs to add"),
    ):
        assert main(["account", str(folder), *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
