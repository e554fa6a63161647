"""Any table at all: read, or refused in one line that names the file; and files of tools to the end of the reading."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_ratings import drawn, written

from analysis.errors import RatingsError
from analysis.foreign.clues.synonyms import STRONG, WEAK
from analysis.foreign.options import Options
from analysis.foreign.tidying import tidied
from analysis.read.answers import load_answers
from analysis.table.table import Table

TOOLS = (
    *("session_test_id", "trial_id", "rating_stimulus", "rating_score", "wm_type", "wm_id"),
    *("responses_stimulus", "responses_score", "WorkerId", "Answer.Q1_URL", "Answer.q1"),
    *("Answer.q1_sig", "Input.TP", "Input.Q0_P", "Answer.rating1", "Input.audio1"),
    *("AssignmentStatus", "SubmitTime", "file_url", "short_file_name", "n", "vote_1", "vote"),
    *("workerid", "file", "ResponseId", "Finished", "Timestamp", "trial_type", "trial_index"),
    *("response", "stimulus", "instance_id", "user_id", "labels.q.4", "quality:::3", "TestID"),
    *("rating.A", "Tags", "Name", "Date", "listenerId", "choice", "sentenceId", "systemId"),
    *("kind", "question", "study", "score", "participant", "prompt", "condition", "subject_1"),
    *("subject_2",),
)
CELLS = (
    *("4", "3.5", "2,5", "nan", "a", "b.wav", "x/y.wav", "https://h/a/b.mp3"),
    *('{"ImportId":"Q"}', '{"Q0":3}', "true", "false", "trial", "practice", "ref", "[1]"),
    *(
        "<",
        "Name",
        "<audio/src=x>",
        "5-Excellent",
        "Rejected",
        "Approved",
    ),
)
WORDS = sorted({word for words in (*STRONG.values(), *WEAK.values()) for word in words} | set(TOOLS))


@pytest.mark.parametrize("turn", range(120))
def test_any_table_is_read_or_refused_in_a_line(turn: int) -> None:
    rng = drawn().rng
    rows, width = int(rng.integers(0, 6)), int(rng.integers(1, 9))
    pool = (WORDS, TOOLS, CELLS)[turn % 3]
    header = tuple(str(word) for word in rng.choice(pool, width))
    columns = tuple([str(cell) for cell in rng.choice([*CELLS, ""], rows)] for _ in range(width))
    table = Table("odd.csv", "", header, columns, list(range(2, rows + 2)))
    options = Options(wide=(None, True, False)[int(rng.integers(3))])
    refusal = ""
    try:
        found = tidied(table, options)
    except RatingsError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith("odd.csv: ")
        assert "\n" not in refusal
        return
    assert {len(column) for column in found.columns} <= {len(found.lines)}
    assert len(found.header) == len(found.columns)
    assert set(found.lines) <= {1, *table.lines}


def test_files_of_several_tools_are_analysed_to_the_end(tmp_path: Path) -> None:
    ratings = drawn(0, 100, people=5)
    rows = [("s", who, "", page, name, score, 900, "") for (who, page, name), score in ratings.mixed()]
    head = (
        "session_test_id",
        "email",
        "age",
        "trial_id",
        "rating_stimulus",
        "rating_score",
        "rating_time",
        "rating_comment",
    )
    answers = load_answers(written(tmp_path, head, rows, "mushra.csv"))
    assert answers.question == "mushra"
    assert len(answers.frame) == len(rows)
    grades = drawn()
    wide = [
        (f"{c}/{p}.wav", *(grades.scores[who, p, c] for who in grades.people)) for p, c in grades.of(grades.people[0])
    ]
    answers = load_answers(written(tmp_path, ("sample", *(f"rater{n}" for n in range(4))), wide, "wide.csv"))
    assert answers.question == "acr"
    assert sorted(answers.frame["score"]) == sorted(grades.scores.values())
