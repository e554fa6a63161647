"""Session: what a participant goes through, who takes part, and how they arrive and leave."""

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from survey.values import (
    CONFIG,
    DISTINCT,
    TEXT,
    WORD,
    Code,
    Limits,
    Reads,
    Truth,
    entries,
    read_text,
    shown,
    text,
    words,
)

PANELS = ("prolific", "connect")  # platforms whose rules a study can be held against: survey/launch/panels.py
LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pl", "pt", "ja", "zh", "ar")

Outcome = Literal["finished", "screened_out", "no_consent"]
Question = Literal["age", "gender", "language", "listening"]


ORIGIN = r"^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$"


def _read_origin(value: Any) -> str:
    origin = read_text(value, 200)
    if not re.match(ORIGIN, origin):
        raise ValueError(f"must be https:// and a host in small letters, without a path, not {shown(value)}")
    return origin


Origin = Annotated[str, Reads(_read_origin, lambda made: {**made, "pattern": ORIGIN})]


@dataclass(frozen=True)
class Gold:
    """A clip whose answer the researcher knows."""

    __pydantic_config__ = CONFIG

    file: Annotated[str, text(1000)]
    """a sound file in the study's folder"""
    prompt: Annotated[str, text(1000)]
    """the description beside it"""
    expected: Annotated[float, Limits(-1000, 1000)]
    """the right answer"""
    tolerance: Annotated[float, Limits(0, 1000)] = 0.0
    """how far from it an answer may be and still passes"""


@dataclass(frozen=True)
class SessionRules:
    """What a participant goes through."""

    __pydantic_config__ = CONFIG

    order: Annotated[Literal["balanced", "random", "fixed"], WORD] = "balanced"
    """of the trials; balanced: a Williams square over conditions, no prompt twice in a row"""
    prompts_per_participant: Annotated[int, Limits(0, 1000)] = 0
    """0 for all; else this many prompts, each under every condition: those with the fewest ratings, counting sessions
    that have ended or are under way"""
    practice: Annotated[int, Limits(0, 20)] = 2
    """trials that are not scored. They use clips that the participant will not rate: other prompts if
    `prompts_per_participant` leaves some, else other seeds of the same prompts; only if the test uses all clips do they
    use clips of the test"""
    attention_checks: Annotated[int, Limits(0, 10)] = 0
    """clips under the text of a foil, passed by a 1 or a 2, or in the lower quarter of a scale of numbers; beside a
    foil's clip, passed by choosing the right one. Of several scales the first is judged"""
    repeats: Annotated[int, Limits(0, 20)] = 0
    """clips of the first half shown again in the second, passed by an answer within a point of the first, or within a
    quarter of a scale of numbers"""
    instructed_checks: Annotated[int, Limits(0, 10)] = 0
    """sounds that say what to answer: recordings `spoken/1.flac` to `spoken/5.flac` in the study's folder, each asking
    for the answer of its name; without any, tones to be counted"""
    gold_checks: Annotated[int, Limits(0, 20)] = 0
    """clips whose answer you know, among the others but neither first nor last; passed by an answer within their
    tolerance. They are `gold` below, or imported as such"""
    gold: Annotated[tuple[Gold, ...], entries()] = ()
    """gold clips from the study's folder: for each a `file`, the `prompt` beside it, the `expected` answer and the
    `tolerance` (0)"""
    allowed_failures: Annotated[int, Limits(0, 40)] = 0
    """how many failed checks a session may have"""
    on_failure: Annotated[Literal["flag", "end", "replace"], WORD] = "flag"
    """what more of them do, or a headphone check failed twice: flag (the session counts and is marked), end (it ends
    there, as screened out), replace (it goes on, is not counted, and somebody else may take its place). Trials of
    sessions that do not count are exported with the kind `uncounted`, which no analysis takes"""
    headphone_check: Annotated[
        Literal["none", "antiphase", "huggins", "both"], words(true="antiphase", false="none")
    ] = "antiphase"
    """antiphase (three tones, which is the quietest; one is in opposite phase and fools loudspeakers; Woods et al.
    2017), huggins (three noises, one hides a tone that only both ears together hear; Milne et al. 2021), both (one
    after the other, each to be passed) or none; `true` is antiphase. Six trials, two tries; each of the three places is
    right twice"""
    headphone_pass: Annotated[int, Limits(1, 6)] = 5
    """how many of the six must be right"""
    must_listen: Truth = True
    """a rating counts only after the clip has been heard to its end"""
    min_plays: Annotated[int, Limits(0, 20)] = 0
    """how often each clip must be played before an answer; 0 and 1 are the same where it must be heard"""
    max_plays: Annotated[int, Limits(0, 100)] = 0
    """how often each clip can be played; 0 for no limit"""
    go_back: Truth = False
    """whether the last answer can be changed"""
    comments: Truth = False
    """whether a remark can be written beside each answer"""
    break_minutes: Annotated[int, Limits(0, 240)] = 0
    """after how many minutes of rating a break is offered; 0 for none"""
    break_trials: Annotated[int, Limits(0, 1000)] = 0
    """after how many trials a break is offered, each time; 0 for none"""
    resume: Annotated[Literal["resume", "restart", "refuse"], WORD] = "resume"
    """what becomes of who comes back after more than `resume_hours`: resume (where they were), restart (from the
    beginning; the answers so far are exported as `uncounted`) or refuse (the session has ended and is not counted)"""
    resume_hours: Annotated[int, Limits(0, 8760)] = 0
    """after how many hours of absence that is so; 0 for never"""


@dataclass(frozen=True)
class Recruitment:
    """Who takes part, and how they arrive and leave."""

    __pydantic_config__ = CONFIG

    target_participants: Annotated[int, Limits(1, 100_000)] = 20
    """how many sessions are wanted; those that failed and were replaced do not count. A place is held by participants
    who have finished, and by those who are under way and have answered something; consent alone holds no place"""
    platform: Annotated[Literal["none", "prolific", "connect", "sona"], words(false="none")] = "none"
    """prolific (`/join?PROLIFIC_PID=...`), connect (CloudResearch's, `participantId`) or sona (`survey_code`): the
    identity in the address makes one person one session on every device, and nobody gets in without one. An identity is
    no login: see below"""
    completion_url: Annotated[str, TEXT] | None = None
    """where the last page leads; `{code}` and `{id}` stand for the code and the identity. Prolific's own is known"""
    codes: dict[Outcome, Code] = field(default_factory=dict)
    """what is shown at the end of each outcome"""
    consent: Annotated[str, TEXT] | None = None
    """the text of the first page, else the page's own in the participant's language; its SHA-256 and the time are
    stored with the session"""
    retention_months: Annotated[int, Limits(0, 1200)] = 0
    """for how many months answers are kept, which the first page says below the consent; 0: it does not say. `earmark
    status` says when somebody's are due, and `earmark purge` deletes them"""
    eligibility: Truth = False
    """whether to ask the questions of ITU-T P.800 B.4.4: hearing, work with sound, other listening tests, the
    material"""
    demographics: Annotated[tuple[Annotated[Question, WORD], ...], entries(), DISTINCT] = ()
    """further questions"""
    open_link: Truth = True
    """whether `/join` lets anybody in; personal links are made at `/admin` and always work"""
    lab: Truth = False
    """whether people take part in a laboratory, one after another in the same browsers: the last page offers the next
    participant, and the seat of a link such as `/join?seat=3` is stored with the session"""
    embed: Annotated[tuple[Origin, ...], entries(), DISTINCT] = ()
    """origins of pages that may show the study in a frame, such as `https://lab.eu.qualtrics.com`; over TLS alone"""
    dropout_minutes: Annotated[int, Limits(1, 10_000)] = 60
    """how long a session may be inactive before its place in the design is given to somebody else; a participant who
    comes back can still finish"""
    language: Annotated[Literal["auto", "en", "de", "es", "fr", "it", "nl", "pl", "pt", "ja", "zh", "ar"], WORD] = (
        "auto"
    )
    """of the page; auto: the browser's. Prompts, and the study's own question, labels or consent, are in this language
    where the study has `translations` into it, else as they are written"""
