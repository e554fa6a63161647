"""Whether a study's own questions go together: each can be asked, of somebody, at its place."""

from collections.abc import Iterator, Mapping

from survey.config.items import AFTER, AFTER_TRIALS, BEFORE, EACH, NAMES, Item, items
from survey.config.study import StudyConfig
from survey.faults import Fault, fault_at
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


def lengths_of_questions(config: StudyConfig) -> Iterator[Fault]:
    """Yield the questions that come after more trials than a session has."""
    trials = most_trials(config)
    for item in config.questions:
        if item.place.trials > trials:
            yield fault_at(
                f"questions.{item.name}.place",
                f"comes after {item.place.trials} trials, and a session has {trials}, so that it would never be asked; "
                "use fewer, or after",
            )


def questions_alone(config: StudyConfig) -> Iterator[Fault]:
    """Yield what is wrong with questions whatever else is asked: their names and their answers."""
    seen = set[str]()
    for number, item in enumerate(config.questions):
        path, place = f"questions.{item.name}", ("questions", number)
        if item.name in NAMES:
            yield Fault(f"{path}: is a question of `recruitment`; give this one another name", place)
        elif item.name in seen:
            yield Fault(f"{path}: is the name of two questions; rename one", place)
        seen.add(item.name)
        yield from (fault.below(path, place) for fault in _answers_of(item))


def questions_waiting(config: StudyConfig) -> Iterator[Fault]:
    """Yield what is wrong with the answers that questions wait for."""
    asked = {item.name: item for item in items(config.recruitment)}
    lost = set[
        str
    ]()  # questions that are wrong themselves: what is said of those that wait for them is not to be known
    for number, item in enumerate(config.questions):
        path, place = f"questions.{item.name}", ("questions", number)
        if item.name in NAMES or item.name in asked:
            lost.add(item.name)
            continue
        waits = [fault for name in item.when if name not in lost for fault in _waits(item, name, asked, config)]
        if not waits and not lost & set(item.when) and (barred := _barred(item, asked)):
            said = f"nobody can give all the answers to {barred} that it takes; it would never be asked"
            waits = [fault_at("when", said)]
        yield from (fault.below(path, place) for fault in waits)
        if waits or lost & set(item.when):
            lost.add(item.name)
        asked[item.name] = item


def _answers_of(item: Item) -> Iterator[Fault]:
    """Find answers that do not go with the question's type."""
    choice = item.type in ("single", "multiple")
    if choice and len(item.options) < 2:
        yield fault_at("options", f"type {item.type} needs at least two; add some, or use type text")
    if not choice and item.options:
        yield fault_at("options", f"type {item.type} has none; remove them, or use type single")
    if item.type != "number" and (item.low is not None or item.high is not None):
        yield fault_at("low", "only type number has limits; remove low and high")
    elif item.low is not None and item.high is not None and item.low >= item.high:
        yield fault_at("low", "must be below high")
    if item.screen_out and item.place.at != BEFORE:
        yield fault_at("screen_out", "only a question before the trials leads out; remove it")
    for unknown in (one for one in item.screen_out if one not in item.options):
        yield fault_at("screen_out", f"{shown(unknown)} is not one of the options")
    if item.options and set(item.screen_out) == set(item.options):
        yield fault_at("screen_out", "every option leads out; leave one")


def _waits(item: Item, name: str, asked: Mapping[str, Item], config: StudyConfig) -> Iterator[Fault]:
    """Find what is wrong with waiting for an answer: it was not given before, or nobody can give it."""
    other, later = asked.get(name), {one.name: one for one in config.questions}
    if other is None and name in later:
        said = " itself" if name == item.name else f" {name}, which is asked after it"
        circle = "; they wait for each other" if item.name in later[name].when and name != item.name else ""
        yield fault_at("when", f"waits for{said}{circle}; name a question above it")
    elif other is None and name in NAMES:
        yield fault_at("when", f"the study does not ask {name}; add it to `recruitment`")
    elif other is None:
        yield fault_at("when", f"{shown(name)} is no question; known: {', '.join(asked) or 'none'}")
    elif ORDER[other.place.at] > ORDER[item.place.at] or _comes_later(other, item):
        yield fault_at("when", f"waits for {name}, which is asked after it; put it at an earlier place")
    elif other.place.at == EACH and other.place != item.place:
        yield fault_at("when", f"{name} is asked several times; only a question at the same place can wait for it")
    elif other.type == "text":
        yield fault_at("when", f"{name} is answered in words; wait for one of type single, multiple or number")
    else:
        yield from (
            Fault(f"when.{name}: {said}", ("when", name))
            for answer in item.when[name]
            if (said := _no_answer(answer, other))
        )
        if set(item.when[name]) <= set(other.screen_out):
            said = "that answer leads out of the study, so that it would never be asked"
            yield Fault(f"when.{name}: {said}", ("when", name))


def _comes_later(other: Item, item: Item) -> bool:
    """Say whether another question between the trials comes after this one."""
    return (
        other.place.at == AFTER_TRIALS
        and item.place.at in (AFTER_TRIALS, EACH)
        and other.place.trials > item.place.trials
    )


def _no_answer(answer: str, other: Item) -> str:
    """Say why an answer is none of a question's; empty if it is one."""
    if other.type != "number":
        return (
            "" if answer in other.options else f"{shown(answer)} is not one of its answers: {', '.join(other.options)}"
        )
    try:
        number = float(answer)
    except ValueError:
        return f"must be a number, not {shown(answer)}"
    if (other.low is not None and number < other.low) or (other.high is not None and number > other.high):
        return f"{answer} is beyond its limits, so that it would never be asked"
    return ""


def _barred(item: Item, asked: Mapping[str, Item]) -> str:
    """Return the name of a question to which nobody can give all the answers that this one needs; empty if none is."""
    return next((name for name, answers in _needs(item, asked).items() if not answers), "")


def _needs(item: Item, asked: Mapping[str, Item]) -> dict[str, set[str]]:
    """Return which answers to others a question needs, be it through those that it waits for."""
    needed = {name: set(answers) - set(asked[name].screen_out) for name, answers in item.when.items()}
    for name in item.when:
        for other, answers in _needs(asked[name], asked).items():
            if asked[other].type != "multiple":  # of which several can be chosen
                needed[other] = needed.get(other, answers) & answers
    return needed
