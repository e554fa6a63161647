"""A study in several languages: everybody reads it in the page's, or in plain words where it is not translated."""

import csv
import io
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from routes import Routes
from served import PROMPTS, write_study

from app.cli import main
from app.texts import texts
from survey.records import write_csv

GERMAN = [f"Geräusch {number}" for number in range(1, 6)]
TRANSLATIONS = {
    "de": {
        "consent": "Sie hören Geräusche.",
        "question": "Wie natürlich?",
        "labels": {5: "ganz", 4: "gut", 3: "teils", 2: "kaum", 1: "nicht"},
        "prompts": GERMAN,
    },
    "ar": {"prompts": {"p1": "كلب ينبح"}},
}
PLAIN = {"lang": "en", "dir": "ltr"}


@pytest.fixture
def routes(backend: str, tmp_path: Path) -> Callable[..., Routes]:
    def serve(
        scale: str = "question: 'How natural?'", recruitment: str = "consent: You hear sounds.", language: str = "en"
    ) -> Routes:
        session = "headphone_check: none, practice: 1, attention_checks: 2"
        folder = write_study(tmp_path / "study", session=session, scale=scale, recruitment=recruitment)
        with (folder / "study.yaml").open("a", encoding="utf-8") as file:
            file.write(f"language: {language}\ntranslations: {json.dumps(TRANSLATIONS, ensure_ascii=False)}\n")
        return Routes(folder)

    return serve


def speak(routes: Routes, name: str, language: str) -> None:
    routes.visitor(name).headers["accept-language"] = language


def read(routes: Routes, name: str) -> tuple[dict, set[str], set[tuple[str, str]]]:
    """Take part to the end; return the last state with a trial, the prompts that were read, and their marks."""
    prompts, marks, last = set(), set(), {}

    def note(state: dict) -> None:
        if state.get("trial"):
            prompts.add(state["trial"]["prompt"])
            marks.add((state["trial"]["mark"]["lang"], state["trial"]["mark"]["dir"]))
            last.update(state)

    assert routes.finish(name, note)["stage"] == "done"
    return last, prompts, marks


def test_everybody_reads_their_language_and_one_prompt_stays_one(routes, verbs_find, capsys):
    study = routes()
    for name, language in (("Anna", "de-AT"), ("Bert", "fr"), ("Carla", "ar"), ("Dora", "en-GB")):
        speak(study, name, language)
    consents = {name: study.visitor(name).get("/api/state").json() for name in ("Anna", "Bert", "Carla", "Dora")}
    assert consents["Anna"]["consent"] == "Sie hören Geräusche."
    assert consents["Anna"]["consent_mark"] == {"lang": "de", "dir": "ltr"}
    assert {consents[name]["consent"] for name in ("Bert", "Carla", "Dora")} == {"You hear sounds."}
    assert consents["Carla"]["consent_mark"] == PLAIN, "plain words on an Arabic page"
    german, prompts, marks = read(study, "Anna")
    assert (german["question"]["question"], [one["label"] for one in german["question"]["grades"]]) == (
        "Wie natürlich?",
        ["ganz", "gut", "teils", "kaum", "nicht"],
    )
    assert german["question"]["marks"] == {
        "question": {"lang": "de", "dir": "ltr"},
        "labels": {"lang": "de", "dir": "ltr"},
    }
    assert (prompts, marks) == (set(GERMAN), {("de", "ltr")})
    french, prompts, marks = read(study, "Bert")
    assert (french["language"], french["question"]["question"]) == ("fr", "How natural?")
    assert french["question"]["marks"] == {"question": PLAIN}, "the grades are the page's, in French"
    assert (prompts, marks) == (set(PROMPTS), {("en", "ltr")})
    _, prompts, marks = read(study, "Carla")
    assert prompts == {"كلب ينبح", *PROMPTS[1:]}
    assert marks == {("ar", "rtl"), ("en", "ltr")}
    read(study, "Dora")

    rows = list(study.study.store.results.ratings())
    assert {(row.prompt_id, row.prompt) for row in rows} == {(f"p{n}", text) for n, text in enumerate(PROMPTS, 1)}
    agreed = {row.language: row.consent_sha256 for row in study.study.store.results.sessions()}
    assert agreed["de"] == sha256("Sie hören Geräusche.".encode()).hexdigest()
    assert agreed["ar"] == agreed["fr"] == agreed["en"] == sha256(b"You hear sounds.").hexdigest()

    study.study.runs.run("anna", "close")
    study.study.close()
    verbs_find(study.folder)
    assert main(["analyze", str(study.folder)]) == 0
    capsys.readouterr()
    report = json.loads((study.folder / "report" / "report.json").read_text(encoding="utf-8"))
    spoken = {one["language"]: (one["participants"], one["question"]) for one in report["provenance"]["languages"]}
    assert spoken == {
        "German": (1, "Wie natürlich?"),
        **dict.fromkeys(("French", "Arabic", "English"), (1, "How natural?")),
    }
    methods = (study.folder / "report" / "methods.txt").read_text(encoding="utf-8")
    assert "The page was in German (1 participant), French (1 participant), Arabic (1 participant) and" in methods
    assert "The question was in German “Wie natürlich?”; in French, Arabic and English “How natural?”." in methods
    assert "Asked in German (1 participant)" in (study.folder / "report" / "report.html").read_text(encoding="utf-8")


def test_a_session_keeps_its_words_where_the_browser_speaks_another_language(routes):
    study = routes()
    speak(study, "Anna", "de")
    before = study.begin("Anna")
    speak(study, "Anna", "en")
    study.edit()
    after = study.visitor("Anna").get("/api/state").json()
    assert (before["language"], after["language"]) == ("de", "en"), "the page's own words follow the browser"
    assert after["trial"]["prompt"] == before["trial"]["prompt"]
    assert after["trial"]["mark"] == {"lang": "de", "dir": "ltr"}
    assert after["question"] == before["question"]


def test_a_language_that_is_fixed_is_everybodys(routes):
    study = routes(recruitment="language: de")
    speak(study, "Anna", "ar")
    state = study.begin("Anna")
    assert (state["language"], state["question"]["question"]) == ("de", "Wie natürlich?")
    assert state["trial"]["prompt"] in GERMAN


def test_words_that_the_study_leaves_to_the_page_are_the_pages(routes, verbs_find, capsys):
    """Of a study that asks no question of its own, the translation's question is read in its language alone."""
    study = routes(scale="", recruitment="", language="ja")
    speak(study, "Anna", "ar")
    state = study.visitor("Anna").get("/api/state").json()
    assert state["consent"] is state["consent_mark"] is None
    state, _, marks = read(study, "Anna")
    assert state["question"]["marks"] == {}
    assert marks == {("ar", "rtl"), ("ja", "ltr")}
    study.study.runs.run("anna", "close")
    study.study.close()
    verbs_find(study.folder)
    assert main(["analyze", str(study.folder)]) == 0
    capsys.readouterr()
    methods = (study.folder / "report" / "methods.txt").read_text(encoding="utf-8")
    assert f"The question was: “{texts('ar')['question']}”" in methods
    assert texts("ar")["grade_5"] in methods
    assert "The page was in Arabic (1 participant)." in methods


def test_plain_words_of_a_language_that_is_not_said_are_not_marked_as_the_pages(routes):
    study = routes()
    study.edit(("language: en\n", ""))
    speak(study, "Anna", "fr")
    assert study.begin("Anna")["trial"]["mark"] == {"lang": "", "dir": "auto"}


def test_the_session_and_the_export_say_the_language(routes):
    study = routes()
    speak(study, "Anna", "de")
    study.finish("Anna")
    file = io.StringIO()
    rows = list(study.study.store.results.sessions())
    write_csv(file, rows, type(rows[0]))
    (row,) = csv.DictReader(io.StringIO(file.getvalue()))
    assert row["language"] == "de"


def test_check_remarks_on_what_is_not_translated(routes, capsys):
    study = routes()
    study.study.runs.run("anna", "close")
    study.study.close()
    assert main(["check", str(study.folder)]) == 0
    said = capsys.readouterr().err
    assert "remark: study.yaml: translations.ar: lacks consent, question, prompts.p2 and 3 more; the plain" in said
    assert "translations.de" not in said


def test_questions_beside_the_clips_are_read_in_their_language_and_answered_in_plain_words(backend, tmp_path):
    folder = write_study(tmp_path / "study", session="headphone_check: none")
    asked = [{"name": "device", "ask": "What do you listen with?", "options": ["Headphones", "Speakers"]}]
    words = {"questions": {"device": {"ask": "Womit hören Sie?", "options": ["Kopfhörer", "Lautsprecher"]}}}
    with (folder / "study.yaml").open("a", encoding="utf-8") as file:
        file.write(f"language: en\nquestions: {json.dumps(asked)}\ntranslations: {json.dumps({'de': words})}\n")
    routes = Routes(folder)
    for name, language, ask, reads in (
        ("Anna", "de", "Womit hören Sie?", {"Headphones": "Kopfhörer", "Speakers": "Lautsprecher"}),
        ("Bert", "nl", "What do you listen with?", {"Headphones": "Headphones", "Speakers": "Speakers"}),
    ):
        speak(routes, name, language)
        (question,) = routes.begin(name)["questions"]
        assert (question["ask"], question["reads"], question["options"]) == (ask, reads, ["Headphones", "Speakers"])
        assert question["mark"] == {"lang": "de" if name == "Anna" else "en", "dir": "ltr"}
