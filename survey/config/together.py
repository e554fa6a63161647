"""Which values of study.yaml are possible each, and not beside each other."""

import re
from collections.abc import Callable, Collection, Iterator

from survey.config.branching import lengths_of_questions, questions_alone, questions_waiting
from survey.config.study import HYPHENS, NAME, StudyConfig
from survey.errors import ConfigError
from survey.faults import Fault, Place, fault_at, in_lines
from survey.trials.question import AbsoluteCategory
from survey.trials.questions import ANCHOR, QUESTION_TYPES, Numeric, ends
from survey.trials.scale import GRADES, NUMBERS, Scale
from survey.values import shown

MOST_STEPS = 1000
SCORED = ("acr", "dcr", "numeric", "slider")  # types whose answer is a score of one clip
SCALES = ("scale", "scales", "layout")
SHAPE = ("model", "clips", "conditions", "prompts", "sampling", "analysis", *SCALES)  # how many trials there are


def check_together(config: StudyConfig, where: str) -> None:
    """Refuse values that do not go together.

    Raises
    ------
    ConfigError
        With the path of each key, in a line each.
    """
    if found := list(apart(config)):
        raise ConfigError(in_lines(found, where))


def apart(config: StudyConfig, faulty: Collection[str] = ()) -> Iterator[Fault]:
    """Yield what does not go together, of values that are possible each.

    Parameters
    ----------
    faulty
        First keys whose values stand in for others: what would be said of them beside others is not to be known.
    """
    for check, sections in CHECKS:
        if not set(sections) & set(faulty):
            yield from check(config)


def _sampling(config: StudyConfig) -> Iterator[Fault]:
    if config.sampling.sigma_min >= config.sampling.sigma_max:
        yield fault_at("sampling.sigma_min", "must be below sampling.sigma_max")


def _baseline(config: StudyConfig) -> Iterator[Fault]:
    if config.analysis.baseline not in config.conditions:
        known = ", ".join(config.conditions)
        yield fault_at("analysis.baseline", f"{shown(config.analysis.baseline)} is not a condition; use: {known}")


def _foils(config: StudyConfig) -> Iterator[Fault]:
    if config.session.attention_checks and len(config.prompts) < 2:
        yield fault_at("session.attention_checks", "needs at least two prompts; use 0")


def _blocks(config: StudyConfig) -> Iterator[Fault]:
    if config.session.prompts_per_participant > config.most_blocks:
        yield fault_at("session.prompts_per_participant", "more than there are; use 0 for all")


def _address(config: StudyConfig) -> Iterator[Fault]:
    url = config.recruitment.completion_url
    if url is not None and not re.fullmatch(r"https?://\S+", url):
        yield fault_at("recruitment.completion_url", "must begin with https:// or http://")
    for unknown in sorted(set(re.findall(r"\{(.*?)\}", url or "")) - {"code", "id"}):
        yield fault_at("recruitment.completion_url", f"{{{unknown}}} is unknown; use {{code}} and {{id}}")


def _margin(config: StudyConfig) -> Iterator[Fault]:
    if 0 < config.points < config.analysis.equivalence_margin:
        yield fault_at(
            "analysis.equivalence_margin",
            f"must be a number from 0.01 to {config.points:g}, which is what the scale spans, not "
            f"{config.analysis.equivalence_margin:g}",
        )


def _stopping(config: StudyConfig) -> Iterator[Fault]:
    if config.analysis.stopping == "none":
        return
    if config.asked.several or config.scale.type not in SCORED:
        yield fault_at("analysis.stopping", f"needs one scale of type {', '.join(SCORED)}; use none")
    elif len(config.conditions) < 2:
        yield fault_at("analysis.stopping", "needs two conditions to compare; use none")


def _plays(config: StudyConfig) -> Iterator[Fault]:
    rules = config.session
    if rules.max_plays and rules.max_plays < rules.min_plays:
        yield fault_at("session.max_plays", "must not be below session.min_plays; 0 is no limit")
    if rules.resume != "resume" and not rules.resume_hours:
        yield fault_at("session.resume", f"{rules.resume} needs session.resume_hours: after how many hours")


def _rules_of_the_type(config: StudyConfig) -> Iterator[Fault]:
    """Find rules of a session that its type of question does not have."""
    rules, scale, question = config.session, config.scale, config.scale.kind
    if rules.max_plays and question.answer == "sliders":
        yield fault_at("session.max_plays", f"type {scale.type} goes back and forth; use 0")
    for name in AbsoluteCategory.checks:
        if getattr(rules, name) and name not in question.checks:
            yield fault_at(f"session.{name}", f"type {scale.type} has none; use 0")
    if scale.type == "ab" and rules.repeats and not scale.no_preference:
        yield fault_at(
            "session.repeats",
            "raters who hear no difference must guess, and may guess differently later; use 0, or "
            "scale.no_preference: true",
        )
    missing: set[int] = set()
    if isinstance(question, Numeric) and not any(_words(scale)):  # else it may lack its ends
        missing = set(GRADES) - set(question.values(scale))
    if rules.instructed_checks and missing:
        yield fault_at(
            "session.instructed_checks",
            f"a sound may ask for {min(missing)}, which is not on the scale; use 0, or a scale with the numbers 1 to 5",
        )
    if rules.gold and "gold_checks" not in question.checks:
        yield fault_at("session.gold", f"type {scale.type} has no gold clips; remove them")
    for number, gold in enumerate(rules.gold, 1):
        if question.grades and not any(abs(grade - gold.expected) <= gold.tolerance for grade in question.grades):
            lowest, highest = min(question.grades), max(question.grades)
            yield Fault(
                f"session.gold: number {number}: no answer from {lowest} to {highest} lies within "
                f"{gold.tolerance:g} of {gold.expected:g}",
                ("session", "gold", number - 1),
            )


def _anchor(config: StudyConfig) -> Iterator[Fault]:
    if config.clips is not None and config.scale.type == "mushra" and ANCHOR in config.conditions:
        yield fault_at("conditions", f"type mushra adds {ANCHOR}; remove it (its own clips are used)")


def _compared(config: StudyConfig) -> Iterator[Fault]:
    if config.scale.kind.clips(len(config.conditions)) > 1 and len(config.conditions) < 2:
        yield fault_at("conditions", f"type {config.scale.type} compares; give at least two")


def _model(config: StudyConfig) -> Iterator[Fault]:
    if config.clips is None and config.model is None:
        yield Fault("model: missing; every study needs it, unless it has clips of its own (clips)")
    for key in ("sample_rate", "channels"):
        if config.clips is not None and config.model is not None and getattr(config.clips, key) is not None:
            yield fault_at(f"clips.{key}", "own clips get the model's; leave it auto")


def _names(config: StudyConfig) -> Iterator[Fault]:
    for number, name in enumerate(config.conditions):
        if config.clips is None and not NAME.fullmatch(name):
            yield Fault(f"conditions: {shown(name)} {HYPHENS}", ("conditions", number))


def _prompts(config: StudyConfig) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for number, prompt in enumerate(config.prompts, 1):
        if (known := first.setdefault(prompt.text, number)) != number and config.clips is None:
            said = f"prompts: number {number} repeats number {known}; remove one"
            yield Fault(said, ("prompts", number - 1))


def _scales(config: StudyConfig) -> Iterator[Fault]:
    """Find scales that are none, and several that do not go together."""
    asked, seen = config.asked, set[str]()
    key = "scale"
    place: Place = ("scale",)
    if config.layout != "together" and not asked.several:
        yield fault_at("layout", "only several scales have one; remove it")
    for number, scale in enumerate(asked.scales, 1):
        if asked.several:
            key, place = f"scales.{scale.name or number}", ("scales", number - 1)
            if not NAME.fullmatch(scale.name or ""):
                yield fault_at("name", "each of several needs one of lower-case words and hyphens").below(key, place)
            elif scale.name in seen:
                yield fault_at("name", "two scales have it; make them differ").below(key, place)
            seen.add(scale.name or "")
            yield from (fault.below(key, place) for fault in _companions(asked.first, scale))
        elif scale.name is not None:
            yield fault_at("scale.name", "only several scales have names; remove it")
        if not scale.required and number == 1:
            said = "the first scale, by which trials are planned, must be answered"
            yield fault_at("required", said).below(key, place)
        yield from (fault.below(key, place) for fault in _words(scale))


def _companions(first: Scale, scale: Scale) -> Iterator[Fault]:
    """Find scales whose trials do not hold the same clips."""
    alone = next((one.type for one in (first, scale) if not one.kind.hears), "")
    if alone:
        yield fault_at("type", f"{alone} cannot stand beside other scales; ask it alone")
    elif first.kind.hears != scale.kind.hears:
        like = ", ".join(name for name, kind in QUESTION_TYPES.items() if kind.hears == first.kind.hears)
        yield fault_at("type", f"{scale.type} hears other clips than {first.type}, the first scale; use {like}")


def _words(scale: Scale) -> Iterator[Fault]:
    """Find words and numbers that the type of a scale does not have."""
    if scale.own_labels and scale.type != "acr":
        yield fault_at("labels", "only type acr has labels of its own; remove them")
    for name in ("no_preference", "both_bad"):
        if getattr(scale, name) and scale.type != "ab":
            yield fault_at(name, "only type ab has it; remove it")
    if scale.type not in NUMBERS:
        for name in ("low", "high", "step", "ends"):
            if getattr(scale, name) not in (None, ()):
                yield fault_at(name, f"only types {' and '.join(NUMBERS)} have it; remove it")
        return
    if lacking := [name for name in ("low", "high") if getattr(scale, name) is None]:
        for name in lacking:
            yield fault_at(name, f"type {scale.type} needs it, such as low: 0 and high: 10")
        return
    low, high = ends(scale)
    if low >= high:
        yield fault_at("low", "must be below high")
        return
    if scale.type == "slider" and scale.step is not None:
        yield fault_at("step", "a slider has none; remove it, or use type numeric")
    steps = (high - low) / (scale.step or 1)
    if scale.type == "numeric" and (abs(steps - round(steps)) > 1e-6 or not 1 <= round(steps) <= MOST_STEPS):
        yield fault_at("step", f"must lead from low to high in 1 to {MOST_STEPS} whole steps")


CHECKS: tuple[tuple[Callable[[StudyConfig], Iterator[Fault]], tuple[str, ...]], ...] = (
    (_model, ("model", "clips")),
    (_names, ("clips", "conditions")),
    (_prompts, ("clips", "prompts")),
    (_anchor, ("clips", "conditions", *SCALES)),
    (_sampling, ("sampling",)),
    (_scales, SCALES),
    (_compared, ("conditions", *SCALES)),
    (_plays, ("session",)),
    (_foils, ("session", "prompts")),
    (_blocks, ("session", "prompts", "model", "clips", "sampling")),
    (_rules_of_the_type, ("session", *SCALES)),
    (questions_alone, ("questions",)),
    (questions_waiting, ("questions", "recruitment")),
    (lengths_of_questions, ("questions", "session", *SHAPE)),
    (_address, ("recruitment",)),
    (_baseline, ("analysis", "conditions")),
    (_margin, ("analysis", *SCALES)),
    (_stopping, ("analysis", "conditions", *SCALES)),
)
"""Each check with the first keys that it reads."""
