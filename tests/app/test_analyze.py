"""The verb analyze: what is printed, and what is known of a study beyond its ratings."""

import json
from pathlib import Path

import pytest

from analysis import load_answers
from analysis.screening import screen
from app.analyze import study_facts
from app.cli import main
from app.study import export_study
from db import Answer, Store, database_url, open_engine
from survey import Clip, Manifest, load_config

DATA = Path(__file__).parents[1] / "analysis" / "data"
STUDY = "name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8]\nprompts: [a dog, rain]\n"


def config_of(tmp_path: Path, more: str = ""):
    (tmp_path / "study.yaml").write_text(STUDY + more, encoding="utf-8")
    return load_config(tmp_path / "study.yaml")


def test_the_protocol_is_the_studys_own(tmp_path):
    session = "session: {order: random, practice: 3, repeats: 2, attention_checks: 1, headphone_check: huggins}\n"
    facts = study_facts(config_of(tmp_path, session + "sampling: {seconds: 4, seeds: [1, 2], steps: 30}\n"))
    for fact in (
        "Clips of 4 s",
        "30 steps",
        "2 seeds a prompt",
        "every prompt under every condition in a random order after 3 practice trials",
        "had to be heard to their end",
        "1 mismatched clip, 2 hidden repeats",
        "Headphones were checked (huggins, 5 of 6 right)",
    ):
        assert fact in facts.protocol, fact
    assert facts.question == "How well does this sound match the description?"


def test_each_type_asks_its_own_question(tmp_path):
    assert study_facts(config_of(tmp_path, "scale: {type: abx}\n")).question == "Which one is X?"
    own = study_facts(config_of(tmp_path, "scale: {type: ab, question: 'Louder?'}\n"))
    assert own.question == "Louder?"


def test_both_questions_are_answered_in_print(tmp_path, capsys):
    ratings = (DATA / "paper_like" / "ratings.csv").read_text(encoding="utf-8")
    path = tmp_path / "ratings.csv"
    path.write_text(ratings.replace("rater,prompt,model", "participant,prompt,condition", 1), encoding="utf-8")
    assert main(["analyze", str(path), "--baseline", "fp32", "--all-pairs", "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "fp32             mean 3.67" in printed
    assert "sqs, these prompts: Its mean is within 0.3 points" in printed
    assert "sqs, prompts like these: Its mean is within 0.3 points" in printed
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert {"paired_t_pairs", "lmm_pairs"} <= {row["test"] for row in content["comparisons"]}
    assert content["rater_model"] is None


@pytest.mark.parametrize(("file", "words"), [("abx/abx.csv", "told apart"), ("pairs/ab.csv", "preferred")])
def test_other_types_of_question_are_analysed_too(tmp_path, capsys, file, words):
    assert main(["analyze", str(DATA / file), "--baseline", "base", "-o", str(tmp_path / "out")]) == 0
    assert words in capsys.readouterr().out
    assert (tmp_path / "out" / "report.html").is_file()


def test_what_may_be_two_of_one_is_printed_and_stands_in_the_report(tmp_path, capsys):
    rows = [f"{name},p{p},{condition},{1 + (p + k) % 5},01/02/2026 10:00" for k in range(6) for p in range(4)
            for condition in ("baseline", "w8a8") for name in (f"r{k}" if p else f"R{k}",)]  # fmt: skip
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(["participant,prompt,condition,score,rated_at", *rows]), encoding="utf-8")
    assert main(["analyze", str(path), "-o", str(tmp_path / "out")]) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert "6 names are written in more than one way: 'R0' (2 ratings) and 'r0' (6); " in " ".join(printed)
    assert "no day is beyond the 12th" in " ".join(printed)
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert content["provenance"]["participants"] == 12, "nothing is merged"
    assert content["sequential"] == []
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "6 names are written in more than one way" in page
    assert "the order in which raters finished is not known" in page
    assert "in the order they finished" not in page


def test_other_types_of_question_warn_of_names_too(tmp_path, capsys):
    path = tmp_path / "pairs.csv"
    rows = [f"ab,{name},p,x,{base},1" for name, base in (("a", "base"), ("b", "Base"), ("c", "base"))]
    path.write_text("\n".join(["question,participant,prompt,condition,reference,score", *rows]), encoding="utf-8")
    assert main(["analyze", str(path), "--baseline", "base", "-o", str(tmp_path / "out")]) == 0
    said = "condition: 1 name is written in more than one way"
    assert f"warning: {said}" in capsys.readouterr().out
    assert said in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def rated_study(tmp_path: Path, on_failure: str) -> Path:
    """A study of four, of whom the first failed the headphone check."""
    rules = f"session: {{practice: 0, headphone_check: antiphase, on_failure: {on_failure}}}\n"
    config = config_of(tmp_path, rules)
    cells = [(prompt, condition) for prompt in config.prompts for condition in config.conditions]
    clips = [
        Clip(f"{p.id}.{c}.1000", p.id, p.text, c, 1000, f"{p.id}.{c}.flac", f"{p.id}{c}".ljust(64, "0"),
             1.0, 44_100, 2, 0.0, -23.0)
        for p, c in cells
    ]  # fmt: skip
    store = Store(open_engine(database_url(tmp_path, None)), config.name, config.session, config.recruitment)
    store.sync(Manifest(config.name, "mini", "0.1.0", {}, {}, tuple(clips)))
    for person, right in (("a", 2), ("b", 5), ("c", 6), ("d", 6)):
        token = person * 32
        state = store.start(token)
        while state.stage != "done":
            if state.stage == "headphones":
                state = store.try_headphones(token, state.tries, right)
            elif state.trial is None:
                state = store.confirm(token, state.stage)
            else:
                score = 1 + (len(state.trial.sha256) + ord(person) + state.trial.position) % 5
                state = store.rate(token, Answer(state.trial.position, state.trial.sha256, score, 1, 9.0, 4000))
    store.close()
    return tmp_path


def test_a_study_is_screened_by_its_headphone_check(tmp_path):
    folder = rated_study(tmp_path, "flag")
    assert main(["analyze", str(folder), "-o", str(tmp_path / "out")]) == 0
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    rule = next(rule for rule in content["screening"]["rules"] if rule["rule"] == "headphones")
    assert rule["participants"] == ["P001"]
    assert rule["judged"] == rule["raters"] == content["provenance"]["participants"] == 4


def test_who_was_replaced_for_their_headphones_is_not_named(tmp_path):
    export_study(rated_study(tmp_path, "replace"), tmp_path / "ratings.csv")
    answers = load_answers(tmp_path / "ratings.csv")
    assert sorted(answers.frame["participant"].unique()) == ["P002", "P003", "P004"]
    rule = next(rule for rule in screen(answers.frame, answers.checks) if rule.rule == "headphones")
    assert (rule.participants, rule.judged, rule.raters) == ((), 3, 3)
