"""An answer on several scales, as the page sends it: whole, or refused."""

import csv
import re

import pytest
from fastapi.testclient import TestClient
from served import settings_of, write_study
from taking_part import begin, exported, rate

from app.researcher.jobs import Job, Rendering
from app.researcher.overview import Overview
from app.server import create_app
from app.verbs.results.export import Export

SCALES = (
    "{name: quality, type: slider, low: 0, high: 10}, {name: match}, "
    "{name: why, type: text, question: 'Why?', required: false}"
)
WHOLE = {"quality": 7.25, "match": 4, "why": "=it rings"}


@pytest.fixture
def several(backend, tmp_path):
    rules = "headphone_check: none, practice: 0, must_listen: false, go_back: true, comments: true"
    folder = write_study(tmp_path / "study", session=rules, scales=SCALES)
    app = create_app(folder, settings_of(folder))
    with TestClient(app, follow_redirects=False) as client:
        yield client


def test_the_page_is_told_every_scale_and_no_more(several):
    state = begin(several)
    assert [(one["name"], one["answer"], one["required"]) for one in state["scales"]] == [
        ("quality", "slider", True),
        ("match", "grades", True),
        ("why", "words", False),
    ]
    assert (state["layout"], state["question"]["type"]) == ("together", "slider")
    assert not {"baseline", "sqs-w8a8", "listening"} & set(str(state).split("'"))


@pytest.mark.parametrize(
    ("score", "said"),
    [
        ({"quality": 7}, "score: must be a mapping of quality, match, why, not "),
        (7, "score: must be a mapping of quality, match, why, not 7"),
        (WHOLE | {"match": None}, "score.match: must be a whole number from 1 to 5, not null"),
        (WHOLE | {"quality": 10.5}, "score.quality: must be a number from 0 to 10, not 10.5"),
        (WHOLE | {"more": 1}, "score: must be a mapping of quality, match, why, not "),
    ],
)
def test_a_part_of_an_answer_is_refused_and_nothing_stored(several, score, said):
    state = begin(several)
    answer = rate(several, state, score)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(said)
    assert several.get("/api/state").json()["trial"] == state["trial"]
    assert list(several.app.state.study.store.results.ratings()) == []


def test_a_whole_answer_is_exported_a_row_a_scale_and_counted_once(several):
    state = begin(several)
    after = rate(several, state, WHOLE, comment="a remark").json()
    assert after["previous"]["score"] == WHOLE
    assert rate(several, state, WHOLE, comment="a remark").json()["trial"] == after["trial"], "sent twice"
    found = [(row["scale"], row["score"], row["low"], row["high"], row["comment"]) for row in exported(several)]
    assert found == [
        ("quality", "7.25", "0", "10", "a remark"),
        ("match", "4", "", "", "a remark"),
        ("why", "", "", "", "'=it rings"),
    ]
    study = several.app.state.study
    shown = Overview(study, Rendering(study.folder), Job(study.folder, "analyze"))
    assert "<dt>Ratings</dt><dd>1</dd>" in shown.head()
    assert "1 rating," in shown.files()
    assert len(re.findall(r'heat"[^>]*>1<', shown.filling())) == 1


def test_a_report_gets_the_words_that_are_answers_and_no_remark(several, verbs_find, tmp_path):
    rate(several, begin(several), WHOLE, comment="Anna was here")
    folder, target = several.app.state.study.folder, tmp_path / "ratings.csv"
    verbs_find(folder)
    with Export(folder, several.app.state.study.config) as study:
        study.for_analysis(target, None)
    with target.open(encoding="utf-8", newline="") as file:
        found = [(row["scale"], row["comment"]) for row in csv.DictReader(file)]
    assert found == [("quality", ""), ("match", ""), ("why", "'=it rings")]
