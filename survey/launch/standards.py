"""What P.800, P.808 and BS.1534 ask of a listening test, and which of it a study does, does not, or cannot tell.

None of the three was read in the original. P.800 and BS.1534-3 are known from transcriptions by clause, and P.808 from
its contents list and from the defaults of the toolkit that its authors publish: all of it is second hand, no page is
cited, and docs/serving/launch.md says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from survey.clips.cells import clip_seconds, wanted_cells
from survey.clips.length import planned_minutes
from survey.clips.manifest import Manifest
from survey.config.study import StudyConfig
from survey.launch.protocol import Requirement, Verdict

SECOND_HAND, TOOLKIT = "second hand", "second hand, its toolkit's default"
SESSION_MINUTES, LONGEST_MINUTES = 20, 45
SETUP_MINUTES = 30
TRAINING, VOTES, LISTENERS = 5, 10, 20
SIGNALS, EXCERPTS, EXCERPTS_A_SYSTEM, EXCERPT_SECONDS = 12, 5, 1.5, 12
WORDS = {5: "excellent", 4: "good", 3: "fair", 2: "poor", 1: "bad"}
IN_P800 = {"acr": "B", "dcr": "D", "ccr": "E"}  # annexes, by the type of question

Found = tuple[str, str, Verdict, str]  # clause, what it asks, the verdict, what there is


@dataclass(frozen=True, slots=True)
class _Facts:
    """What several clauses need to know."""

    config: StudyConfig
    minutes: int
    seconds: float
    votes: float
    excerpts: int


def requirements(config: StudyConfig, manifest: Manifest | None) -> list[Requirement]:
    """Go through what the standards ask: P.800 and P.808 of every study, BS.1534 of those of type `mushra`."""
    prompts = len(config.prompts)
    each = min(config.session.prompts_per_participant or prompts, prompts)
    votes = config.recruitment.target_participants * each / prompts
    excerpts = len({(prompt, seed) for prompt, _, seed in wanted_cells(config, manifest)})
    facts = _Facts(config, planned_minutes(config, manifest), clip_seconds(config, manifest), votes, excerpts)
    asked = [("P.800", SECOND_HAND, _p800(facts)), ("P.808", TOOLKIT, _p808(facts))]
    if config.scale.type == "mushra":
        asked.append(("BS.1534-3", SECOND_HAND, _bs1534(facts)))
    return [
        Requirement(standard, clause, source, asks, verdict, found)
        for standard, source, those in asked
        for clause, asks, verdict, found in those
    ]


def _met(true: bool) -> Verdict:
    return "met" if true else "not met"


def _p800(facts: _Facts) -> Iterator[Found]:
    config, rules, recruitment = facts.config, facts.config.session, facts.config.recruitment
    annex = IN_P800.get(config.scale.type)
    method = f"scale.type is {config.scale.type}" + (f", annex {annex}" if annex else ", which is none of its methods")
    yield "annexes B, D, E", "one of its methods", _met(annex is not None), method
    if config.scale.type == "acr":
        fixed = {grade: label.strip().lower() for grade, label in config.scale.labels.items()} == WORDS
        said = (
            "5 is Excellent, 1 is Bad" if fixed else f"5 is {config.scale.labels[5]!r}, so its mean is no MOS of P.800"
        )
        yield "B.4.5", "five grades in fixed words", _met(fixed), said
    baseline = config.analysis.baseline
    yield "B.2.3", "reference conditions", _met(baseline in config.conditions), f"the reference is {baseline}"
    yield "B.3", "an order of its own for each", _met(rules.order != "fixed"), f"session.order is {rules.order}"
    ideal = facts.minutes <= SESSION_MINUTES
    said = f"about {facts.minutes} min" + ("" if ideal or facts.minutes > LONGEST_MINUTES else ", longer than ideal")
    asks = f"ideally {SESSION_MINUTES} min, {LONGEST_MINUTES} at most"
    yield "B.3", asks, _met(facts.minutes <= LONGEST_MINUTES), said
    said = "asked before the trials" if recruitment.eligibility else "recruitment.eligibility is false"
    yield "B.4.4", "naive listeners, not tested of late", _met(recruitment.eligibility), said
    yield "B.4.6", "instructions, then practice", _met(rules.practice > 0), f"session.practice is {rules.practice}"
    said = "the report gives both, and standard deviations of conditions too, against which it advises"
    yield "B.4.7", "means with confidence limits", "met", said
    yield "B.4", "a quiet room, a known level", "left to you", "people set the volume themselves, wherever they are"


def _p808(facts: _Facts) -> Iterator[Found]:
    rules, recruitment = facts.config.session, facts.config.recruitment
    check = rules.headphone_check
    yield "headphones", "a test for headphones", _met(check != "none"), f"session.headphone_check is {check}"
    said = "one question, no test" if recruitment.eligibility else "neither asked nor tested"
    yield "hearing", "a test of hearing", "not met", said
    yield "environment", "pairs at the threshold, for noise around", "not met", "there is no such test"
    asks = f"about {TRAINING} clips of training"
    yield "training", asks, _met(rules.practice >= TRAINING), f"session.practice is {rules.practice}"
    gold, traps = rules.gold_checks, rules.instructed_checks
    yield "gold", "a clip with a known answer a session", _met(gold > 0), f"session.gold_checks is {gold}"
    yield "trap", "a clip that says what to answer", _met(traps > 0), f"session.instructed_checks is {traps}"
    listen = str(rules.must_listen).lower()
    yield "playback", "heard to the end", _met(rules.must_listen), f"session.must_listen is {listen}"
    yield "votes", f"{VOTES} votes a clip", _met(facts.votes >= VOTES), f"{facts.votes:.3g} on average, if all finish"
    said = f"about {facts.minutes} min in one go"
    asks = f"the set-up checked again after {SETUP_MINUTES} min"
    yield "set-up", asks, _met(facts.minutes <= SETUP_MINUTES), said


def _bs1534(facts: _Facts) -> Iterator[Found]:
    config, rules = facts.config, facts.config.session
    systems = len(config.conditions) - 1
    signals = len(config.conditions) + 1
    excerpts = max(EXCERPTS, EXCERPTS_A_SYSTEM * systems)
    yield "5.1", "hidden reference and low anchor", "met", "both are among the clips of every trial"
    yield "5.1", "mid anchor", "not met", "no clip is low-passed at 7 kHz"
    asks = f"at most {SIGNALS} signals a trial"
    yield "5", asks, _met(signals <= SIGNALS), f"{signals}, hidden reference and anchor among them"
    asks = f"at least {excerpts:g} excerpts for {systems} systems"
    yield "7", asks, _met(facts.excerpts >= excerpts), f"{facts.excerpts} prompts and seeds"
    asks = f"excerpts of about 10 s, no longer than {EXCERPT_SECONDS}"
    yield "7", asks, _met(facts.seconds <= EXCERPT_SECONDS), f"{facts.seconds:g} s"
    yield "5.2", "training before the trials", _met(rules.practice > 0), f"session.practice is {rules.practice}"
    yield "3", "a random order for each", _met(rules.order != "fixed"), f"session.order is {rules.order}"
    yield "6", "one attribute a trial", _met(not config.asked.several), f"{len(config.asked.scales)} asked"
    raters = config.recruitment.target_participants
    yield "4.2", f"about {LISTENERS} listeners", _met(raters >= LISTENERS), f"target_participants is {raters}"
    yield "4.1", "experienced listeners", "left to you", "who they are is not known here"
    yield "4.1.2", "listeners who rate the hidden reference below 90 told", "met", "the report names them"
    yield "10", "transducer and level reported", "left to you", "the report knows of neither"
