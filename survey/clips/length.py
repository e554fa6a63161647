"""Length: how many trials a session has before it is drawn, and how long it takes."""

import math

from survey.clips.cells import clip_seconds, tested_cells
from survey.clips.manifest import Manifest
from survey.config.study import StudyConfig
from survey.trials.quality import HEADPHONE_CHECKS
from survey.trials.scale import Asked

SECONDS_PER_ANSWER, HEADPHONE_SECONDS = 8, 50


def session_trials(config: StudyConfig, manifest: Manifest | None) -> int:
    """Count the trials of a session, checks among them and practice not.

    Examples
    --------
    >>> from survey.config.study import Prompt
    >>> prompts = (Prompt("p1", "rain"), Prompt("p2", "wind"))
    >>> session_trials(StudyConfig(name="s", model="mini", conditions=("baseline", "sqs-w8a8"), prompts=prompts), None)
    4
    """
    rules, cells = config.session, tested_cells(config, manifest)
    blocks = len({(one.prompt_id, one.seed) for one in cells})
    tested = round(len(cells) * min(rules.prompts_per_participant or blocks, blocks) / blocks) if blocks else 0
    return tested + rules.attention_checks + rules.repeats + rules.instructed_checks + rules.gold_checks


def session_minutes(trials: int, heard: float, asked: Asked, headphone_check: str) -> int:
    """Return how many minutes so many trials take, rounded up, in each of which so many seconds of sound are heard.

    Examples
    --------
    >>> from survey.trials.scale import Scale
    >>> session_minutes(9, 10.0, Asked((Scale(),)), "antiphase")
    4
    """
    checks = HEADPHONE_SECONDS * len(HEADPHONE_CHECKS[headphone_check])
    return math.ceil((trials * (heard + SECONDS_PER_ANSWER * len(asked.scales)) + checks) / 60)


def planned_minutes(config: StudyConfig, manifest: Manifest | None) -> int:
    """Return how many minutes a session takes that is not drawn yet, rounded up.

    Examples
    --------
    >>> from survey.config.study import Prompt
    >>> study = StudyConfig(name="s", model="mini", conditions=("baseline",), prompts=(Prompt("p1", "rain"),))
    >>> planned_minutes(study, None)  # with the headphone check
    2
    """
    heard = config.asked.first.kind.clips(len(config.conditions)) * clip_seconds(config, manifest)
    return session_minutes(session_trials(config, manifest), heard, config.asked, config.session.headphone_check)
