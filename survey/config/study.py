"""study.yaml: what a study asks, of which model and under which conditions.

Sections are frozen dataclasses; a field's default, type and limits are all that the reader needs to check a
file, so a new key is one line here.
"""

import csv
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from survey.config.values import choices, limits, read_text, refuse_unknown, section, shown
from survey.config.yamlfile import read_yaml
from survey.errors import ConfigError
from survey.trials.questions import check_question

MAX_PROMPT = 1000
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
DEFAULT_LABELS = {
    5: "Matches completely",
    4: "Matches well",
    3: "Matches partly",
    2: "Matches a little",
    1: "Does not match at all",
}
OUTCOMES = ("finished", "screened_out", "no_consent")
LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pl", "pt", "ja", "zh", "ar")
DEFAULT_CONSENT = (
    "You will listen to short computer-made sounds and say how well each one matches a description.\n"
    "We store your answers, when you gave them and how you listened, such as how often you played a sound, and which "
    "kind of device and browser you used. We do not store your name or your address on the internet.\n"
    "Taking part is voluntary: you may stop at any time by closing this page, and you can have your answers deleted at "
    "the end."
)
"""The page shows its own words for this, in the participant's language."""


@dataclass(frozen=True)
class Prompt:
    """A description to be rendered; `id` is p1, p2, ... in the study's order."""

    id: str
    text: str


@dataclass(frozen=True)
class Sampling:
    """How clips are sampled."""

    sampler: str = field(
        default="dpmpp-3m-sde",
        metadata=choices(
            *("dpmpp-3m-sde", "dpmpp-2m-sde", "dpmpp-2m", "k-heun", "k-lms"),
            *("euler", "rk4", "dpmpp", "pingpong"),  # rectified-flow models
        ),
    )
    steps: int = field(default=100, metadata=limits(1, 1000))
    cfg_scale: float = field(default=7.0, metadata=limits(0, 100))
    sigma_min: float = field(default=0.3, metadata=limits(1e-4, 1e4))
    sigma_max: float = field(default=500.0, metadata=limits(1e-4, 1e4))
    seconds: float = field(default=10.0, metadata=limits(0.1, 600))
    seeds: tuple[int, ...] = field(default=(1000,), metadata=limits(0, 2**32 - 1))


@dataclass(frozen=True)
class Calibration:
    """How activation ranges are collected."""

    prompts: int = field(default=50, metadata=limits(1, 64))
    alpha: float = field(default=0.5, metadata=limits(0, 1))


@dataclass(frozen=True)
class Quantization:
    """How the conditions are quantized: the engine, and what the dynamic variants and the low-rank branch leave open.

    `groups` of timesteps share smoothing factors; `lowrank` says of what the branch is made; layers named in `keep`,
    wholly or by their end such as ff.2, stay in 16 bits.
    """

    engine: str = field(default="integer", metadata=choices("integer", "reference"))
    groups: int = field(default=1, metadata=limits(1, 1000))
    lowrank: str = field(default="error", metadata=choices("error", "weight"))
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scale:
    """What is asked of every clip, of which `type` (survey/trials/questions.py), and five labels of `acr`, 5 the best.

    `no_preference` gives `ab` a third answer.
    """

    type: str = field(default="acr", metadata=choices("acr", "ab", "ccr", "abx", "mushra", "text"))
    question: str = "How well does this sound match the description?"
    labels: dict[int, str] = field(default_factory=lambda: dict(DEFAULT_LABELS))
    no_preference: bool = False


@dataclass(frozen=True)
class SessionRules:
    """What a participant goes through.

    `headphone_check`: six times three sounds, of which only headphones tell one apart; `headphone_pass` of them must be
    right. `prompts_per_participant`: 0 for all, else those rated least so far. `attention_checks` are clips under
    another prompt's text, `repeats` clips shown twice, `instructed_checks` sounds that say what to answer; more than
    `allowed_failures` of them fail a session, and `on_failure` says what that does. `break_minutes`: 0 for no break.
    """

    order: str = field(default="balanced", metadata=choices("balanced", "random", "fixed"))
    prompts_per_participant: int = field(default=0, metadata=limits(0, 1000))
    practice: int = field(default=2, metadata=limits(0, 20))
    attention_checks: int = field(default=0, metadata=limits(0, 10))
    repeats: int = field(default=0, metadata=limits(0, 20))
    instructed_checks: int = field(default=0, metadata=limits(0, 10))
    allowed_failures: int = field(default=0, metadata=limits(0, 40))
    on_failure: str = field(default="flag", metadata=choices("flag", "end", "replace"))
    headphone_check: str = field(
        default="antiphase", metadata=choices("none", "antiphase", "huggins", true="antiphase", false="none")
    )
    headphone_pass: int = field(default=5, metadata=limits(1, 6))
    must_listen: bool = True
    go_back: bool = False
    comments: bool = False
    break_minutes: int = field(default=0, metadata=limits(0, 240))


@dataclass(frozen=True)
class Recruitment:
    """Who takes part: `open_link` lets anybody with the address in until the target has finished.

    On a `platform` a person is known by the identity in the address. `codes` are shown at the end of each outcome,
    and `completion_url` may hold `{code}` and `{id}`. `eligibility` asks the questions of ITU-T P.800 B.4.4. A session
    that stood still for `dropout_minutes` gives its place to somebody else. `language` is that of the page: `auto`
    takes the browser's.
    """

    target_participants: int = field(default=20, metadata=limits(1, 100_000))
    platform: str = field(default="none", metadata=choices("none", "prolific", "mturk", "sona", false="none"))
    completion_url: str | None = None
    codes: dict[str, str] = field(default_factory=dict, metadata={"keys": OUTCOMES})
    consent: str = DEFAULT_CONSENT
    eligibility: bool = False
    demographics: tuple[str, ...] = field(default=(), metadata=choices("age", "gender", "language", "listening"))
    open_link: bool = True
    dropout_minutes: int = field(default=60, metadata=limits(1, 10_000))
    language: str = field(default="auto", metadata=choices("auto", *LANGUAGES))


@dataclass(frozen=True)
class AnalysisRules:
    """What the ratings are tested against."""

    baseline: str = "baseline"
    equivalence_margin: float = field(default=0.3, metadata=limits(0.01, 4))
    alpha: float = field(default=0.05, metadata=limits(0.0001, 0.5))


@dataclass(frozen=True)
class StudyConfig:
    """A whole study.yaml, checked."""

    name: str
    model: str
    conditions: tuple[str, ...]
    prompts: tuple[Prompt, ...]
    sampling: Sampling = field(default_factory=Sampling)
    calibration: Calibration = field(default_factory=Calibration)
    quantization: Quantization = field(default_factory=Quantization)
    scale: Scale = field(default_factory=Scale)
    session: SessionRules = field(default_factory=SessionRules)
    recruitment: Recruitment = field(default_factory=Recruitment)
    analysis: AnalysisRules = field(default_factory=AnalysisRules)


def load_config(path: Path, known_conditions: Collection[str] | None = None) -> StudyConfig:
    """Read and check a study.yaml.

    Parameters
    ----------
    path
        The file; `prompts_file` is looked up beside it.
    known_conditions
        The conditions that can be rendered; None accepts every well-formed name.
    """
    raw = read_yaml(path)
    where = path.name
    allowed = {entry.name for entry in fields(StudyConfig)} | {"prompts_file"}
    refuse_unknown(raw, allowed, where, "")
    for key in ("name", "model", "conditions"):
        if key not in raw:
            raise ConfigError(f"{where}: {key}: missing; every study needs it")
    config = StudyConfig(
        name=read_text(raw["name"], f"{where}: name", 100),
        model=read_text(raw["model"], f"{where}: model", 1000),
        conditions=_conditions(raw["conditions"], where, known_conditions),
        prompts=_prompts(raw, path),
        sampling=section(Sampling, raw, "sampling", where),
        calibration=section(Calibration, raw, "calibration", where),
        quantization=section(Quantization, raw, "quantization", where),
        scale=section(Scale, raw, "scale", where),
        session=section(SessionRules, raw, "session", where),
        recruitment=section(Recruitment, raw, "recruitment", where),
        analysis=section(AnalysisRules, _with_baseline(raw), "analysis", where),
    )
    check_together(config, where)
    return config


def _conditions(value: Any, where: str, known: Collection[str] | None) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where}: conditions: must be a list of at least one condition, not {shown(value)}")
    for name in value:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigError(f"{where}: conditions: {shown(name)} must be lower-case words joined by hyphens")
        if known is not None and name not in known:
            raise ConfigError(f"{where}: conditions: {shown(name)} is unknown; known: {', '.join(known)}")
    if len(set(value)) < len(value):
        raise ConfigError(f"{where}: conditions: one appears twice; remove it")
    return tuple(value)


def _prompts(raw: Mapping[str, Any], path: Path) -> tuple[Prompt, ...]:
    where = path.name
    if ("prompts" in raw) == ("prompts_file" in raw):
        raise ConfigError(f"{where}: prompts: give either prompts or prompts_file, exactly one of them")
    if "prompts" in raw:
        key, texts = "prompts", raw["prompts"]
        if not isinstance(texts, list) or not texts:
            raise ConfigError(f"{where}: prompts: must be a list of at least one text, not {shown(texts)}")
    else:
        key, texts = (
            "prompts_file",
            _prompt_file(read_text(raw["prompts_file"], f"{where}: prompts_file", 1000), path),
        )
    checked = [read_text(text, f"{where}: {key}: number {n}", MAX_PROMPT) for n, text in enumerate(texts, 1)]
    for number, text in enumerate(checked, 1):
        first = checked.index(text) + 1
        if first != number:
            raise ConfigError(f"{where}: {key}: number {number} repeats number {first}; remove one")
    return tuple(Prompt(f"p{number}", text) for number, text in enumerate(checked, 1))


def _prompt_file(name: str, path: Path) -> list[str]:
    file = path.parent / name
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            if (named := list(reader.fieldnames or ()).count("prompt")) != 1:
                raise ConfigError(f"{file}: has {named or 'no'} columns named prompt; its first line must name one")
            texts = [row["prompt"] or "" for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path.name}: prompts_file: {file} cannot be read ({error})") from error
    if not texts:
        raise ConfigError(f"{file}: has no prompts below its header; add at least one")
    return texts


def _with_baseline(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Name the reference of a study that names none: `baseline`, else its first condition."""
    section = raw.get("analysis", {})
    if not isinstance(section, dict) or "baseline" in section or "baseline" in raw["conditions"]:
        return dict(raw)
    return {**raw, "analysis": {**section, "baseline": raw["conditions"][0]}}


def check_together(config: StudyConfig, where: str) -> None:
    """Refuse values that are possible each, and not beside each other."""
    if config.sampling.sigma_min >= config.sampling.sigma_max:
        raise ConfigError(f"{where}: sampling.sigma_min: must be below sampling.sigma_max")
    if config.analysis.baseline not in config.conditions:
        known = ", ".join(config.conditions)
        raise ConfigError(
            f"{where}: analysis.baseline: {shown(config.analysis.baseline)} is not a condition; use: {known}"
        )
    if config.session.attention_checks and len(config.prompts) < 2:
        raise ConfigError(f"{where}: session.attention_checks: needs at least two prompts; use 0")
    if config.session.prompts_per_participant > len(config.prompts) * len(config.sampling.seeds):
        raise ConfigError(f"{where}: session.prompts_per_participant: more than there are; use 0 for all")
    url = config.recruitment.completion_url
    if url is not None and not re.fullmatch(r"https?://\S+", url):
        raise ConfigError(f"{where}: recruitment.completion_url: must begin with https:// or http://")
    if unknown := set(re.findall(r"\{(.*?)\}", url or "")) - {"code", "id"}:
        raise ConfigError(
            f"{where}: recruitment.completion_url: {{{min(unknown)}}} is unknown; use {{code}} and {{id}}"
        )
    check_question(config, where)
