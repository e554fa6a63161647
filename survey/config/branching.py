"""Whether a study's own questions go together: each can be asked, of somebody, at its place."""

from collections.abc import Mapping

from survey.config.items import AFTER, AFTER_TRIALS, BEFORE, EACH, NAMES, Item, items
from survey.config.study import StudyConfig
from survey.errors import ConfigError
from survey.trials.questions import QUESTION_TYPES
from survey.trials.stimulus import Stimulus
from survey.values import shown

ORDER = {BEFORE: 0, AFTER_TRIALS: 1, EACH: 1, AFTER: 2}


def most_trials(config: StudyConfig) -> int:
    """Count the trials of a session, checks among them, at most, by what the study says."""
    rules = config.session
    # A trial for each condition under test; which they are needs no clips.
    conditions = QUESTION_TYPES[config.scale.type].conditions(config.conditions)
    cells = [Stimulus(name, "", name, 0) for name in conditions]
    tested = len(QUESTION_TYPES[config.scale.type].tested(cells, config.analysis.baseline))
    blocks = rules.prompts_per_participant or config.most_blocks
    checks = rules.attention_checks + rules.repeats + rules.instructed_checks + rules.gold_checks
    return blocks * tested + checks


def check_questions(config: StudyConfig, where: str) -> None:
    """Refuse questions that cannot be asked as they stand.

    Raises
    ------
    ConfigError
        With the question's name.
    """
    asked = {item.name: item for item in items(config.recruitment)}
    trials = most_trials(config)
    for item in config.questions:
        place = f"{where}: questions.{item.name}"
        if item.name in NAMES:
            raise ConfigError(f"{place}: is a question of `recruitment`; give this one another name")
        if item.name in asked:
            raise ConfigError(f"{place}: is the name of two questions; rename one")
        _check_answers_of(item, place)
        if item.place.trials > trials:
            raise ConfigError(
                f"{place}.place: comes after {item.place.trials} trials, and a session has {trials}, so that it would "
                "never be asked; use fewer, or after"
            )
        for name in item.when:
            _check_waits(item, name, asked, config, place)
        asked[item.name] = item
    for item in config.questions:
        _needs(item, asked, f"{where}: questions.{item.name}")


def _check_answers_of(item: Item, place: str) -> None:
    """Refuse answers that do not go with the question's type."""
    choice = item.type in ("single", "multiple")
    if choice and len(item.options) < 2:
        raise ConfigError(f"{place}.options: type {item.type} needs at least two; add some, or use type text")
    if not choice and item.options:
        raise ConfigError(f"{place}.options: type {item.type} has none; remove them, or use type single")
    if item.type != "number" and (item.low is not None or item.high is not None):
        raise ConfigError(f"{place}.low: only type number has limits; remove low and high")
    if item.low is not None and item.high is not None and item.low >= item.high:
        raise ConfigError(f"{place}.low: must be below high")
    if item.screen_out and item.place.at != BEFORE:
        raise ConfigError(f"{place}.screen_out: only a question before the trials leads out; remove it")
    if unknown := next((one for one in item.screen_out if one not in item.options), None):
        raise ConfigError(f"{place}.screen_out: {shown(unknown)} is not one of the options")
    if item.options and set(item.screen_out) == set(item.options):
        raise ConfigError(f"{place}.screen_out: every option leads out; leave one")


def _check_waits(item: Item, name: str, asked: Mapping[str, Item], config: StudyConfig, place: str) -> None:
    """Refuse to wait for an answer that was not given before, or that nobody can give."""
    other, later = asked.get(name), {one.name: one for one in config.questions}
    if other is None and name in later:
        said = " itself" if name == item.name else f" {name}, which is asked after it"
        circle = "; they wait for each other" if item.name in later[name].when and name != item.name else ""
        raise ConfigError(f"{place}.when: waits for{said}{circle}; name a question above it")
    if other is None and name in NAMES:
        raise ConfigError(f"{place}.when: the study does not ask {name}; add it to `recruitment`")
    if other is None:
        raise ConfigError(f"{place}.when: {shown(name)} is no question; known: {', '.join(asked) or 'none'}")
    if ORDER[other.place.at] > ORDER[item.place.at] or _comes_later(other, item):
        raise ConfigError(f"{place}.when: waits for {name}, which is asked after it; put it at an earlier place")
    if other.place.at == EACH and other.place != item.place:
        raise ConfigError(
            f"{place}.when: {name} is asked several times; only a question at the same place can wait for it"
        )
    if other.type == "text":
        raise ConfigError(f"{place}.when: {name} is answered in words; wait for one of type single, multiple or number")
    for answer in item.when[name]:
        if other.type == "number":
            _check_number(answer, other, f"{place}.when.{name}")
        elif answer not in other.options:
            known = ", ".join(other.options)
            raise ConfigError(f"{place}.when.{name}: {shown(answer)} is not one of its answers: {known}")
    if set(item.when[name]) <= set(other.screen_out):
        raise ConfigError(f"{place}.when.{name}: that answer leads out of the study, so that it would never be asked")


def _comes_later(other: Item, item: Item) -> bool:
    """Say whether another question between the trials comes after this one."""
    return (
        other.place.at == AFTER_TRIALS
        and item.place.at in (AFTER_TRIALS, EACH)
        and other.place.trials > item.place.trials
    )


def _check_number(answer: str, other: Item, place: str) -> None:
    try:
        number = float(answer)
    except ValueError:
        raise ConfigError(f"{place}: must be a number, not {shown(answer)}") from None
    if (other.low is not None and number < other.low) or (other.high is not None and number > other.high):
        raise ConfigError(f"{place}: {answer} is beyond its limits, so that it would never be asked")


def _needs(item: Item, asked: Mapping[str, Item], place: str) -> dict[str, set[str]]:
    """Return which answers to others a question needs, be it through those that it waits for.

    Raises
    ------
    ConfigError
        If nobody can give all of them.
    """
    needed = {name: set(answers) - set(asked[name].screen_out) for name, answers in item.when.items()}
    for name in item.when:
        for other, answers in _needs(asked[name], asked, place).items():
            if asked[other].type != "multiple":  # of which several can be chosen
                needed[other] = needed.get(other, answers) & answers
    if name := next((name for name, answers in needed.items() if not answers), ""):
        raise ConfigError(
            f"{place}.when: nobody can give all the answers to {name} that it takes; it would never be asked"
        )
    return needed
