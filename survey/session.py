"""A session as a state machine: where a participant stands and what comes next. No I/O.

    consent -> questions -> sound_check -> headphones -> instructions -> practice -> ready -> trials -> done

Pages (`CONFIRMED`) are left by confirming them, `questions` and `headphones` by their answers, `practice` and `trials`
by answering their last clip. Stages that a study does without are passed over. Who is screened out goes to `done` from
anywhere; the outcome says which it was.
"""

from survey.config.session import Recruitment, SessionRules
from survey.trials.design import PRACTICE

STAGES = ("consent", "questions", "sound_check", "headphones", "instructions", "practice", "ready", "trials", "done")
CONFIRMED = ("consent", "sound_check", "instructions", "ready")
FINISHED, SCREENED_OUT = "finished", "screened_out"
DISCARDED, FINISHED_DISCARDED = "discarded", "finished_discarded"  # by the researcher, under way or after the end


def next_stage(stage: str, rules: SessionRules, recruitment: Recruitment) -> str:
    """Return the stage after `stage` in a study with these rules."""
    skipped = set()
    if not recruitment.eligibility and not recruitment.demographics:
        skipped.add("questions")
    if rules.headphone_check == "none":
        skipped.add("headphones")
    if not rules.practice:
        skipped |= {"practice", "ready"}
    return next(later for later in STAGES[STAGES.index(stage) + 1 :] if later not in skipped)


def after_confirming(stage: str, page: str, rules: SessionRules, recruitment: Recruitment) -> str:
    """Return the stage after `page` was confirmed; a page that is not the present one changes nothing."""
    return next_stage(stage, rules, recruitment) if stage == page and page in CONFIRMED else stage


def after_answer(stage: str, open_kinds: set[str], rules: SessionRules, recruitment: Recruitment) -> str:
    """Return the stage after an answer, given the kinds of trials still to be answered."""
    if stage == "practice" and PRACTICE not in open_kinds:
        return next_stage(stage, rules, recruitment)
    if stage == "trials" and not open_kinds:
        return next_stage(stage, rules, recruitment)
    return stage


def accepts(stage: str, kind: str) -> bool:
    """Say whether a trial of this kind may be answered in this stage."""
    return stage == "practice" if kind == PRACTICE else stage == "trials"
