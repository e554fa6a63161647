"""What standards ask: each line says what this study does, and how it is known."""

from pathlib import Path

import pytest

from survey import load_config
from survey.launch.standards import requirements

QUALITY = "labels: {5: Excellent, 4: Good, 3: Fair, 2: Poor, 1: Bad}"


@pytest.fixture
def asked(tmp_path: Path):
    def held(session: str = "", recruitment: str = "", scale: str = "", prompts: int = 5):
        path = tmp_path / "study.yaml"
        texts = "".join(f"  - sound {number}\n" for number in range(prompts))
        path.write_text(
            f"name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8, sqd-w8a8]\nprompts:\n{texts}"
            f"session: {{{session}}}\nrecruitment: {{{recruitment}}}\nscale: {{{scale}}}\n",
            encoding="utf-8",
        )
        found = requirements(load_config(path), None)
        return {(one.standard, one.asks): one.verdict for one in found}

    return held


def verdicts(found, standard: str, word: str) -> list[str]:
    return [verdict for (of, asks), verdict in found.items() if of == standard and word in asks]


@pytest.mark.parametrize(
    ("standard", "word", "does", "does_not"),
    [
        ("P.800", "instructions, then practice", {"session": "practice: 2"}, {"session": "practice: 0"}),
        ("P.800", "an order of its own", {}, {"session": "order: fixed"}),
        ("P.800", "naive listeners", {"recruitment": "eligibility: true"}, {}),
        ("P.800", "fixed words", {"scale": QUALITY}, {}),
        ("P.800", "one of its methods", {"scale": "type: ccr"}, {"scale": "type: abx"}),
        ("P.800", "45 at most", {}, {"prompts": 60}),
        ("P.808", "headphones", {}, {"session": "headphone_check: none"}),
        ("P.808", "training", {"session": "practice: 5"}, {"session": "practice: 4"}),
        ("P.808", "known answer", {"session": "gold_checks: 1"}, {}),
        ("P.808", "what to answer", {"session": "instructed_checks: 1"}, {}),
        ("P.808", "heard to the end", {}, {"session": "must_listen: false"}),
        ("P.808", "10 votes", {"recruitment": "target_participants: 10"}, {"recruitment": "target_participants: 9"}),
        ("P.808", "10 votes", {}, {"session": "prompts_per_participant: 2"}),
        ("BS.1534-3", "excerpts for", {"scale": "type: mushra"}, {"scale": "type: mushra", "prompts": 4}),
        (
            "BS.1534-3",
            "20 listeners",
            {"scale": "type: mushra"},
            {"scale": "type: mushra", "recruitment": "target_participants: 19"},
        ),
    ],
)
def test_what_a_study_does_is_met_and_what_it_does_not_is_not(asked, standard, word, does, does_not):
    assert verdicts(asked(**does), standard, word) == ["met"]
    assert verdicts(asked(**does_not), standard, word) == ["not met"]


def test_mushra_alone_is_held_to_its_standard(asked):
    assert {standard for standard, _ in asked()} == {"P.800", "P.808"}
    assert {standard for standard, _ in asked(scale="type: mushra")} == {"P.800", "P.808", "BS.1534-3"}


def test_nothing_that_was_not_read_is_cited_as_if_it_was(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8]\nprompts: [rain]\nscale: {type: mushra}\n")
    found = requirements(load_config(path), None)
    assert all(one.source.startswith("second hand") for one in found)
    assert {"met", "not met", "left to you"} == {one.verdict for one in found}
