"""Raters and prompts against a plan that `earmark plan` made."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.plan.designs import plan
from analysis.plan.power import Claim
from survey import load_config
from survey.launch.plan import plan_item

PLANNED = plan(Claim(margin=0.3), raters=(20, 40, 80), prompts=(5, 40), conditions=2, own=(20, 5)).as_dict()


@pytest.fixture
def study(tmp_path: Path):
    def made(raters: int, prompts: int, margin: float = 0.3):
        path = tmp_path / "study.yaml"
        texts = "".join(f"  - sound {number}\n" for number in range(prompts))
        path.write_text(
            f"name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8]\nprompts:\n{texts}"
            f"analysis: {{equivalence_margin: {margin}}}\nrecruitment: {{target_participants: {raters}}}\n",
            encoding="utf-8",
        )
        return load_config(path)

    return made


def test_nothing_was_planned(study):
    item = plan_item(study(20, 5), None)
    assert (item.outcome, item.remedy) == ("unchecked", "run `earmark plan`")


def test_too_few_raters_fail_with_what_would_do(study):
    item = plan_item(study(20, 5), PLANNED)
    assert (item.outcome, PLANNED["own"]["power_alike"] < 0.8) == ("fail", True)
    assert f"take {PLANNED['cheapest']['raters']} raters x {PLANNED['cheapest']['prompts']} prompts" in item.remedy


def test_as_many_as_the_plan_asks_for_pass(study):
    enough = PLANNED["enough"][-1]
    assert plan_item(study(enough["raters"], enough["prompts"]), PLANNED).outcome == "pass"
    assert plan_item(study(enough["raters"] + 1, enough["prompts"]), PLANNED).outcome == "pass"
    assert plan_item(study(enough["raters"] - 1, enough["prompts"]), PLANNED).outcome == "fail"


def test_the_design_that_was_asked_about_is_held_to_its_own_power(study):
    own = {**PLANNED["own"], "power_alike": 0.81}
    assert plan_item(study(20, 5), {**PLANNED, "own": own}).outcome == "pass"


def test_a_plan_of_another_study_says_nothing_of_this_one(study):
    assert plan_item(study(20, 7), PLANNED).outcome == "unchecked"
    other = plan_item(study(20, 5, margin=0.5), PLANNED)
    assert (other.outcome, other.found) == ("unchecked", "the plan is for a margin of 0.3, and the study has 0.5")
    three = replace(study(20, 5), conditions=("baseline", "sqs-w8a8", "sqd-w8a8"))
    assert "2 conditions, and the study has 3" in plan_item(three, PLANNED).found
