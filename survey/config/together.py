"""Which values of study.yaml are possible each, and not beside each other."""

import re

from survey.config.study import HYPHENS, NAME, StudyConfig
from survey.errors import ConfigError
from survey.trials.questions import ANCHOR, QUESTION_TYPES, AbsoluteCategory
from survey.trials.scale import Scale
from survey.values import shown

MOST_TAKES = 1000  # of a prompt of own clips: how many there are is known when they are listed


def check_together(config: StudyConfig, where: str) -> None:
    """Refuse values that do not go together.

    Raises
    ------
    ConfigError
        With the key's path, in one line.
    """
    _check_names(config, where)
    if config.sampling.sigma_min >= config.sampling.sigma_max:
        raise ConfigError(f"{where}: sampling.sigma_min: must be below sampling.sigma_max")
    if config.analysis.baseline not in config.conditions:
        known = ", ".join(config.conditions)
        raise ConfigError(
            f"{where}: analysis.baseline: {shown(config.analysis.baseline)} is not a condition; use: {known}"
        )
    if config.session.attention_checks and len(config.prompts) < 2:
        raise ConfigError(f"{where}: session.attention_checks: needs at least two prompts; use 0")
    takes = len(config.sampling.seeds) if config.model is not None else MOST_TAKES
    if config.session.prompts_per_participant > len(config.prompts) * takes:
        raise ConfigError(f"{where}: session.prompts_per_participant: more than there are; use 0 for all")
    url = config.recruitment.completion_url
    if url is not None and not re.fullmatch(r"https?://\S+", url):
        raise ConfigError(f"{where}: recruitment.completion_url: must begin with https:// or http://")
    if unknown := set(re.findall(r"\{(.*?)\}", url or "")) - {"code", "id"}:
        raise ConfigError(
            f"{where}: recruitment.completion_url: {{{min(unknown)}}} is unknown; use {{code}} and {{id}}"
        )
    _check_question(config, where)


def _check_names(config: StudyConfig, where: str) -> None:
    """Refuse a study of nothing, and names that only own clips may have."""
    if config.clips is not None:
        if config.scale.type == "mushra" and ANCHOR in config.conditions:
            raise ConfigError(f"{where}: conditions: type mushra adds {ANCHOR}; remove it (its own clips are used)")
        for key in ("sample_rate", "channels"):
            if config.model is not None and getattr(config.clips, key) is not None:
                raise ConfigError(f"{where}: clips.{key}: own clips get the model's; leave it auto")
        return
    if config.model is None:
        raise ConfigError(f"{where}: model: missing; every study needs it, unless it has clips of its own (clips)")
    for name in config.conditions:
        if not NAME.fullmatch(name):
            raise ConfigError(f"{where}: conditions: {shown(name)} {HYPHENS}")
    first: dict[str, int] = {}
    for number, prompt in enumerate(config.prompts, 1):
        if (known := first.setdefault(prompt.text, number)) != number:
            raise ConfigError(f"{where}: prompts: number {number} repeats number {known}; remove one")


def _check_question(config: StudyConfig, where: str) -> None:
    """Refuse what the study's question type cannot do."""
    scale, question = config.scale, QUESTION_TYPES[config.scale.type]
    if scale.labels != Scale().labels and scale.type != "acr":
        raise ConfigError(f"{where}: scale.labels: only type acr has labels of its own; remove them")
    if scale.no_preference and scale.type != "ab":
        raise ConfigError(f"{where}: scale.no_preference: only type ab has it; remove it")
    for name in AbsoluteCategory.checks:
        if getattr(config.session, name) and name not in question.checks:
            raise ConfigError(f"{where}: session.{name}: type {scale.type} has none; use 0")
    if scale.type == "ab" and config.session.repeats and not scale.no_preference:
        raise ConfigError(
            f"{where}: session.repeats: raters who hear no difference must guess, and may guess differently later; "
            "use 0, or scale.no_preference: true"
        )
    if question.clips(len(config.conditions)) > 1 and len(config.conditions) < 2:
        raise ConfigError(f"{where}: conditions: type {scale.type} compares; give at least two")
