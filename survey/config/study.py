"""study.yaml: what a study asks, of which model and under which conditions.

Sections are frozen dataclasses whose types carry the limits: pydantic reads a file by them (survey/config/reading.py),
and the JSON schema and the tables of docs/study.md are made of them and of the words below each key. So a new key is
two lines here.
"""

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from survey.trials.scale import Scale
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

MAX_PROMPT = 1000
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pl", "pt", "ja", "zh", "ar")

Seed = Annotated[int, Limits(0, 2**32 - 1)]
Outcome = Literal["finished", "screened_out", "no_consent"]
Question = Literal["age", "gender", "language", "listening"]


@dataclass(frozen=True)
class Prompt:
    """A description to be rendered; `id` is p1, p2, ... in the study's order."""

    id: str
    text: str


def _read_conditions(value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"must be a list of at least one condition, not {shown(value)}")
    for name in value:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(f"{shown(name)} must be lower-case words joined by hyphens")
    if len(set(value)) < len(value):
        raise ValueError("one appears twice; remove it")
    return value


def _conditions_schema(made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "items": {"type": "string", "pattern": f"^{NAME.pattern}$"}, "minItems": 1, "uniqueItems": True}


def _read_prompts(value: Any) -> tuple[Prompt, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"must be a list of at least one text, not {shown(value)}")
    checked: list[str] = []
    for number, one in enumerate(value, 1):
        try:
            checked.append(read_text(one, MAX_PROMPT))
        except ValueError as error:
            raise ValueError(f"number {number}: {error}") from None
    for number, one in enumerate(checked, 1):
        if (first := checked.index(one) + 1) != number:
            raise ValueError(f"number {number} repeats number {first}; remove one")
    return tuple(Prompt(f"p{number}", one) for number, one in enumerate(checked, 1))


def _prompts_schema(made: dict[str, Any]) -> dict[str, Any]:
    one = {"type": "string", "pattern": r"\S", "maxLength": MAX_PROMPT}
    return {"type": "array", "items": one, "minItems": 1, "uniqueItems": True}


def _read_loras(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise ValueError(f"must be a mapping of file and strength, or a list of them, not {shown(value)}")
    return value


def _loras_schema(made: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [made["items"], made]}


@dataclass(frozen=True)
class Lora:
    """A LoRA or DoRA adapter that is merged into the model before anything is done with it."""

    __pydantic_config__ = CONFIG

    file: Annotated[str, text(1000)]
    """its file, or the folder that PEFT wrote; a relative path is looked up in the study first"""
    strength: Annotated[float, Limits(-10, 10)] = 1.0
    """how much of it is added: 1 as it was trained, 0 nothing"""


@dataclass(frozen=True)
class Sampling:
    """How clips are sampled."""

    __pydantic_config__ = CONFIG

    sampler: Annotated[
        Literal["dpmpp-3m-sde", "dpmpp-2m-sde", "dpmpp-2m", "k-heun", "k-lms", "euler", "rk4", "dpmpp", "pingpong"],
        WORD,
    ] = "dpmpp-3m-sde"
    """the last four are for rectified-flow models, the others for models of the v objective"""
    steps: Annotated[int, Limits(1, 1000)] = 100
    """steps of the sampler"""
    cfg_scale: Annotated[float, Limits(0, 100)] = 7.0
    """strength of classifier-free guidance"""
    sigma_min: Annotated[float, Limits(1e-4, 1e4)] = 0.3
    """the lowest noise level of the v objective"""
    sigma_max: Annotated[float, Limits(1e-4, 1e4)] = 500.0
    """the highest noise level"""
    seconds: Annotated[float, Limits(0.1, 600)] = 10.0
    """length of a clip"""
    seeds: Annotated[tuple[Seed, ...], entries(1), DISTINCT] = (1000,)
    """each prompt is rendered once a seed"""


@dataclass(frozen=True)
class Calibration:
    """How activation ranges are collected."""

    __pydantic_config__ = CONFIG

    prompts: Annotated[int, Limits(1, 64)] = 50
    """how many of Earmark's 64 calibration prompts are sampled"""
    alpha: Annotated[float, Limits(0, 1)] = 0.5
    """strength of the smoothing"""


@dataclass(frozen=True)
class Quantization:
    """How the conditions are quantized: the engine, and what dynamic variants and the low-rank branch leave open."""

    __pydantic_config__ = CONFIG

    engine: Annotated[Literal["integer", "reference"], WORD] = "integer"
    """integer: int8 products; reference: the paper's equations, simulated, slow"""
    groups: Annotated[int, Limits(1, 1000)] = 1
    """groups of timesteps that share smoothing factors, up to one a step"""
    lowrank: Annotated[Literal["error", "weight"], WORD] = "error"
    """whether the low-rank branch corrects the quantized weight's error or is taken from the weight itself"""
    keep: Annotated[tuple[Annotated[str, text(200)], ...], entries(), DISTINCT] = ()
    """layers that stay in 16 bits, named wholly or by their end, such as ff.2"""


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
    """clips under the text of a foil, passed by a 1 or a 2; beside a foil's clip, passed by choosing the right one"""
    repeats: Annotated[int, Limits(0, 20)] = 0
    """clips of the first half shown again in the second, passed by an answer within a point of the first"""
    instructed_checks: Annotated[int, Limits(0, 10)] = 0
    """sounds that say what to answer: recordings `spoken/1.flac` to `spoken/5.flac` in the study's folder, each asking
    for the answer of its name; without any, tones to be counted"""
    allowed_failures: Annotated[int, Limits(0, 40)] = 0
    """how many failed checks a session may have"""
    on_failure: Annotated[Literal["flag", "end", "replace"], WORD] = "flag"
    """what more of them do, or a headphone check failed twice: flag (the session counts and is marked), end (it ends
    there, as screened out), replace (it goes on, is not counted, and somebody else may take its place). Trials of
    sessions that do not count are exported with the kind `uncounted`, which no analysis takes"""
    headphone_check: Annotated[Literal["none", "antiphase", "huggins"], words(true="antiphase", false="none")] = (
        "antiphase"
    )
    """antiphase (three tones, which is the quietest; one is in opposite phase and fools loudspeakers; Woods et al.
    2017), huggins (three noises, one hides a tone that only both ears together hear; Milne et al. 2021) or none; `true`
    is antiphase. Six trials, two tries; each of the three places is right twice"""
    headphone_pass: Annotated[int, Limits(1, 6)] = 5
    """how many of the six must be right"""
    must_listen: Truth = True
    """a rating counts only after the clip has been heard to its end"""
    go_back: Truth = False
    """whether the last answer can be changed"""
    comments: Truth = False
    """whether a remark can be written beside each answer"""
    break_minutes: Annotated[int, Limits(0, 240)] = 0
    """after how many minutes of rating a break is offered; 0 for none"""


@dataclass(frozen=True)
class Recruitment:
    """Who takes part, and how they arrive and leave."""

    __pydantic_config__ = CONFIG

    target_participants: Annotated[int, Limits(1, 100_000)] = 20
    """how many sessions are wanted; those that failed and were replaced do not count. A place is held by participants
    who have finished, and by those who are under way and have answered something; consent alone holds no place"""
    platform: Annotated[Literal["none", "prolific", "mturk", "sona"], words(false="none")] = "none"
    """prolific (`/join?PROLIFIC_PID=...`), mturk (`workerId`, `assignmentId`) or sona (`survey_code`): the identity in
    the address makes one person one session on every device, and nobody gets in without one. An identity is no login:
    see below"""
    completion_url: Annotated[str, TEXT] | None = None
    """where the last page leads; `{code}` and `{id}` stand for the code and the identity. Prolific's own is known"""
    codes: dict[Outcome, Code] = field(default_factory=dict)
    """what is shown at the end of each outcome"""
    consent: Annotated[str, TEXT] | None = None
    """the text of the first page, else the page's own in the participant's language; its SHA-256 and the time are
    stored with the session"""
    eligibility: Truth = False
    """whether to ask the questions of ITU-T P.800 B.4.4: hearing, work with sound, other listening tests, the
    material"""
    demographics: Annotated[tuple[Annotated[Question, WORD], ...], entries(), DISTINCT] = ()
    """further questions"""
    open_link: Truth = True
    """whether `/join` lets anybody in; personal links are made at `/admin` and always work"""
    dropout_minutes: Annotated[int, Limits(1, 10_000)] = 60
    """how long a session may be inactive before its place in the design is given to somebody else; a participant who
    comes back can still finish"""
    language: Annotated[Literal["auto", "en", "de", "es", "fr", "it", "nl", "pl", "pt", "ja", "zh", "ar"], WORD] = (
        "auto"
    )
    """of the page; auto: the browser's. Prompts, and the study's own question, labels or consent, stay as they are
    written"""


@dataclass(frozen=True)
class AnalysisRules:
    """What the ratings are tested against."""

    __pydantic_config__ = CONFIG

    baseline: Annotated[str, TEXT] = "baseline"
    """the reference condition; the first condition if none is called baseline"""
    equivalence_margin: Annotated[float, Limits(0.01, 4)] = 0.3
    """in points, stated before the first rating"""
    alpha: Annotated[float, Limits(0.0001, 0.5)] = 0.05
    """level of the tests"""


@dataclass(frozen=True)
class StudyConfig:
    """A whole study.yaml, checked."""

    __pydantic_config__ = CONFIG

    name: Annotated[str, text(100)]
    """name of the study, in the database and in every row of its ratings"""
    model: Annotated[str, text(1000)]
    """`mini`, `stable-audio-open-1.0`, `stable-audio-open-small`, a folder, or a weight file in one"""
    conditions: Annotated[tuple[str, ...], Reads(_read_conditions, _conditions_schema)]
    """variants under test"""
    prompts: Annotated[tuple[Prompt, ...], Reads(_read_prompts, _prompts_schema)]
    """descriptions, each up to 1,000 characters"""
    lora: Annotated[tuple[Lora, ...], Reads(_read_loras, _loras_schema)] = ()
    """a LoRA or DoRA adapter that is merged into the model under every condition, or several in their order"""
    sampling: Sampling = field(default_factory=Sampling)
    """how clips are sampled"""
    calibration: Calibration = field(default_factory=Calibration)
    """how activation ranges are collected"""
    quantization: Quantization = field(default_factory=Quantization)
    """how the conditions are quantized"""
    scale: Scale = field(default_factory=Scale)
    """what is asked of every clip"""
    session: SessionRules = field(default_factory=SessionRules)
    """what a participant goes through"""
    recruitment: Recruitment = field(default_factory=Recruitment)
    """who takes part, and how they arrive and leave"""
    analysis: AnalysisRules = field(default_factory=AnalysisRules)
    """what the ratings are tested against"""
