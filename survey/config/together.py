"""Which values of study.yaml are possible each, and not beside each other."""

import re

from survey.config.branching import check_questions
from survey.config.study import StudyConfig
from survey.errors import ConfigError
from survey.trials.questions import QUESTION_TYPES, AbsoluteCategory
from survey.trials.scale import Scale
from survey.values import shown


def check_together(config: StudyConfig, where: str) -> None:
    """Refuse values that do not go together.

    Raises
    ------
    ConfigError
        With the key's path, in one line.
    """
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
    _check_question(config, where)
    _check_session(config, where)
    check_questions(config, where)


def _check_session(config: StudyConfig, where: str) -> None:
    """Refuse rules of a session that do not go together."""
    rules = config.session
    if rules.max_plays and rules.max_plays < rules.min_plays:
        raise ConfigError(f"{where}: session.max_plays: must not be below session.min_plays; 0 is no limit")
    if rules.max_plays and QUESTION_TYPES[config.scale.type].answer == "sliders":
        raise ConfigError(f"{where}: session.max_plays: type {config.scale.type} goes back and forth; use 0")
    if rules.resume != "resume" and not rules.resume_hours:
        raise ConfigError(f"{where}: session.resume: {rules.resume} needs session.resume_hours: after how many hours")
    if rules.gold and "gold_checks" not in QUESTION_TYPES[config.scale.type].checks:
        raise ConfigError(f"{where}: session.gold: type {config.scale.type} has no gold clips; remove them")
    grades = QUESTION_TYPES[config.scale.type].grades
    for number, gold in enumerate(rules.gold, 1):
        if grades and not any(abs(grade - gold.expected) <= gold.tolerance for grade in grades):
            raise ConfigError(
                f"{where}: session.gold: number {number}: no answer from {min(grades)} to {max(grades)} lies within "
                f"{gold.tolerance:g} of {gold.expected:g}"
            )


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
