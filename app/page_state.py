"""What the participant's page is told of a session: never a condition's name, a file or the study's own name."""

import math
from dataclasses import asdict
from typing import Any

from app.arrival import ending, leaving
from app.media import media_id
from app.study import Study
from app.texts import texts
from db import State, TrialView
from survey import QUESTION_TYPES
from survey.config import DEFAULT_CONSENT, Scale
from survey.design import PRACTICE
from survey.quality import HEADPHONE_TRIALS
from survey.questionnaire import items

SECONDS_PER_ANSWER, HEADPHONE_SECONDS = 8, 50
QUESTION = QUESTION_TYPES["acr"]


def describe(study: Study, state: State, language: str, reason: str = "") -> dict[str, Any]:
    """Return what the page may know, and its `language`; `reason` says why a study is closed."""
    rules, recruitment, scale = study.config.session, study.config.recruitment, study.config.scale
    extra = rules.attention_checks + rules.repeats + rules.instructed_checks
    conditions = len(study.config.conditions)
    clips = state.trials or (rules.prompts_per_participant * conditions or _all_clips(study)) + extra
    seconds = clips * (study.config.sampling.seconds + SECONDS_PER_ANSWER)
    facts: dict[str, Any] = {
        "stage": state.stage,
        "language": language,
        "clips": clips,
        "minutes": math.ceil((seconds + HEADPHONE_SECONDS * (rules.headphone_check != "none")) / 60),
        "practice": rules.practice,
        "must_listen": rules.must_listen,
        "comments": rules.comments,
        "break_minutes": rules.break_minutes,
        "volume": state.volume,
        # The page says its own words for what the study leaves as it is, in the participant's language.
        "question": QUESTION.describe(scale) | {"own": scale != Scale()},
    }
    match state.stage:
        case "closed":
            facts["reason"] = reason
        case "consent":
            own = recruitment.consent != DEFAULT_CONSENT
            facts |= {
                "consent": recruitment.consent if own else None,
                "declined": leaving(study.config, "no_consent", None),
            }
        case "questions":
            facts["questions"] = [{"name": item.name, "options": item.options} for item in items(recruitment)]
        case "sound_check":
            facts["level"] = (
                _address(study, state.upcoming) if rules.practice and state.upcoming else "/media/sound-check"
            )
        case "headphones":
            urls = [f"/media/headphones/{state.tries}/{number}" for number in range(HEADPHONE_TRIALS)]
            facts["headphones"] = {"kind": rules.headphone_check, "tried": state.tries, "urls": urls}
        case "done":
            facts |= ending(study.config, state)
    if state.trial:
        facts["trial"] = _public(study, state.trial)
    if state.previous:
        before = asdict(state.previous)
        facts["previous"] = {
            **_public(study, state.previous.trial),
            "score": before["score"],
            "comment": before["comment"],
        }
    if state.upcoming:
        facts["upcoming"] = _address(study, state.upcoming)
    return facts


def _all_clips(study: Study) -> int:
    return len(study.manifest.clips) if study.manifest else 0


def _address(study: Study, trial: TrialView) -> str:
    return f"/media/{media_id(study.secrets.key, trial)}"


def _public(study: Study, trial: TrialView) -> dict[str, Any]:
    opaque = media_id(study.secrets.key, trial)
    return {
        "position": trial.position,
        "kind": PRACTICE if trial.practice else "trial",
        "number": trial.number,
        "total": trial.total,
        "prompt": trial.prompt,
        # What to do with a sound that says what to answer, in the page's own words.
        "words": next((key for key in ("do_count", "do_listen") if texts("en")[key] == trial.prompt), None),
        "media": opaque,
        "url": f"/media/{opaque}",
        "seconds": trial.seconds,
    }
