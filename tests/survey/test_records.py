"""ratings.csv: its columns and its quoting."""

import csv
import io
from datetime import UTC, datetime

import pytest

from survey.records import COLUMNS, REQUIRED, RatingRow, write_csv

ROW = RatingRow(
    "s", "P001", "S001", 3, "trial", "p1", 'rain, "heavy"\non tin', "baseline", 1000, "p1.baseline.1000", "a" * 64,
    4, 2, 20.5, 8123, datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
)  # fmt: skip


def test_the_columns_are_those_of_the_contract():
    assert COLUMNS == (
        "study", "participant", "session", "position", "kind", "prompt_id", "prompt", "condition", "seed", "stimulus",
        "clip_sha256", "score", "plays", "heard_seconds", "response_ms", "rated_at",
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
