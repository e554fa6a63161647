"""Settings and secrets."""

import json
import stat

import pytest

from app.errors import SettingsError
from app.settings import SECRET_FILE, Settings, load_secrets, load_settings, log_level


def test_the_environment_may_be_silent():
    assert load_settings({}) == Settings()
    assert load_settings({"DATABASE_URL": ""}) == Settings()


def test_short_secrets_are_refused():
    with pytest.raises(SettingsError, match="EARMARK_SECRET"):
        load_settings({"EARMARK_SECRET": "short"})
    with pytest.raises(SettingsError, match="EARMARK_ADMIN_PASSWORD"):
        load_settings({"EARMARK_ADMIN_PASSWORD": "short"})


@pytest.mark.parametrize("name", ["EARMARK_SECRET", "EARMARK_ADMIN_PASSWORD", "DATABASE_URL"])
def test_bytes_that_are_no_text_are_refused(name):
    with pytest.raises(SettingsError, match=f"{name}: is not UTF-8 text"):
        load_settings({name: b"correct \xff\xfe horse battery".decode(errors="surrogateescape")})


@pytest.mark.parametrize(
    ("given", "level"), [("", "WARNING"), ("info", "INFO"), ("DEBUG", "DEBUG"), ("Error", "ERROR")]
)
def test_levels_of_the_log(given, level):
    assert log_level({"EARMARK_LOG": given}) == level
    assert log_level({}) == "WARNING"


@pytest.mark.parametrize("given", ["verbose", "10", "WARN ING", "x" * 5000])
def test_an_unknown_level_is_refused_with_those_that_are_known(given):
    with pytest.raises(SettingsError) as refusal:
        log_level({"EARMARK_LOG": given})
    assert str(refusal.value).startswith("EARMARK_LOG: ")
    assert "use one of DEBUG, INFO, WARNING, ERROR, CRITICAL" in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_secrets_are_made_once_and_for_the_owner_only(tmp_path):
    first = load_secrets(tmp_path, Settings())
    assert load_secrets(tmp_path, Settings()) == first
    assert stat.S_IMODE((tmp_path / SECRET_FILE).stat().st_mode) == 0o600
    assert len(first.key) >= 32
    assert len(first.admin_password) >= 12


def test_secrets_that_a_copy_made_readable_are_the_owners_again(tmp_path):
    first = load_secrets(tmp_path, Settings())
    (tmp_path / SECRET_FILE).chmod(0o644)
    assert load_secrets(tmp_path, Settings()) == first
    assert stat.S_IMODE((tmp_path / SECRET_FILE).stat().st_mode) == 0o600


def test_every_study_has_its_own(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    a, b = (load_secrets(folder, Settings()) for folder in folders)
    assert a.key != b.key
    assert a.admin_password != b.admin_password


def test_the_environment_wins(tmp_path):
    given = Settings(secret="s" * 32, admin_password="correct horse")
    assert load_secrets(tmp_path, given).admin_password == "correct horse"
    assert not (tmp_path / SECRET_FILE).exists()
    stored = load_secrets(tmp_path, Settings())
    assert load_secrets(tmp_path, Settings(admin_password="other horse")).key == stored.key


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"secret": "", "admin_password": ""}'])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / SECRET_FILE).write_text(content)
    with pytest.raises(SettingsError, match=r"damaged .*delete it"):
        load_secrets(tmp_path, Settings())


def test_an_unwritable_folder_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="cannot be written"):
        load_secrets(tmp_path / "nowhere", Settings())


def test_the_file_holds_what_the_contract_says(tmp_path):
    load_secrets(tmp_path, Settings())
    assert sorted(json.loads((tmp_path / SECRET_FILE).read_text())) == ["admin_password", "secret"]
