"""The verb analyze: what is printed, and what is known of a study beyond its ratings."""

import json
from pathlib import Path

import pytest

from app.analyze import study_facts
from app.cli import main
from survey import load_config

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
