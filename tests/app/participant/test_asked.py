"""The questions beside the clips as they are asked and answered over HTTP, and what becomes of the answers."""

import json
import random
import re

import pytest
from routes import Routes
from served import write_study

from app.privacy import session_columns
from app.researcher.overview import Overview
from app.texts import texts

QUESTIONS = """
questions:
  - name: device
    ask: What do you listen with?
    options: [headphones, <b>speakers</b>]
  - {name: brand, ask: Of which brand, type: text, when: {device: headphones}}
  - {name: parts, ask: Which, type: multiple, options: [a, b, c], required: no}
  - {name: level, ask: How loud, type: number, low: 0, high: 10, place: {after_trials: 1}}
  - {name: guess, ask: What for, type: text, place: after}
"""
GIVEN = {"device": "headphones", "brand": "Sony", "parts": ["c", "a"]}


@pytest.fixture
def routes(backend, tmp_path):
    rules = "headphone_check: none, practice: 0, prompts_per_participant: 1, min_plays: 1, max_plays: 2"
    folder = write_study(tmp_path / "study", session=rules)
    (folder / "study.yaml").write_text((folder / "study.yaml").read_text() + QUESTIONS)
    made = Routes(folder)
    yield made
    made.study.close()


def post(routes, name, answers, **more):
    return routes.visitor(name).post("/api/questions", json={"answers": answers, **more})


def test_the_page_is_told_what_to_ask_and_in_which_words(routes):
    state = routes.begin("anna")
    assert state["stage"] == "questions"
    device, brand, parts = state["questions"]
    assert device == {
        "name": "device", "ask": "What do you listen with?", "type": "single", "required": True, "when": {},
        "options": ["headphones", "<b>speakers</b>"], "mark": {"lang": "", "dir": "auto"},
        "reads": {"headphones": "headphones", "<b>speakers</b>": "<b>speakers</b>"},
    }  # fmt: skip
    assert (brand["when"], parts["required"]) == ({"device": ["headphones"]}, False)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (GIVEN | {"device": "tv"}, "answers.device: must be one of headphones"),
        ({"device": "headphones", "parts": []}, "answers: must be given to brand"),
        (GIVEN | {"device": "<b>speakers</b>"}, "answers: no question 'brand' is asked here"),
        (GIVEN | {"level": 3}, "answers: no question 'level' is asked here"),
        (GIVEN | {"brand": "\0"}, "answers.brand"),
        (GIVEN | {"parts": [1]}, "answers.parts"),
        (GIVEN | {"parts": {"a": 1}}, "answers.parts"),
        ({}, "answers: must be given to device"),
    ],
)
def test_what_is_no_answer_is_refused_in_one_line_and_the_page_stays(routes, answers, said):
    before = routes.begin("anna")
    reply = post(routes, "anna", answers)
    assert reply.status_code == 422
    assert reply.json()["error"].startswith(said)
    assert "\n" not in reply.json()["error"]
    assert routes.visitor("anna").get("/api/state").json() == before


def test_questions_of_each_place_are_answered_once_whatever_old_tabs_send(routes):
    routes.begin("anna")
    assert post(routes, "anna", GIVEN).json()["stage"] == "sound_check"
    assert post(routes, "anna", GIVEN | {"brand": "other"}).json()["stage"] == "sound_check", "a double click"
    state = routes.rate("anna", routes.begin("anna"))
    assert (state["stage"], state["done"], state["questions"][0]["low"]) == ("between", 1, 0)
    assert "trial" not in state
    assert post(routes, "anna", {"level": 3}, page="between", after=0).json() == state, "of another moment"
    assert post(routes, "anna", {"level": 11}, page="between", after=1).status_code == 422
    state = post(routes, "anna", {"level": 3.5}, page="between", after=1).json()
    for _ in range(2):
        state = routes.rate("anna", state)
    assert state["stage"] == "after"
    state = post(routes, "anna", {"guess": "sounds"}, page="after", after=state["done"]).json()
    assert (state["stage"], state["outcome"]) == ("done", "finished")
    assert post(routes, "anna", {"guess": "more"}, page="after", after=3).json()["stage"] == "done"
    (row,) = routes.study.store.results.sessions()
    assert row.answers == (
        '{"device": "headphones", "brand": "Sony", "parts": ["a", "c"], "level": 3.5, "guess": "sounds"}'
    )


def test_the_researcher_sees_how_often_each_answer_was_given(routes):
    for name, answers in (("anna", GIVEN), ("bert", {"device": "<b>speakers</b>", "parts": ["a"]})):
        routes.begin(name)
        assert post(routes, name, answers).status_code == 200
    shown = Overview(routes.study, None, None).people()
    table = shown[shown.index("Answers to questions") :]
    assert "&lt;b&gt;speakers&lt;/b&gt;" in table
    assert "<b>speakers" not in table
    found = [int(number) for number in re.findall(r'class="number">(\d+)<', table)]
    assert found == [1, 1, 2, 0, 1]
    assert "Sony" not in table, "words are for the export"


def test_answers_leave_the_study_with_identities_alone(routes):
    assert "answers" not in session_columns(False)
    assert {"answers", "asked"} <= set(session_columns(True))


@pytest.mark.parametrize(("plays", "key"), [(0, "plays_few"), (3, "plays_many")])
def test_plays_beyond_the_limits_are_refused_in_the_language_of_the_page(routes, plays, key):
    routes.begin("anna")
    post(routes, "anna", GIVEN)
    state, client = routes.begin("anna"), routes.visitor("anna")
    answer = {"media": state["trial"]["media"], "score": 4, "plays": plays, "heard_seconds": 9, "response_ms": 9}
    for language in ("en", "de", "ar"):
        reply = client.post("/api/rate", json=answer, headers={"accept-language": language})
        said = texts(language)[key].replace("{count}", "1" if plays == 0 else "2")
        assert (reply.status_code, reply.json()["error"]) == (409, said)
    assert routes.rate("anna", state)["stage"] == "between"


def test_whatever_is_sent_as_answers_is_stored_as_it_fits_or_refused(routes, seed):
    rng = random.Random(seed)
    texts_of = ["", " ", "headphones", "x" * 2001]
    values = [*texts_of, None, 3, -1, 1e308, True, [], ["a"], ["a", "a"], ["z"], {}, {"a": "b"}, [[]]]
    routes.begin("anna")
    for _ in range(150):
        names = rng.sample(["device", "brand", "parts", "level", "guess", "none"], rng.randint(0, 4))
        sent = {name: rng.choice(values) for name in names}
        body = {"page": rng.choice(["questions", "between", "after", "trials"]), "after": rng.choice([0, 1, -1, "x"])}
        print(sent, body)
        assert post(routes, "anna", sent, **body).status_code in (200, 422)
    (row,) = routes.study.store.results.sessions()
    kept = json.loads(row.answers)
    assert kept == {} or kept["device"] in ("headphones", "<b>speakers</b>")
