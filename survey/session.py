"""A session as a state machine: where a participant stands and what comes next. No I/O.

    consent -> questions -> sound_check -> headphones -> instructions -> practice -> ready -> trials -> after -> done
                                                                                                 <-> between

Pages (`CONFIRMED`) are left by confirming them, pages of questions (`ASKED`) and `headphones` by their answers,
`practice` and `trials` by answering their last clip; from `trials` the way leads to `between` and back wherever a
question is due. Stages that a study does without are passed over. Who is screened out or comes back too late goes to
`done` from anywhere; the outcome says which it was.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from survey.config.session import SessionRules
from survey.trials.design import PRACTICE, UNCOUNTED

STAGES = (
    *("consent", "questions", "sound_check", "headphones", "instructions"),
    *("practice", "ready", "trials", "between", "after", "done"),
)
CONFIRMED = ("consent", "sound_check", "instructions", "ready")
ASKED = ("questions", "between", "after")
FINISHED, SCREENED_OUT = "finished", "screened_out"
DISCARDED, FINISHED_DISCARDED = "discarded", "finished_discarded"  # by the researcher, under way or after the end
LAPSED = "lapsed"  # away for too long
OUTCOMES = (FINISHED, SCREENED_OUT, DISCARDED, FINISHED_DISCARDED, LAPSED)


def next_stage(stage: str, rules: SessionRules, asks: Collection[str]) -> str:
    """Return the stage after `stage` in a study with these rules, where these pages have something to ask."""
    skipped = {page for page in ASKED if page not in asks}
    if rules.headphone_check == "none":
        skipped.add("headphones")
    if not rules.practice:
        skipped |= {"practice", "ready"}
    return next(later for later in STAGES[STAGES.index(stage) + 1 :] if later not in skipped)


def after_confirming(stage: str, page: str, rules: SessionRules, asks: Collection[str]) -> str:
    """Return the stage after `page` was confirmed; a page that is not the present one changes nothing."""
    return next_stage(stage, rules, asks) if stage == page and page in CONFIRMED else stage


def after_answer(stage: str, open_kinds: set[str], rules: SessionRules, asks: Collection[str]) -> str:
    """Return the stage after an answer, given the kinds of trials still to be answered and the pages that ask."""
    if stage == "practice" and PRACTICE not in open_kinds:
        return next_stage(stage, rules, asks)
    if stage == "between" and stage not in asks:
        stage = "trials"
    if stage == "trials" and "between" in asks:
        return "between"
    if stage == "trials" and not open_kinds:
        return next_stage(stage, rules, asks)
    if stage == "after" and stage not in asks:
        return next_stage(stage, rules, asks)
    return stage


def accepts(stage: str, kind: str) -> bool:
    """Say whether a trial of this kind may be answered in this stage; one from before a new start may not."""
    return kind != UNCOUNTED and (stage == "practice" if kind == PRACTICE else stage == "trials")


def lapsed(rules: SessionRules, seen: datetime, now: datetime) -> bool:
    """Say whether who was seen last at a moment comes back too late to go on where they were."""
    return rules.resume != "resume" and rules.resume_hours > 0 and now - seen > timedelta(hours=rules.resume_hours)
