"""A session as a state machine: where a participant stands and what comes next. No I/O.

    consent -> sound_check -> instructions -> practice -> ready -> trials -> done

Pages (`CONFIRMED`) are left by confirming them, `practice` and `trials` by answering their last clip. Stages
that a study does without are passed over.
"""

from survey.config import SessionRules
from survey.design import PRACTICE

STAGES = ("consent", "sound_check", "instructions", "practice", "ready", "trials", "done")
CONFIRMED = ("consent", "sound_check", "instructions", "ready")


def next_stage(stage: str, rules: SessionRules) -> str:
    """Return the stage after `stage` in a study with these rules."""
    skipped = set()
    if not rules.headphone_check:
        skipped.add("sound_check")
    if not rules.practice:
        skipped |= {"practice", "ready"}
    return next(later for later in STAGES[STAGES.index(stage) + 1 :] if later not in skipped)


def after_confirming(stage: str, page: str, rules: SessionRules) -> str:
    """Return the stage after `page` was confirmed; a page that is not the present one changes nothing."""
    return next_stage(stage, rules) if stage == page and page in CONFIRMED else stage


def after_answer(stage: str, open_kinds: set[str], rules: SessionRules) -> str:
    """Return the stage after an answer, given the kinds of trials still to be answered."""
    if stage == "practice" and PRACTICE not in open_kinds:
        return next_stage(stage, rules)
    if stage == "trials" and not open_kinds:
        return next_stage(stage, rules)
    return stage


def accepts(stage: str, kind: str) -> bool:
    """Say whether a trial of this kind may be answered in this stage."""
    return stage == "practice" if kind == PRACTICE else stage == "trials"
