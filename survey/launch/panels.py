"""A study against the rules that panels publish for studies that recruit from them.

Prolific's are from its help pages on in-study screening and on attention and comprehension checks, CloudResearch
Connect's from its help page on project completion; docs/serving/launch.md names them and how they were read.
"""

from collections.abc import Iterator

from survey.config.study import StudyConfig
from survey.launch.protocol import Item, Outcome

PART = "panel"
NAMES = {"prolific": "Prolific", "connect": "Connect"}
LINKS = {
    "prolific": "/join?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}",
    "connect": "/join, to which Connect adds participantId",
}
LABELS = {
    "prolific": "publish it with in-study screening, so that the listing bears the label IN-STUDY SCREENING",
    "connect": "set completion branches (partial completes) with a partial payment for who is screened out",
}
REWARDS = {
    "prolific": "give the code of screened_out a fixed reward of at least £0.10 or $0.14, more if it takes longer",
    "connect": "give the branch of screened_out a payment for the time that it takes",
}
REJECTING = 2  # failed attention checks; for studies up to five minutes Prolific takes one, and how long is not known


def panel_items(config: StudyConfig, panel: str) -> list[Item]:
    """Hold a study against the rules of a panel, one of `survey.config.session.PANELS`.

    What is set at the panel itself, such as a reward, could not be checked here, and is said with what it should be.
    """
    return [_item(*found) for found in _found(config, panel)]


def _item(name: str, outcome: Outcome, found: str, remedy: str = "") -> Item:
    return Item(PART, name, outcome, found, remedy)


def _found(config: StudyConfig, panel: str) -> Iterator[tuple[str, Outcome, str, str]]:
    recruitment, called = config.recruitment, NAMES[panel]
    here = recruitment.platform == panel
    yield (
        *("platform", "pass" if here else "fail"),
        f"recruitment.platform is {recruitment.platform}" + ("" if here else ", so nobody's identity would be kept"),
        "" if here else f"set recruitment.platform: {panel}",
    )
    yield "link", "unchecked", f"it is set at {called}", f"give the study as https://YOUR.SERVER{LINKS[panel]}"
    yield _way_back(config, panel)
    yield _middle(config)
    yield from _screening(config, panel)
    yield _comprehension(config)
    yield _attention(config)


def _way_back(config: StudyConfig, panel: str) -> tuple[str, Outcome, str, str]:
    recruitment = config.recruitment
    if "finished" in recruitment.codes or (panel == "connect" and recruitment.completion_url):
        return "way back", "pass", "who finishes is told how to be paid", ""
    found = "who finishes gets no completion code, and so cannot be paid"
    return "way back", "fail", found, f"put {NAMES[panel]}'s into recruitment.codes.finished"


def _middle(config: StudyConfig) -> tuple[str, Outcome, str, str]:
    """Nobody may be sent away in the middle: screening is allowed at the start alone."""
    rules = config.session
    checks = rules.attention_checks + rules.repeats + rules.instructed_checks + rules.gold_checks
    if rules.on_failure == "end" and checks:
        found = f"session.on_failure: end sends away who fails one of {checks} checks in the middle"
        return "no screening later", "fail", found, "set session.on_failure: flag, or replace"
    return "no screening later", "pass", "nobody is sent away once the trials have begun", ""


def _screening(config: StudyConfig, panel: str) -> Iterator[tuple[str, Outcome, str, str]]:
    """Who is screened out must be told in the listing, and be paid."""
    rules, recruitment = config.session, config.recruitment
    by = [f"question {item.name}" for item in config.questions if item.screen_out]
    by += ["eligibility"] if recruitment.eligibility else []
    by += ["headphone check"] if rules.on_failure == "end" and rules.headphone_check != "none" else []
    if not by:
        yield "screening is paid", "pass", "nobody is screened out", ""
        yield "label", "pass", "nobody is screened out, so the listing needs none", ""
        return
    said = f"people are screened out by: {', '.join(by)}"
    if "screened_out" not in recruitment.codes:
        remedy = f"put {NAMES[panel]}'s code for them into recruitment.codes.screened_out"
        yield "screening is paid", "fail", f"{said}; they get no code, and so no pay", remedy
    else:
        yield "screening is paid", "unchecked", f"{said}; what they get is set at {NAMES[panel]}", REWARDS[panel]
    yield "label", "unchecked", f"it is set at {NAMES[panel]}", LABELS[panel]


def _comprehension(config: StudyConfig) -> tuple[str, Outcome, str, str]:
    """Nobody may be rejected because they did not understand."""
    name, leading = "comprehension", [item.name for item in config.questions if item.screen_out]
    if not leading:
        return name, "pass", "practice is not scored, and no question tests whether it was understood", ""
    found = f"whether {', '.join(leading)} tests comprehension is not known here"
    return name, "unchecked", found, "if it does, ask who fails to return the study, and reject nobody"


def _attention(config: StudyConfig) -> tuple[str, Outcome, str, str]:
    """Only checks that say what to answer, two of them failed, may be a reason to reject."""
    rules, name = config.session, "attention checks"
    told, others = rules.instructed_checks, rules.attention_checks + rules.repeats + rules.gold_checks
    beside = f"; of the {others} others none may be a reason" if others else ""
    if not told:
        return name, "pass", f"none says what to answer, so nobody may be rejected for inattention{beside}", ""
    if told < REJECTING:
        found = f"{told} says what to answer, and nobody may be rejected for failing it alone{beside}"
        return name, "unchecked", found, f"set session.instructed_checks: {REJECTING} if you may want to reject"
    found = f"{told} say what to answer; a rejection needs {REJECTING} of them failed{beside}"
    return name, "pass", found, ""
