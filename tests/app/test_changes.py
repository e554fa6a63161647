"""What a change of study.yaml does to sessions that run, to those that come, and to the analysis: key by key."""

import csv
import json
import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from routes import Routes
from served import CONDITIONS, PASSWORD, PROMPTS, write_study
from sqlalchemy import update
from sqlalchemy.orm import Session as OrmSession

from app.cli import main
from app.settings import Settings
from app.study import Study
from db.scope import now
from db.tables import Session
from survey import read_manifest, write_manifest

ALL_CLIPS = (*CONDITIONS, "anchor")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the clips once; a study is a copy."""
    return write_study(tmp_path_factory.mktemp("template") / "study", clips_of=ALL_CLIPS)


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    made = tmp_path / "study"
    shutil.copytree(template, made)
    return made


def write(folder: Path, *, scale: str = "", session: str = "", recruitment: str = "", analysis: str = "") -> None:
    """Write the study's configuration, and list the clips that its type of question has."""
    prompts = "".join(f"  - {text}\n" for text in PROMPTS)
    (folder / "study.yaml").write_text(
        f"name: listening\nmodel: mini\nconditions: [{', '.join(CONDITIONS)}]\nprompts:\n{prompts}"
        f"sampling: {{seconds: 0.6}}\nscale: {{{scale}}}\n"
        f"session: {{headphone_check: none, practice: 1{', ' if session else ''}{session}}}\n"
        f"recruitment: {{{recruitment}}}\nanalysis: {{{analysis}}}\n",
        encoding="utf-8",
    )
    path = folder / "clips" / "manifest.json"
    manifest = read_manifest(path)
    kept = tuple(clip for clip in manifest.clips if "mushra" in scale or clip.condition != "anchor")
    write_manifest(path, replace(manifest, clips=kept))


def served(folder: Path, **sections: str) -> Routes:
    write(folder, **sections)
    return Routes(folder)


def exported(folder: Path, *options: str) -> list[dict[str, str]]:
    assert main(["export", str(folder), *options]) == 0
    with (folder / "ratings.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- scale ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [("abx", "acr"), ("acr", "mushra"), ("mushra", "acr"), ("ab", "text"), ("text", "ccr"), ("acr", "abx")],
)
def test_a_change_of_type_reaches_no_session_and_no_export(folder, before, after, capsys):
    routes = served(folder, scale=f"type: {before}")
    routes.rate("Anna", routes.begin("Anna"))
    routes.edit((f"type: {before}", f"type: {after}"))
    assert routes.study.ready
    types = []
    assert routes.finish("Anna", lambda state: types.append(state["question"]["type"]))["stage"] == "done"
    assert routes.begin("Bert")["question"]["type"] == before, "the change is not taken over in silence"
    assert set(types) == {before}
    rows = exported(folder)
    assert {row["question"] for row in rows} == {before}
    assert {row["revision"] for row in rows} == {"1"}
    assert Counter(row["kind"] for row in rows)["trial"] == {"ab": 10, "ccr": 10, "abx": 10, "mushra": 20}.get(
        before, 15
    )
    assert main(["status", str(folder)]) == 0
    assert f"scale.type is '{after}', was '{before}'" in capsys.readouterr().out


def test_the_words_of_a_question_are_the_sessions_own(folder):
    words = "question: 'How real?', labels: {5: a, 4: b, 3: c, 2: d, 1: e}"
    routes = served(folder, scale=words)
    before = routes.begin("Anna")["question"]
    assert [grade["label"] for grade in before["grades"]] == list("abcde")
    routes.edit((words, "question: 'Louder?'"))
    assert routes.begin("Anna")["question"] == before
    assert main(["revise", str(folder)]) == 0
    routes.edit()
    assert routes.begin("Anna")["question"] == before
    assert routes.begin("Bert")["question"]["question"] == "Louder?"


def test_no_preference_stays_an_answer_where_it_was_one(folder):
    routes = served(folder, scale="type: ab, no_preference: true")
    routes.begin("Anna")
    routes.edit((", no_preference: true", ""))
    state = routes.begin("Anna")
    assert [grade["score"] for grade in state["question"]["grades"]] == [-1, 0, 1]
    routes.rate("Anna", state, score=0)
    assert [row["score"] for row in exported(folder)] == ["0"]


# --- what is frozen ------------------------------------------------------------------------------


FROZEN = [
    ("model: mini", "model: other", "model is 'other', was 'mini'"),
    (", sqd-lora-w8a8]", "]", "conditions is ['baseline', 'sqs-w8a8'], was ["),
    (f"  - {PROMPTS[1]}\n", "  - a cat\n", "prompts is ["),
    ("seconds: 0.6", "seconds: 0.6, steps: 50", "sampling.steps is 50, was 100"),
    ("seconds: 0.6", "seconds: 0.6, seeds: [1000, 7]", "sampling.seeds is (1000, 7), was (1000,)"),
    ("scale:", "calibration: {alpha: 0.4}\nscale:", "calibration.alpha is 0.4, was 0.5"),
    ("scale:", "quantization: {groups: 4}\nscale:", "quantization.groups is 4, was 1"),
    ("scale: {", "scale: {question: 'Louder?'", "scale.question is 'Louder?', was 'How well"),
    ("analysis: {", "analysis: {equivalence_margin: 0.5", "analysis.equivalence_margin is 0.5, was 0.3"),
    ("analysis: {", "analysis: {baseline: sqs-w8a8", "analysis.baseline is 'sqs-w8a8', was 'baseline'"),
    ("analysis: {", "analysis: {alpha: 0.01", "analysis.alpha is 0.01, was 0.05"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), FROZEN, ids=[said.split(" is ")[0] for *_, said in FROZEN])
def test_what_is_frozen_stays_in_force_until_it_is_revised(folder, capsys, old, new, said):
    routes = served(folder)
    before = routes.begin("Anna")
    config = routes.study.config
    routes.edit((old, new))
    assert routes.study.config == config
    (line,) = routes.study.changes()
    assert line.startswith(f"study.yaml: {said}")
    assert line.endswith(f"change it back, or make a new revision: earmark revise {folder}")
    assert routes.begin("Anna") == before
    assert routes.begin("Bert")["stage"] == "practice"
    assert routes.study.store.revisions.find().number == 1
    # Nothing is rendered that would replace what people hear.
    clips = {path: path.read_bytes() for path in (folder / "clips").iterdir() if path.is_file()}
    assert main(["generate", str(folder)]) == 2
    assert capsys.readouterr().err.strip() == f"earmark: {line}"
    assert {path: path.read_bytes() for path in (folder / "clips").iterdir() if path.is_file()} == clips
    routes.study.close()
    assert main(["revise", str(folder)]) == 0
    assert capsys.readouterr().out.startswith(f"revision 2: {said}")
    routes.open()
    assert routes.study.changes() == []
    assert routes.study.config != config
    assert routes.study.store.revisions.find().number == 2
    routes.study.close()
    assert main(["revise", str(folder)]) == 2
    assert "there is nothing to revise" in capsys.readouterr().err


def test_before_the_launch_every_change_holds(folder, capsys):
    routes = served(folder)
    routes.study.store.participants.invite(2)
    routes.edit(("scale: {", "scale: {type: ab"), ("analysis: {", "analysis: {alpha: 0.01"))
    assert routes.study.changes() == []
    assert routes.study.config.analysis.alpha == 0.01
    assert routes.begin("Anna")["question"]["type"] == "ab"
    assert main(["revise", str(write_study(folder.parent / "other"))]) == 2
    assert "nobody has taken part yet" in capsys.readouterr().err


def test_a_study_is_not_opened_under_another_name(folder, capsys):
    routes = served(folder)
    routes.begin("Anna")
    routes.study.close()
    text = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text(text.replace("name: listening", "name: hearing"))
    for verb in ("status", "export", "generate", "revise"):
        assert main([verb, str(folder)]) == 2
        said = capsys.readouterr().err
        assert "name: is hearing, and study.db holds listening; name it so again" in said
    (folder / "study.yaml").write_text(text)
    assert len(exported(folder)) == 0


def test_a_dropped_condition_goes_on_for_those_who_began_with_it(folder, capsys):
    """A new revision without one condition: the clips of the others stay, and so do the sessions under way."""
    routes = served(folder)
    routes.begin("Anna")
    routes.edit((", sqd-lora-w8a8]", "]"))
    routes.study.close()
    assert main(["revise", str(folder)]) == 0
    path = folder / "clips" / "manifest.json"
    manifest = read_manifest(path)
    kept = tuple(clip for clip in manifest.clips if clip.condition != "sqd-lora-w8a8")
    write_manifest(path, replace(manifest, clips=kept))
    routes.open()
    assert routes.study.ready
    for name in ("Anna", "Bert"):
        routes.finish(name)
    rows = [row for row in exported(folder) if row["kind"] == "trial"]
    assert Counter((row["revision"], row["condition"]) for row in rows) == {
        (revision, condition): 5 for revision in "12" for condition in ("baseline", "sqs-w8a8")
    }
    assert len(exported(folder, "--revision", "2")) == 11
    assert main(["export", str(folder), "--revision", "3"]) == 2
    assert "--revision 3: there is no such revision; the newest is 2" in capsys.readouterr().err


# --- the analysis --------------------------------------------------------------------------------


def test_the_analysis_keeps_to_a_revision(folder, capsys):
    routes = served(folder)
    for name in ("Anna", "Bert"):
        routes.finish(name)
    routes.edit(("analysis: {", "analysis: {equivalence_margin: 0.5, alpha: 0.1"))
    assert main(["analyze", str(folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(
        "study.yaml: analysis.equivalence_margin is 0.5, was 0.3; analysis.alpha is 0.1, was 0.05"
    )
    assert any("95 % interval" in line for line in said)
    assert not any("90 % interval" in line for line in said)
    assert main(["revise", str(folder)]) == 0
    routes.edit()
    for name in ("Carla", "Dora", "Emil"):
        routes.finish(name)
    capsys.readouterr()
    assert main(["analyze", str(folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "revision 2 is analysed; 30 ratings of other revisions are left out"
    assert any("90 % interval" in line for line in said)
    content = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    assert {row["participants"] for row in content["conditions"]} == {3}
    assert main(["analyze", str(folder), "--revision", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "revision 1 is analysed; 45 ratings of other revisions are left out"
    assert any("95 % interval" in line for line in said)
    content = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    assert {row["participants"] for row in content["conditions"]} == {2}
    # A file that holds several revisions is refused, not pooled.
    exported(folder)
    assert main(["analyze", str(folder / "ratings.csv"), "-o", str(folder / "other")]) == 2
    assert "holds ratings of 2 revisions (1, 2)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["{csv}", "--revision", "1"], ["{study}", "--revision", "0"], ["{study}", "--revision", "9" * 30]]
)
def test_a_revision_that_cannot_be_analysed(folder, capsys, arguments):
    write(folder)
    (folder / "r.csv").write_text("participant,prompt,condition,score\na,b,c,3\n")
    filled = [argument.format(csv=folder / "r.csv", study=folder) for argument in arguments]
    assert main(["analyze", *filled]) == 2
    assert capsys.readouterr().err.startswith("earmark: --revision")


# --- session -------------------------------------------------------------------------------------


def test_rules_of_listening_are_those_of_the_session(folder):
    routes = served(folder, session="comments: true, break_minutes: 5")
    state = routes.begin("Anna")
    routes.edit(("comments: true, break_minutes: 5", "must_listen: false, go_back: true"))
    again = routes.begin("Anna")
    assert again == state
    refused = routes.visitor("Anna").post(
        "/api/rate",
        json={"media": state["trial"]["media"], "score": 3, "plays": 0, "heard_seconds": 0, "response_ms": 9},
    )
    assert refused.status_code == 409
    assert "previous" not in routes.rate("Anna", state, comment="a bird")
    new = routes.begin("Bert")
    assert (new["must_listen"], new["comments"], new["break_minutes"]) == (False, False, 0)
    routes.rate("Bert", new, heard_seconds=0, comment="a cat")
    state = routes.visitor("Bert").post("/api/step", json={"page": "ready"}).json()
    assert "previous" in routes.rate("Bert", state, comment="a cat")
    rows = {(row["participant"], row["comment"]) for row in exported(folder)}
    assert rows == {("P001", "a bird"), ("P002", "")}


def test_sounds_that_instruct_are_kept_for_those_who_still_hear_them(folder):
    routes = served(folder, session="instructed_checks: 2")
    routes.begin("Anna")
    routes.edit((", instructed_checks: 2", ""))
    routes.finish("Anna")
    routes.finish("Bert")
    count = Counter((row["participant"], row["kind"]) for row in exported(folder))
    assert (count["P001", "instructed"], count["P002", "instructed"]) == (2, 0)


# --- recruitment ---------------------------------------------------------------------------------


def test_the_consent_is_the_one_that_was_given(folder):
    routes = served(folder, recruitment="consent: I agree")
    routes.begin("Anna")
    routes.edit(("I agree", "I am over 18"))
    routes.begin("Anna")
    routes.begin("Bert")
    assert [row.consent_sha256 for row in routes.study.store.results.sessions()] == [
        sha256(text.encode()).hexdigest() for text in ("I agree", "I am over 18")
    ]


def answer_once(routes, name):
    """Have somebody hold a place."""
    routes.rate(name, routes.begin(name))


def test_what_recruits_holds_at_once_for_all(folder):
    routes = served(folder, recruitment="target_participants: 1, language: de, codes: {finished: OLD}")
    answer_once(routes, "Anna")
    assert routes.visitor("Bert").get("/api/state").json()["reason"] == "busy"
    after = "target_participants: 2, language: fr, codes: {finished: NEW}, completion_url: https://x.org/"
    routes.edit(("target_participants: 1, language: de, codes: {finished: OLD}", after))
    assert routes.visitor("Bert").get("/api/state").json()["stage"] == "consent"
    end = routes.finish("Anna")
    assert (end["language"], end["code"], end["url"]) == ("fr", "NEW", "https://x.org/")
    routes.edit(("recruitment: {", "recruitment: {open_link: false, "))
    assert routes.visitor("Carla").get("/api/state").json()["reason"] == "link"
    routes.edit(("open_link: false", "platform: prolific"))
    assert routes.visitor("Dora").get("/api/state").json()["reason"] == "platform"
    assert routes.begin("Anna")["stage"] == "done", "who is in stays in"


def test_how_long_a_session_may_stand_still_holds_at_once(folder):
    routes = served(folder, recruitment="target_participants: 1, dropout_minutes: 60")
    answer_once(routes, "Anna")
    with OrmSession(routes.study.store.scope.engine.execution_options(writes=True)) as db, db.begin():
        db.execute(update(Session).values(seen_at=now() - timedelta(minutes=10)))
    assert routes.visitor("Bert").get("/api/state").json()["reason"] == "busy"
    routes.edit(("dropout_minutes: 60", "dropout_minutes: 5"))
    assert routes.visitor("Bert").get("/api/state").json()["stage"] == "consent"


def test_questions_are_those_of_now_for_who_is_at_them(folder):
    routes = served(folder, recruitment="demographics: [age]")
    client = routes.visitor("Anna")
    client.get("/api/state")
    assert client.post("/api/step", json={"page": "consent"}).json()["stage"] == "questions"
    routes.edit(("[age]", "[gender]"))
    client = routes.visitor("Anna")
    assert client.post("/api/questions", json={"answers": {"age": "30_44"}}).status_code == 422
    assert [item["name"] for item in client.get("/api/state").json()["questions"]] == ["gender"]
    assert client.post("/api/questions", json={"answers": {"gender": "woman"}}).json()["stage"] == "sound_check"
    routes.edit(("[gender]", "[]"))
    client = routes.visitor("Bert")
    client.get("/api/state")
    assert client.post("/api/step", json={"page": "consent"}).json()["stage"] == "sound_check"


def test_another_key_is_said_and_a_look_with_it_changes_nothing(folder, monkeypatch, capsys):
    routes = served(folder)
    state = routes.begin("Anna")
    monkeypatch.setenv("EARMARK_SECRET", "some other key of another shell")
    assert main(["status", str(folder)]) == 0
    assert "1 under way" in capsys.readouterr().out
    monkeypatch.delenv("EARMARK_SECRET")
    other = Study(folder, Settings(secret="some other key of another shell", admin_password=PASSWORD))
    assert any("the key is not the one of before" in line for line in other.changes())
    other.close()
    routes.open()
    assert routes.begin("Anna")["trial"] == state["trial"], "with the old key back all go on"
