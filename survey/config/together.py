"""Which values of study.yaml are possible each, and not beside each other."""

import re

from survey.config.branching import check_questions
from survey.config.study import HYPHENS, NAME, StudyConfig
from survey.errors import ConfigError
from survey.trials.question import AbsoluteCategory
from survey.trials.questions import ANCHOR, QUESTION_TYPES, Numeric, ends
from survey.trials.scale import GRADES, NUMBERS, Scale
from survey.values import shown

MOST_STEPS = 1000


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
    if config.session.prompts_per_participant > config.most_blocks:
        raise ConfigError(f"{where}: session.prompts_per_participant: more than there are; use 0 for all")
    url = config.recruitment.completion_url
    if url is not None and not re.fullmatch(r"https?://\S+", url):
        raise ConfigError(f"{where}: recruitment.completion_url: must begin with https:// or http://")
    if unknown := set(re.findall(r"\{(.*?)\}", url or "")) - {"code", "id"}:
        raise ConfigError(
            f"{where}: recruitment.completion_url: {{{min(unknown)}}} is unknown; use {{code}} and {{id}}"
        )
    _check_scales(config, where)
    _check_question(config, where)
    if config.analysis.equivalence_margin > config.points:
        raise ConfigError(
            f"{where}: analysis.equivalence_margin: must be a number from 0.01 to {config.points:g}, which is what the "
            f"scale spans, not {config.analysis.equivalence_margin:g}"
        )
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


def _check_scales(config: StudyConfig, where: str) -> None:
    """Refuse scales that are none, and several that do not go together."""
    asked, seen = config.asked, set[str]()
    if config.layout != "together" and not asked.several:
        raise ConfigError(f"{where}: layout: only several scales have one; remove it")
    for number, scale in enumerate(asked.scales, 1):
        key = "scale"
        if asked.several:
            key = f"scales.{scale.name or number}"
            if not NAME.fullmatch(scale.name or ""):
                raise ConfigError(f"{where}: {key}.name: each of several needs one of lower-case words and hyphens")
            if scale.name in seen:
                raise ConfigError(f"{where}: {key}.name: two scales have it; make them differ")
            seen.add(scale.name or "")
            _check_companions(asked.first, scale, f"{where}: {key}")
        elif scale.name is not None:
            raise ConfigError(f"{where}: scale.name: only several scales have names; remove it")
        if not scale.required and number == 1:
            raise ConfigError(
                f"{where}: {key}.required: the first scale, by which trials are planned, must be answered"
            )
        _check_words(scale, f"{where}: {key}")


def _check_companions(first: Scale, scale: Scale, place: str) -> None:
    """Refuse scales whose trials do not hold the same clips."""
    for one in (first, scale):
        if not one.kind.hears:
            raise ConfigError(f"{place}.type: {one.type} cannot stand beside other scales; ask it alone")
    if first.kind.hears != scale.kind.hears:
        like = [name for name, kind in QUESTION_TYPES.items() if kind.hears == first.kind.hears]
        raise ConfigError(
            f"{place}.type: {scale.type} hears other clips than {first.type}, the first scale; use {', '.join(like)}"
        )


def _check_words(scale: Scale, place: str) -> None:
    """Refuse words and numbers that the type of a scale does not have."""
    if scale.own_labels and scale.type != "acr":
        raise ConfigError(f"{place}.labels: only type acr has labels of its own; remove them")
    for name in ("no_preference", "both_bad"):
        if getattr(scale, name) and scale.type != "ab":
            raise ConfigError(f"{place}.{name}: only type ab has it; remove it")
    if scale.type not in NUMBERS:
        for name in ("low", "high", "step", "ends"):
            if getattr(scale, name) not in (None, ()):
                raise ConfigError(f"{place}.{name}: only types {' and '.join(NUMBERS)} have it; remove it")
        return
    for name in ("low", "high"):
        if getattr(scale, name) is None:
            raise ConfigError(f"{place}.{name}: type {scale.type} needs it, such as low: 0 and high: 10")
    low, high = ends(scale)
    if low >= high:
        raise ConfigError(f"{place}.low: must be below high")
    if scale.type == "slider" and scale.step is not None:
        raise ConfigError(f"{place}.step: a slider has none; remove it, or use type numeric")
    steps = (high - low) / (scale.step or 1)
    if scale.type == "numeric" and (abs(steps - round(steps)) > 1e-6 or not 1 <= round(steps) <= MOST_STEPS):
        raise ConfigError(f"{place}.step: must lead from low to high in 1 to {MOST_STEPS} whole steps")


def _check_question(config: StudyConfig, where: str) -> None:
    """Refuse what the study's question type cannot do."""
    scale, question = config.scale, config.scale.kind
    for name in AbsoluteCategory.checks:
        if getattr(config.session, name) and name not in question.checks:
            raise ConfigError(f"{where}: session.{name}: type {scale.type} has none; use 0")
    if scale.type == "ab" and config.session.repeats and not scale.no_preference:
        raise ConfigError(
            f"{where}: session.repeats: raters who hear no difference must guess, and may guess differently later; "
            "use 0, or scale.no_preference: true"
        )
    missing = set(GRADES) - set(question.values(scale)) if isinstance(question, Numeric) else set()
    if config.session.instructed_checks and missing:
        raise ConfigError(
            f"{where}: session.instructed_checks: a sound may ask for {min(missing)}, which is not on the scale; "
            "use 0, or a scale with the numbers 1 to 5"
        )
    if question.clips(len(config.conditions)) > 1 and len(config.conditions) < 2:
        raise ConfigError(f"{where}: conditions: type {scale.type} compares; give at least two")
