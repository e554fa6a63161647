"""What the participant's page is told of a session: never a condition's name, a file or the study's own name."""

from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic_core import to_json

from app.live.instructed import INSTRUCTIONS
from app.participant.arrival import consent_in, ending, language_of, leaving, retention
from app.participant.kiosk import kiosk_of
from app.participant.media import media_id, media_urls
from app.participant.visitor import deletion_code, shows_code
from app.participant.wording import consent_mark, described, prompt_mark, questioned
from app.study import Study
from db import State, Terms, TrialView
from survey.clips.cells import clip_seconds
from survey.clips.length import session_minutes, session_trials
from survey.trials.design import PRACTICE
from survey.trials.quality import HEADPHONE_TRIALS


def shown(study: Study, request: Request, state: State, reason: str = "") -> Response:
    """Answer with where somebody stands, as the page is told it."""
    language, ended = language_of(study.config, request), shows_code(request, state)
    told = describe(study, state, language, reason, ended=ended)
    told["kiosk"] = kiosk_of(study, request) is not None
    return Response(to_json(told), media_type="application/json")


def describe(study: Study, state: State, language: str, reason: str = "", *, ended: bool = False) -> dict[str, Any]:
    """Return what the page may know, and its `language`; `reason` says why a study is closed, `ended` that it just has.

    A session that has begun is shown under its own terms, whatever study.yaml says by now.
    """
    config = study.config
    terms = state.terms or Terms(config.session, config.asked, language, config.translations.get(language, {}))
    rules, asked, shown = terms.rules, terms.asked, state.trial or state.upcoming
    each = len(shown.clips) if shown else asked.first.kind.clips(len(config.conditions))
    trials = state.trials or session_trials(config, study.manifest)
    heard = shown.seconds if shown else each * clip_seconds(config, study.manifest)
    facts: dict[str, Any] = {
        "stage": state.stage,
        "language": language,
        "clips": trials * each,
        "minutes": session_minutes(trials, heard, asked, rules.headphone_check),
        "practice": rules.practice,
        "must_listen": rules.must_listen,
        "comments": rules.comments,
        "break_minutes": rules.break_minutes,
        "break_trials": rules.break_trials,
        "min_plays": rules.min_plays,
        "max_plays": rules.max_plays,
        "hours": 0 if rules.resume == "resume" else rules.resume_hours,
        "volume": state.volume,
        "owner": state.owner,
        "anew": state.anew,
        "embed": config.recruitment.embed,
        # The page says its own words for what the study leaves as it is, in the participant's language.
        "question": described(study, terms, asked.first),
    }
    if asked.several:
        facts |= {"scales": [described(study, terms, one) for one in asked.scales], "layout": asked.layout}
    match state.stage:
        case "closed":
            facts["reason"] = reason
        case "consent":
            facts |= {"consent": consent_in(config, language), "declined": leaving(config, "no_consent", None)}
            facts |= {"consent_mark": consent_mark(study, language), "retention": retention(config, language)}
        case "questions" | "between" | "after":
            questions = [questioned(study, terms.language, item) for item in state.page]
            facts |= {"questions": questions, "done": state.done}
        case "sound_check":
            first = state.upcoming if rules.practice else None
            there = first is not None and (study.clips / first.clips[0].file).is_file()
            facts["level"] = media_urls(study.secrets.key, first)[0] if first and there else "/media/sound-check"
        case "headphones":
            urls = [f"/media/headphones/{state.tries}/{number}" for number in range(HEADPHONE_TRIALS)]
            facts["headphones"] = {
                "kind": state.headphone,
                "tried": state.tries,
                "again": state.missed > 0,
                "urls": urls,
            }
        case "done":
            facts |= ending(study.config, state)
            facts["deletion"] = deletion_code(study, state.link) if ended else None
            facts["next"] = study.config.recruitment.lab and another(study)
    if state.trial:
        facts["trial"] = _public(study, state.trial)
    if state.previous:
        before = state.previous
        given = {"score": before.score, "comment": before.comment, "plays": before.plays}
        facts["previous"] = {**_public(study, before.trial), **given}
    if state.upcoming:
        facts["upcoming"] = media_urls(study.secrets.key, state.upcoming)
    return facts


def another(study: Study) -> bool:
    """Say whether somebody else may begin in a browser in which somebody has."""
    return study.config.recruitment.platform == "none" and not study.store.participants.closed()


def _public(study: Study, trial: TrialView) -> dict[str, Any]:
    return {
        "position": trial.position,
        "kind": PRACTICE if trial.practice else "trial",
        "number": trial.number,
        "total": trial.total,
        "prompt": trial.prompt,
        "mark": prompt_mark(study, trial),
        # What to do with a sound that says what to answer, in the page's own words.
        "words": INSTRUCTIONS.get(trial.clips[0].file.rpartition("/")[0]),
        "media": media_id(study.secrets.key, trial),
        "urls": media_urls(study.secrets.key, trial),
        "seconds": [clip.seconds for clip in trial.clips],
    }
