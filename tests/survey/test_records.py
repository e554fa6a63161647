"""ratings.csv: its columns and its quoting."""

import csv
import io
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from survey.records import COLUMNS, REQUIRED, RatingRow, SessionRow, write_csv

ROW = RatingRow(
    "s", "P001", "S001", 3, "trial", "p1", 'rain, "heavy"\non tin', "baseline", 1000, "p1.baseline.1000", "a" * 64,
    4, 2, 20.5, 8123, datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
)  # fmt: skip


def test_the_columns_are_those_of_the_contract():
    assert COLUMNS == (
        "study", "participant", "session", "position", "kind", "prompt_id", "prompt", "condition", "seed", "stimulus",
        "clip_sha256", "score", "plays", "heard_seconds", "response_ms", "rated_at", "comment",
        "question", "reference", "first", "x", "passed", "revision", "headphones", "open_ms", "flags",
        "scale", "low", "high", "answer",
    )  # fmt: skip
    assert set(REQUIRED) <= set(COLUMNS)


def test_a_row_survives_writing_and_reading(tmp_path):
    path = tmp_path / "ratings.csv"
    assert write_csv(path, [ROW, ROW]) == {ROW.kind: 2}
    with path.open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert first == second
    assert first["prompt"] == ROW.prompt
    assert datetime.fromisoformat(first["rated_at"]) == ROW.rated_at
    assert float(first["heard_seconds"]) == 20.5


def test_no_ratings_are_a_header():
    text = io.StringIO()
    assert write_csv(text, []) == {}
    assert text.getvalue() == ",".join(COLUMNS) + "\n"


def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path):
    target = tmp_path / "ratings.csv"
    target.write_text("old")

    def broken():
        raise OSError("the database went away")
        yield

    with pytest.raises(OSError, match="went away"):
        write_csv(target, broken())
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["ratings.csv"]


def test_a_spreadsheet_computes_no_name_of_a_clip_or_prompt():
    """They may be of a folder or a table of somebody else's; one that only looks like a formula stays as it is."""
    text = io.StringIO()
    attacks = ["=1+1", "@SUM(A1)", "-2+3+cmd|' /C calc'!A0", "+HYPERLINK(1)", "\t=1", "\r=1", "\n=1", "＝1+1"]
    write_csv(text, [replace(ROW, prompt=one, condition=one) for one in [*attacks, "-6dB", "+3 dB, loud", "a=1"]])
    rows = list(csv.DictReader(io.StringIO(text.getvalue(), newline="")))
    for name in ("prompt", "condition"):
        assert [row[name] for row in rows] == [
            *(f"'{one}".replace("\r", "\n") for one in attacks),
            "-6dB",
            "+3 dB, loud",
            "a=1",
        ]


def test_a_spreadsheet_computes_nothing_that_a_participant_wrote():
    text = io.StringIO()
    write_csv(text, [replace(ROW, comment="=HYPERLINK(1)", prompt="-6 dB of rain"), replace(ROW, comment="good")])
    first, second = csv.DictReader(io.StringIO(text.getvalue()))
    assert (first["comment"], second["comment"]) == ("'=HYPERLINK(1)", "good")
    assert first["prompt"] == "-6 dB of rain"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\x0b", "\u2028", "\x1c", "\x85"])
def test_a_remark_forges_no_row(tmp_path, end):
    forged = ",".join(["s", "P999", "S999", "1", "trial", "p1", "rain", "other", "1", "x", "y", "5"])
    write_csv(tmp_path / "ratings.csv", [replace(ROW, comment=f"nice{end}{forged}"), ROW])
    for newline in ("", None):
        with (tmp_path / "ratings.csv").open(encoding="utf-8", newline=newline) as file:
            rows = list(csv.DictReader(file))
        assert [row["participant"] for row in rows] == [ROW.participant] * 2


def test_sessions_have_a_row_each():
    row = SessionRow(
        "s", "P001", "S001", "prolific", "@5f1", "finished", True, 15, 16, 1, 0, "4 6", '{"age": "30_44"}', "de",
        "phone", "Chrome 120", 0.6, 2, 0, 1, "a" * 64, datetime(2026, 1, 2, tzinfo=UTC), None,
    )  # fmt: skip
    text = io.StringIO()
    write_csv(text, [row], SessionRow)
    (read,) = csv.DictReader(io.StringIO(text.getvalue()))
    assert list(read) == [field.name for field in fields(SessionRow)]
    assert (read["external_id"], read["answers"], read["finished_at"]) == ("'@5f1", '{"age": "30_44"}', "")
