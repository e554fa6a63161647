"""Studies against the rules of panels: what breaks them fails, and what is set at the panel could not be checked."""

from pathlib import Path

import pytest

from survey import load_config
from survey.launch.panels import panel_items

CODES = "codes: {finished: DONE7, screened_out: OUT7}"


@pytest.fixture
def items(tmp_path: Path):
    def held(session: str = "", recruitment: str = "", panel: str = "prolific", more: str = ""):
        path = tmp_path / "study.yaml"
        path.write_text(
            "name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8]\nprompts: [rain, a dog, a bell]\n"
            f"session: {{{session}}}\nrecruitment: {{{recruitment}}}\n{more}",
            encoding="utf-8",
        )
        return {item.name: item for item in panel_items(load_config(path), panel)}

    return held


@pytest.mark.parametrize("panel", ["prolific", "connect"])
def test_a_study_that_sends_nobody_away_breaks_no_rule(items, panel):
    found = items(recruitment=f"platform: {panel}, {CODES}", panel=panel)
    assert [item.name for item in found.values() if item.outcome == "fail"] == []
    assert found["link"].outcome == "unchecked"
    assert {"prolific": "PROLIFIC_PID={{%PROLIFIC_PID%}}", "connect": "participantId"}[panel] in found["link"].remedy


@pytest.mark.parametrize("checks", ["attention_checks", "repeats", "instructed_checks", "gold_checks"])
def test_nobody_may_be_sent_away_in_the_middle(items, checks):
    recruitment = f"platform: prolific, {CODES}"
    refused = items(f"on_failure: end, {checks}: 1", recruitment)["no screening later"]
    assert refused.outcome == "fail"
    assert "session.on_failure: flag" in refused.remedy
    for allowed in (f"on_failure: flag, {checks}: 1", f"on_failure: replace, {checks}: 1", "on_failure: end"):
        assert items(allowed, recruitment)["no screening later"].outcome == "pass"


ASKED = """questions:
  - {name: dogs, ask: "Have you a dog?", type: single, options: ["yes", "no"], screen_out: ["no"]}
"""


@pytest.mark.parametrize(
    ("session", "recruitment", "more", "word"),
    [
        ("", "eligibility: true", "", "eligibility"),
        ("on_failure: end", "headphone_check", "", "headphone check"),
        ("", "", ASKED, "question dogs"),
    ],
)
def test_who_is_screened_out_is_paid_and_was_told(items, session, recruitment, more, word):
    recruitment = "platform: prolific" + (f", {recruitment}" if ":" in recruitment else "")
    unpaid = items(session, f"{recruitment}, codes: {{finished: DONE7}}", more=more)
    assert unpaid["screening is paid"].outcome == "fail"
    assert word in unpaid["screening is paid"].found
    paid = items(session, f"{recruitment}, {CODES}", more=more)
    assert (paid["screening is paid"].outcome, paid["label"].outcome) == ("unchecked", "unchecked")
    assert "£0.10" in paid["screening is paid"].remedy
    assert "IN-STUDY SCREENING" in paid["label"].remedy
    assert (paid["comprehension"].outcome == "unchecked") == bool(more)


def test_two_checks_that_say_what_to_answer_must_fail_before_a_rejection(items):
    one = items("instructed_checks: 1")["attention checks"]
    assert (one.outcome, "instructed_checks: 2" in one.remedy) == ("unchecked", True)
    assert items("instructed_checks: 2")["attention checks"].outcome == "pass"
    others = items("attention_checks: 2, repeats: 1")["attention checks"]
    assert "nobody may be rejected" in others.found
    assert "of the 3 others none may be a reason" in others.found


def test_a_study_of_another_platform_or_without_a_way_back(items):
    found = items(recruitment=CODES)
    assert found["platform"].outcome == "fail"
    assert found["platform"].remedy == "set recruitment.platform: prolific"
    assert items(recruitment="platform: prolific")["way back"].outcome == "fail"
    back = "platform: connect, completion_url: 'https://connect.cloudresearch.com/participant/project/A1/complete'"
    assert items(recruitment=back, panel="connect")["way back"].outcome == "pass"
