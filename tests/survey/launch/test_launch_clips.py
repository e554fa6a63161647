"""What the gate found becomes items: passed, failed, or not to be checked, and nothing that was found is lost."""

from dataclasses import replace

import pytest

from survey.clips.gate import Problem
from survey.clips.manifest import Clip, Manifest
from survey.config.session import SessionRules
from survey.launch.clips import RULES, clip_items, no_clips
from survey.launch.protocol import Protocol, problems_of

CLIP = Clip("p1.a.5", "p1", "rain", "a", 5, "p1.a.5.flac", "", 1.0, 44_100, 2, 0.0, -20.0, {"device": "cpu"})
MANIFEST = Manifest("s", "mini", "1", {}, {}, (CLIP,))


def outcomes(manifest=MANIFEST, problems=(), rules=None):
    return {item.name: item.outcome for item in clip_items(manifest, rules or SessionRules(), problems)}


def test_without_a_problem_everything_passes_but_what_does_not_apply():
    found = outcomes()
    assert found.pop("true peak") == "unchecked"
    assert set(found.values()) == {"pass"}


@pytest.mark.parametrize("rule", [name for one in RULES for name in one.rules])
def test_every_problem_fails_an_item(rule):
    items = clip_items(MANIFEST, SessionRules(), [Problem("p1.a.5", rule, "is wrong")])
    assert len([item for item in items if item.outcome == "fail"]) == 1
    assert [problem.rule for problem in problems_of(items)] == [rule]


def test_a_problem_of_a_rule_that_nobody_listed_fails_too():
    assert outcomes(problems=[Problem("p1.a.5", "new", "is wrong")])["new"] == "fail"


def test_of_clips_that_cannot_be_read_nothing_is_known():
    found = outcomes(problems=[Problem("p1.a.5", "unreadable", "cannot be read")])
    assert found["files"] == "fail"
    assert {found[name] for name in ("silence", "clipping", "loudness", "duplicates")} == {"unchecked"}
    assert found["missing cells"] == "pass"


def test_clips_of_several_formats_are_not_compared_in_level():
    found = outcomes(problems=[Problem("p1", "format", "differ")])
    assert (found["format"], found["loudness"], found["silence"]) == ("fail", "unchecked", "pass")


def test_own_clips_are_held_to_what_can_be_known_of_them():
    own = replace(MANIFEST, clips=(replace(CLIP, origin={"file": "a.wav"}),), imported={"loudness": None})
    found = outcomes(own)
    assert (found["true peak"], found["loudness"], found["made alike"]) == ("pass", "unchecked", "unchecked")
    assert outcomes(replace(own, imported={"loudness": -23.0}))["loudness"] == "pass"


def test_checks_are_items_where_the_study_has_them():
    assert "attention checks" not in outcomes()
    rules = SessionRules(attention_checks=1, gold_checks=1)
    assert (outcomes(rules=rules)["attention checks"], outcomes(rules=rules)["gold clips"]) == ("pass", "pass")
    assert outcomes(rules=rules, problems=[Problem("", "foils", "none")])["attention checks"] == "fail"


def test_before_there_are_clips_one_item_fails_and_says_why():
    first, *others = no_clips("there are no clips yet; run `earmark generate` first")
    assert (first.outcome, "earmark generate" in first.found) == ("fail", True)
    assert {item.outcome for item in others} == {"unchecked"}


def test_a_terminal_shows_each_item_in_a_line_and_each_problem_below():
    items = clip_items(MANIFEST, SessionRules(), [Problem("p1.a.5", "silence", "is silent; render it again")])
    lines = Protocol(tuple(items), ()).lines()
    assert len(lines) == 1 + len(items) + 1
    place = next(number for number, line in enumerate(lines) if line.split()[:2] == ["fail", "silence"])
    assert lines[place + 1].strip() == "p1.a.5: is silent; render it again"
