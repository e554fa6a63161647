"""What leaves a study: the report's folder identifies nobody, and what is private is asked for by name."""

import csv
import io
import re
import shutil
import sqlite3
import stat
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from routes import Routes
from served import PASSWORD, settings_of, store_of, write_study
from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession

from analysis import load_answers
from analysis.table.reading import read_table
from app.cli import main
from app.server import create_app
from db.tables import Participant
from survey import COLUMNS

IDENTITY = "5f1e9prolific"
REMARK = "Anna from Graz thinks it is a bird"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
RECRUITMENT = "platform: prolific, demographics: [age, language], eligibility: true"
FIT = {"hearing": "yes", "audio_work": "no", "recent_test": "no", "heard_before": "no"}


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let three people of a platform take part, who leave remarks and say who they are."""
    folder = write_study(
        tmp_path_factory.mktemp("rated") / "study",
        session="headphone_check: none, practice: 1, comments: true",
        recruitment=RECRUITMENT,
    )
    routes = Routes(folder)
    for name in ("Anna", "Bert", "Carla"):
        client = routes.visitor(name)
        client.headers["user-agent"] = AGENT
        client.get(f"/join?PROLIFIC_PID={IDENTITY}{name}")
        client.get("/api/state")
        client.post("/api/step", json={"page": "consent"})
        client.post("/api/questions", json={"answers": FIT | {"age": "30_44", "language": "Carinthian"}})
        state = routes.begin(name)
        while state["stage"] != "done":
            if state["stage"] == "ready":
                state = client.post("/api/step", json={"page": "ready"}).json()
                continue
            state = routes.rate(
                name, state, comment=REMARK, response_ms=98_765, score=len(state["trial"]["prompt"]) % 5 + 1
            )
        client.post("/api/event", json={"kind": "hidden", "position": 3})
    routes.study.runs.run("anna", "close")
    routes.study.close()
    return folder


@pytest.fixture
def folder(rated: Path, tmp_path: Path) -> Path:
    shutil.copytree(rated, tmp_path / "study")
    return tmp_path / "study"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tokens(folder: Path) -> list[str]:
    store = store_of(folder)
    found = [person.link for person in store.results.progress()]
    with OrmSession(store.scope.engine) as db:
        for person in db.scalars(select(Participant)):
            found += filter(None, (person.token, person.link, person.resume))
    store.close()
    return found


def test_the_folder_of_the_report_identifies_nobody(folder, capsys):
    (folder / "report").mkdir()
    private = "study,participant,session,source,external_id,outcome\n"
    (folder / "report" / "sessions.csv").write_text(private)  # of an older version
    (folder / "report" / "events.csv").write_text("study,participant,session,position,kind,detail,at\n")
    assert main(["analyze", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"removed {folder}/report/sessions.csv and {folder}/report/events.csv: private" in said
    files = [path for path in (folder / "report").rglob("*") if path.is_file()]
    assert {"report.html", "report.json", "ratings.csv"} <= {path.name for path in files}
    assert not {"sessions.csv", "events.csv"} & {path.name for path in files}
    secrets = [IDENTITY, REMARK, "Graz", "Carinthian", "30_44", "Firefox", "98765", *tokens(folder)]
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path
    found = rows(folder / "report" / "ratings.csv")
    assert set(found[0]) == set(COLUMNS) - {"plays", "heard_seconds", "response_ms", "open_ms", "comment"}
    assert {row["participant"] for row in found} == {"P001", "P002", "P003"}
    assert {row["rated_at"][16:] for row in found} == {":00.000+00:00"}, "to the minute: the order is what counts"


def test_a_clock_that_was_set_back_reorders_nobody_in_the_report(folder):
    """P001 answered before the clock was set back by an hour, and still finished first."""
    with closing(sqlite3.connect(folder / "study.db", isolation_level=None)) as database:
        database.execute(
            "UPDATE rating SET rated_at = datetime(rated_at, '+1 hour') WHERE trial_id IN (SELECT trial.id FROM trial "
            "JOIN session ON session.id = trial.session_id JOIN participant ON participant.id = session.participant_id "
            "WHERE participant.code = 'P001')"
        )
    assert main(["analyze", str(folder)]) == 0
    last: dict[str, str] = {}
    for row in rows(folder / "report" / "ratings.csv"):
        last[row["participant"]] = max(row["rated_at"], last.get(row["participant"], ""))
    assert sorted(last, key=last.__getitem__) == ["P001", "P002", "P003"]
    assert len(set(last.values())) == 3, "moments that differ, so that no place in the file decides"


def test_files_of_other_people_in_a_reports_folder_stay(folder, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "sessions.csv").write_text("date,room\n2026-01-01,B12\n")
    assert main(["analyze", str(folder), "-o", str(out)]) == 0
    assert (out / "sessions.csv").read_text().startswith("date,room")
    assert "removed" not in capsys.readouterr().out


def test_the_answers_in_words_are_what_is_analysed_of_free_text(tmp_path):
    routes = Routes(write_study(tmp_path / "study", session="headphone_check: none, practice: 0", scale="type: text"))
    routes.finish("Anna")
    routes.study.runs.run("anna", "close")
    assert main(["analyze", str(routes.folder)]) == 0
    assert {row["comment"] for row in rows(routes.folder / "report" / "ratings.csv")} == {"a bird"}


def test_export_writes_what_is_asked_for_by_name(folder, capsys):
    assert main(["export", str(folder)]) == 0
    assert not (folder / "sessions.csv").exists()
    assert not (folder / "events.csv").exists()
    assert mode(folder / "ratings.csv") == 0o600
    assert {row["comment"] for row in rows(folder / "ratings.csv")} == {REMARK}
    assert main(["export", str(folder), "--sessions", "--events"]) == 0
    sessions = (folder / "sessions.csv").read_text()
    assert not [secret for secret in (IDENTITY, "Carinthian", "30_44", "external_id", "answers") if secret in sessions]
    assert rows(folder / "sessions.csv")[0]["outcome"] == "finished"
    assert {row["kind"] for row in rows(folder / "events.csv")} == {"hidden"}
    assert mode(folder / "sessions.csv") == mode(folder / "events.csv") == 0o600
    said = capsys.readouterr().out
    assert f"3 sessions, without identities: {folder}/sessions.csv" in said
    assert main(["export", str(folder), "--sessions", "--identities"]) == 0
    assert [row["external_id"] for row in rows(folder / "sessions.csv")] == [
        IDENTITY + name for name in ("Anna", "Bert", "Carla")
    ]
    assert "Carinthian" in rows(folder / "sessions.csv")[0]["answers"]
    assert "3 sessions, with identities" in capsys.readouterr().out
    assert not [secret for secret in tokens(folder) if secret in (folder / "sessions.csv").read_text()]
    assert main(["export", str(folder), "--identities"]) == 2
    assert "give --sessions too" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".json", ".xlsx", ".ods", ".parquet"])
def test_tables_of_other_formats_hold_what_the_csv_does(folder, suffix):
    """A remark that begins as a formula is harmless in each, numbers are numbers, and only the owner can read it."""
    with closing(sqlite3.connect(folder / "study.db", isolation_level=None)) as database:
        database.execute("UPDATE rating SET comment = '=1+1' WHERE trial_id = (SELECT min(trial_id) FROM rating)")
    assert main(["export", str(folder)]) == 0
    assert main(["export", str(folder), "-o", str(folder / f"r{suffix}"), "--sessions", "--events"]) == 0
    assert not (folder / "sessions.csv").exists()
    assert {mode(folder / f"{name}{suffix}") for name in ("r", "sessions", "events")} == {0o600}
    ours, theirs = read_table(folder / "ratings.csv"), read_table(folder / f"r{suffix}")
    assert theirs.header == ours.header == COLUMNS
    assert "'=1+1" in theirs.column("comment")
    for name in COLUMNS:
        if name not in ("rated_at", "heard_seconds"):
            assert theirs.column(name) == ours.column(name)
    moments = [[datetime.fromisoformat(cell) for cell in table.column("rated_at")] for table in (ours, theirs)]
    assert moments[0] == moments[1]
    frames = [load_answers(folder / f"r{one}").frame for one in ("atings.csv", suffix)]
    assert frames[0].equals(frames[1])


TYPES = {
    "text": str,
    "integer": int,
    "number": float,
    "boolean": {"True": True, "False": False}.__getitem__,
    "timestamp": datetime.fromisoformat,
}


def test_the_dictionary_describes_every_column_and_holds_of_every_cell(folder):
    """Types, limits and lists of values are those of the code that makes the columns; here they meet the data."""
    assert main(["export", str(folder), "--wide", "--sessions", "--events", "--identities"]) == 0
    said = rows(folder / "dictionary.csv")
    tables = {name: rows(folder / f"{name}.csv") for name in ("ratings", "wide", "sessions", "events")}
    assert [(row["table"], row["column"]) for row in said] == [
        (name, column) for name, cells in tables.items() for column in cells[0]
    ]
    for row in said:
        about, allowed = f"{row['table']}.{row['column']}", row["allowed"]
        assert row["meaning"], about
        assert (row["unit"] != "") == row["column"].endswith(("_ms", "_seconds")), about
        for cell in (one[row["column"]] for one in tables[row["table"]]):
            if cell == "":
                assert allowed.endswith("or empty"), about
                continue
            value = TYPES[row["type"]](cell)
            if row["type"] in ("integer", "number") and " and more" in allowed:
                assert value >= float(allowed.split(" and more")[0]), about
            if row["table"] == "ratings" and row["column"] in ("kind", "question", "headphones", "flags"):
                assert set(cell.split()) <= set(re.findall("[a-z_]+", allowed.removeprefix("any of "))), about
    guarded = {row["column"]: row["guarded"] for row in said if row["table"] == "ratings"}
    assert "begins as a formula" in guarded["comment"]
    assert "an apostrophe stands before" in guarded["prompt"]
    assert guarded["score"] == guarded["kind"] == ""
    assert mode(folder / "dictionary.csv") == 0o600


def test_the_wide_form_holds_the_scores_side_by_side(folder, capsys):
    """A row for each participant and prompt, and nothing lost; a condition's name is no formula."""
    with closing(sqlite3.connect(folder / "study.db", isolation_level=None)) as database:
        database.execute("UPDATE condition SET name = '=1+1' WHERE name = 'sqs-w8a8'")
    assert main(["export", str(folder), "--wide"]) == 0
    assert f", a column a condition: {folder}/wide.csv" in capsys.readouterr().out
    long = {
        (row["participant"], row["prompt"], row["condition"]): row["score"]
        for row in rows(folder / "ratings.csv")
        if row["kind"] == "trial"
    }
    wide = rows(folder / "wide.csv")
    conditions = {condition for _, _, condition in long}
    assert "'=1+1" in conditions
    assert {
        (row["participant"], row["prompt"], condition): row[condition]
        for row in wide
        for condition in conditions
        if row[condition]
    } == long
    assert len(wide) == len({key[:2] for key in long})


def test_a_name_that_another_table_has_is_refused(folder, capsys):
    assert main(["export", str(folder), "-o", str(folder / "sessions.csv"), "--sessions"]) == 2
    assert "sessions is the name of a table that is written beside it" in capsys.readouterr().err
    assert not (folder / "sessions.csv").exists()


def test_an_unknown_format_is_refused_with_those_there_are(folder, capsys):
    before = sorted(folder.iterdir())
    assert main(["export", str(folder), "-o", str(folder / "ratings.xls")]) == 2
    assert ".xls is none of the formats; write .csv, .json, .xlsx, .ods, .parquet" in capsys.readouterr().err
    assert [path for path in sorted(folder.iterdir()) if path not in before] == []


def test_a_private_file_takes_the_place_of_a_public_one(folder):
    (folder / "ratings.csv").write_text("old")
    (folder / "ratings.csv").chmod(0o644)
    assert main(["export", str(folder)]) == 0
    assert mode(folder / "ratings.csv") == 0o600


def test_the_researchers_page_hands_out_identities_by_name(folder):
    with TestClient(create_app(folder, settings_of(folder))) as client:
        assert client.get("/admin/sessions.csv?identities=true").status_code in (303, 401)
        client.post("/admin/login", data={"password": PASSWORD})
        plain = client.get("/admin/sessions.csv").text
        assert IDENTITY not in plain
        assert "Carinthian" not in plain
        (first, *_) = csv.DictReader(io.StringIO(client.get("/admin/sessions.csv?identities=true").text))
        assert first["external_id"] == f"{IDENTITY}Anna"
