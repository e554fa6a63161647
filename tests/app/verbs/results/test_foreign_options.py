"""Ratings from elsewhere on the command line: what is said of them, what is said back, and what is refused."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import Source
from app.cli import main, parser
from app.verbs.results import foreign

HEADER = ["participant", "prompt", "condition", "score"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rows(seed: int) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    made = [f"p{p}" for p in range(int(rng.integers(3, 6)))], ["rain", "a dog", "église"], ["baseline", "w8"]
    return [[p, q, c, str(rng.integers(1, 6))] for p in made[0] for q in made[1] for c in made[2]]


def dialect(path: Path, rows: list[list[str]]) -> Path:
    """Write ratings as a German spreadsheet of long ago does, with a title."""
    with path.open("w", encoding="cp1252", newline="") as file:
        file.write("Hörtest im Mai\r\n")
        writer = csv.writer(file, delimiter=";")
        writer.writerows([HEADER, *([*row[:3], f"{row[3]},0"] for row in rows)])
    return path


def test_check_says_how_a_file_is_understood_and_writes_nothing(
    here: Path, rows: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = dialect(here / "ratings.txt", rows)
    with path.open("a", encoding="cp1252", newline="") as file:
        file.write("\r\nSource: our lab\r\n")
    assert main(["analyze", str(path), "--check"]) == 0
    said = capsys.readouterr().out
    people = len({row[0] for row in rows})
    for part in (
        f"ratings.txt: CSV in Windows-1252, separated by semicolons, {len(rows)} answers",
        "question: acr, scores from 1 to 5",
        "columns: participant, prompt, condition, score",
        f"ratings: {len(rows)} of {people} participants, 3 prompts and 2 conditions (baseline, w8)",
        "read: It is not UTF-8: read as Windows-1252 ('Hörtest').",
        "read: Left out above the table: 'Hörtest im Mai' (line 1). ",
        "read: Scores have decimal commas: ",
    ):
        assert part.strip() in said
    assert os.listdir(here) == ["ratings.txt"]


def test_check_names_each_scale_and_its_ends(here: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(seed)
    lines = ["participant,prompt,condition,scale,score"]
    for p, q, c in [(p, q, c) for p in "abcd" for q in ("rain", "dog") for c in ("baseline", "w8")]:
        lines += [f"{p},{q},{c},quality,{rng.integers(1, 6)}", f"{p},{q},{c},match,{rng.integers(11, 101)}"]
    (here / "two.csv").write_text("\n".join(lines), encoding="utf-8")
    assert main(["analyze", "two.csv", "--check"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith(("scale", "question"))] == [
        "scale: quality",
        "question: acr, scores from 1 to 5 (5 the best)",
        "scale: match",
        "question: acr, scores from 0 to 100",
    ]
    assert len(said) == len(set(said)) + 2, "the counts of both are the same, and no notice is said twice"


def test_the_notices_are_printed_and_stand_in_the_report(
    here: Path, rows: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = dialect(here / "ratings.dat", rows)
    assert main(["analyze", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 20
    assert lines[0].startswith("read: It is not UTF-8: read as Windows-1252")
    assert not any(line.startswith("warning: It is not") for line in lines)
    origin = json.loads((here / "report" / "report.json").read_text(encoding="utf-8"))["provenance"]
    assert origin["form"] == "CSV in Windows-1252, separated by semicolons"
    assert [notice.split(":")[0] for notice in origin["notices"]] == [
        "It is not UTF-8",
        "Left out above the table",
        "Scores have decimal commas",
    ]
    assert not any("decimal" in remark for remark in origin["remarks"])
    page = (here / "report" / "report.html").read_text(encoding="utf-8")
    assert "<dt>How the file was read</dt><dd>CSV in Windows-1252, separated by semicolons." in page


def test_what_was_done_as_advised_is_not_advised_again(
    here: Path, rows: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"baseline": "reference", "w8": "w8"}
    with Path("r.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["rater", *HEADER[1:]], *([*row[:2], names[row[2]], row[3]] for row in rows)])
    assert main(["analyze", "r.csv", "--check"]) == 0
    assert "'reference' was taken for the reference; --baseline names another" in capsys.readouterr().out
    assert main(["analyze", "r.csv", "--check", "--baseline", "reference"]) == 0
    assert "--baseline" not in capsys.readouterr().out
    reports = [Path(name) for name in ("asked", "taken")]
    for out, more in zip(reports, (["--baseline", "reference"], []), strict=True):
        assert main(["analyze", "r.csv", "-o", str(out), *more]) == 0
    asked, taken = (json.loads((out / "report.json").read_text(encoding="utf-8")) for out in reports)
    assert taken["comparisons"] == asked["comparisons"]
    assert {row["reference"] for row in taken["comparisons"] if row["condition"]} == {"reference"}


def test_many_notices_leave_room_for_the_results() -> None:
    notices = tuple(f"Notice {number} " + "is a long sentence that goes on and on " * 3 for number in range(9))
    shown = foreign.notices(Source("r.csv", "", 1, notices=notices))
    assert len(shown) == 4
    assert shown[-1] == "read: 6 more of these; --check prints all"
    assert all(len(line) <= 100 for line in shown)


def test_a_pilot_is_read_in_the_same_way(here: Path, rows: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    path = dialect(here / "pilot.txt", rows)
    pd.DataFrame([[*row[:3], int(row[3])] for row in rows], columns=HEADER).to_excel(here / "pilot.xlsx", index=False)
    plans = []
    for one in (path, here / "pilot.xlsx"):
        assert main(["plan", "--pilot", str(one), "-o", str(here / "plan"), "--minutes", "5"]) == 0
        plans.append(capsys.readouterr().out)
    assert "read: It is not UTF-8: read as Windows-1252" in plans[0]
    assert "read:" not in plans[1]
    spread = [next(line for line in plan.splitlines() if line.startswith("Spread")) for plan in plans]
    assert spread[0].partition("by ")[2] == spread[1].partition("by ")[2]


def test_a_sheet_is_named_behind_the_file(
    here: Path, rows: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pd.ExcelWriter(here / "all.xlsx") as book:
        for name, held in (("first", rows[:6]), ("my sheet", rows)):
            pd.DataFrame([[*row[:3], int(row[3])] for row in held], columns=HEADER).to_excel(book, sheet_name=name)
    assert main(["analyze", "all.xlsx#my sheet", "--check"]) == 0
    assert f"all.xlsx: XLSX, sheet 'my sheet', {len(rows)} answers" in capsys.readouterr().out
    assert main(["analyze", "all.xlsx", "--check"]) == 0
    assert "another one is given as 'all.xlsx#my sheet'" in " ".join(capsys.readouterr().out.split())
    assert main(["analyze", "all.xlsx#none"]) == 2
    assert "has no sheet 'none'; it has 'first', 'my sheet'" in capsys.readouterr().err


def test_what_is_said_of_a_file_becomes_its_options() -> None:
    given = ["--columns", "participant=rater, condition=the system", "--columns", "score=MOS", "--scale", "0-10"]
    more = ["--anchor", "low", "--anchor", "mid", "--practice", "p1", "--repeat", "take", "--skip-missing", "--wide"]
    found = foreign.given(parser().parse_args(["analyze", "r.csv", *given, *more]))
    assert found.columns == {"participant": "rater", "condition": "the system", "score": "MOS"}
    assert (found.scale, found.anchors, found.practice) == ((0.0, 10.0), ("low", "mid"), ("p1",))
    assert (found.repeat, found.skip_missing, found.wide) == ("take", True, True)
    bare = foreign.given(parser().parse_args(["plan", "--pilot", "r.csv"]))
    assert (bare.columns, bare.scale, bare.repeat, bare.skip_missing, bare.wide) == ({}, None, None, False, None)


@pytest.mark.parametrize(
    ("text", "ends"),
    [("1-5", (1, 5)), ("0..100", (0, 100)), ("-3-3", (-3, 3)), ("-1--0.5", (-1, -0.5)), ("0 to 1", (0, 1))],
)
def test_a_scale_is_its_two_ends(text: str, ends: tuple[float, float]) -> None:
    assert foreign.given(parser().parse_args(["analyze", "r.csv", f"--scale={text}"])).scale == ends


def test_a_scale_that_begins_below_zero_needs_no_sign_of_equality(
    here: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(seed)
    lines = [f"p{p},{q},{c},{rng.integers(-3, 3)}" for p in range(4) for q in "ab" for c in ("baseline", "w8")]
    (here / "ratings.csv").write_text("\n".join([",".join(HEADER), *lines]))
    assert main(["analyze", "ratings.csv", "--check", "--scale", "-3-3"]) == 0
    assert "scores from -3 to 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--scale=5", "'5' is not LOW-HIGH, such as 0-10"),
        ("--scale=5-1", "'5-1' is not LOW-HIGH"),
        ("--columns=rater", "'rater' is not OURS=THEIRS, such as participant=rater"),
        ("--columns=score=", "is not OURS=THEIRS"),
    ],
)
def test_what_cannot_be_understood_is_refused(option: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["analyze", "r.csv", option])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_a_column_named_twice_is_refused(here: Path, rows: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    path = dialect(here / "r.csv", rows)
    assert main(["analyze", str(path), "--columns", "score=a,score=b"]) == 2
    assert "--columns: names score twice" in capsys.readouterr().err
    assert os.listdir(here) == ["r.csv"]


@pytest.mark.parametrize(
    "option",
    [
        "--columns=score=a",
        "--scale=0-10",
        "--anchor=a",
        "--practice=a",
        "--repeat=a",
        "--skip-missing",
        "--wide",
        "--check",
    ],
)
def test_a_study_takes_none_of_it(here: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = "name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8]\nprompts: [a dog, rain]\n"
    (here / "study.yaml").write_text(text, encoding="utf-8")
    assert main(["analyze", ".", option]) == 2
    assert f"{option.partition('=')[0]}: only for a file of ratings" in capsys.readouterr().err
    assert os.listdir(here) == ["study.yaml"]


@pytest.mark.parametrize("name", ["none.csv", "none.tsv", "none.xlsx", "none.parquet", "none.jsonl", "none.csv.gz"])
def test_a_file_that_is_not_there_is_named(here: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", name]) == 2
    assert f"{name}: cannot be read (No such file or directory)" in capsys.readouterr().err
