"""The routes behind the participant's page; each answers with the whole state after the commit."""

import math
import re
from secrets import token_urlsafe
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from app.errors import RequestError
from app.media import COOKIE, find_clip, media_id
from app.study import Study
from db import Answer, State, TrialView, UnknownParticipant
from survey import QUESTION_TYPES
from survey.design import PRACTICE

TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")
HEARD_SHARE = 0.8  # of a clip; browsers report what they played a little short
SECONDS_PER_ANSWER = 8
QUESTION = QUESTION_TYPES["acr"]


EventKind = Literal["play", "ended", "pause", "seek", "stall", "error", "hidden", "visible", "offline", "online"]


class Step(BaseModel):
    """A page that the participant has read."""

    model_config = ConfigDict(extra="forbid", strict=True)
    page: Literal["consent", "sound_check", "instructions", "ready"]


class RatingBody(BaseModel):
    """An answer with how the clip was listened to."""

    model_config = ConfigDict(extra="forbid", strict=True)
    media: str = Field(max_length=100)
    score: Any
    plays: int = Field(ge=0, le=10_000)
    heard_seconds: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    response_ms: int = Field(ge=0, le=2**31 - 1)


class EventBody(BaseModel):
    """Something that happened on the page."""

    model_config = ConfigDict(extra="forbid", strict=True)
    kind: EventKind
    position: int | None = Field(default=None, ge=1, le=10_000)
    detail: dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=200)] | float | bool | None] = (
        Field(default_factory=dict, max_length=10)
    )


def api_router(study: Study) -> APIRouter:
    """Build the participant's routes."""
    router = APIRouter()
    rules, recruitment = study.config.session, study.config.recruitment

    @router.get("/p/{token}")
    def personal_link(token: str, request: Request) -> Response:
        if not study.store.knows(token):
            raise RequestError(404, "This link is not known. Please ask for a new one.")
        return _with_cookie(RedirectResponse("/study/", 303), token, request)

    @router.get("/join")
    @router.get("/")
    def open_link() -> Response:
        return RedirectResponse("/study/", 303)

    @router.get("/api/state")
    def state(request: Request) -> Response:
        study.refresh()
        token = request.cookies.get(COOKIE, "")
        if not study.ready:
            return JSONResponse({"stage": "closed", "reason": "not_ready"})
        try:
            return JSONResponse(describe(study, study.store.state(token)))
        except UnknownParticipant:
            if not study.store.is_open(recruitment):
                return JSONResponse({"stage": "closed", "reason": "full" if recruitment.open_link else "link"})
        answer = JSONResponse(describe(study, State("consent")))
        # A visitor is nobody until the consent is given; only then is this token stored.
        return answer if TOKEN.fullmatch(token) else _with_cookie(answer, token_urlsafe(24), request)

    @router.post("/api/step")
    def step(body: Step, request: Request) -> Response:
        token = _token(request)
        if body.page == "consent":
            study.refresh()
            if not study.ready:
                raise RequestError(409, "The study is not open at the moment.")
            return JSONResponse(describe(study, study.store.start(token, rules, recruitment)))
        return JSONResponse(describe(study, study.store.confirm(token, body.page, rules)))

    @router.post("/api/rate")
    def rate(body: RatingBody, request: Request) -> Response:
        token = _token(request)
        score = QUESTION.parse(body.score)
        trial = find_clip(study, token, body.media)
        if trial is None:  # an old tab: it learns where the session stands
            return JSONResponse(describe(study, study.store.state(token)))
        if rules.must_listen and body.heard_seconds < HEARD_SHARE * trial.seconds:
            raise RequestError(409, "Please listen to the sound to its end first.")
        answer = Answer(
            position=trial.position,
            sha256=trial.sha256,
            score=score,
            plays=body.plays,
            heard_seconds=round(body.heard_seconds, 3),
            response_ms=body.response_ms,
        )
        return JSONResponse(describe(study, study.store.rate(token, answer, rules)))

    @router.post("/api/event")
    def event(body: EventBody, request: Request) -> Response:
        study.store.log_event(_token(request), body.kind, body.position, dict(body.detail))
        return Response(status_code=204)

    @router.get("/healthz")
    def health() -> Response:
        study.store.is_open(recruitment)
        return JSONResponse({"status": "ok", "ready": study.ready})

    return router


def describe(study: Study, state: State) -> dict[str, Any]:
    """Return what the page may know. No condition's name, file or study's name is in it."""
    rules, recruitment = study.config.session, study.config.recruitment
    clips = state.trials or len(study.manifest.clips if study.manifest else ()) + rules.attention_checks
    seconds = clips * (study.config.sampling.seconds + SECONDS_PER_ANSWER)
    facts: dict[str, Any] = {
        "stage": state.stage,
        "clips": clips,
        "minutes": math.ceil(seconds / 60),
        "practice": rules.practice,
        "headphones": rules.headphone_check,
        "must_listen": rules.must_listen,
        "question": QUESTION.describe(study.config.scale),
    }
    if state.stage == "consent":
        facts["consent"] = recruitment.consent
    if state.stage == "done":
        facts["completion_url"] = recruitment.completion_url
    if state.trial:
        facts["trial"] = _public(study, state.trial)
    if state.upcoming:
        facts["upcoming"] = f"/media/{media_id(study.secrets.key, state.upcoming)}"
    return facts


def _public(study: Study, trial: TrialView) -> dict[str, Any]:
    opaque = media_id(study.secrets.key, trial)
    return {
        "position": trial.position,
        "kind": PRACTICE if trial.practice else "trial",
        "number": trial.number,
        "total": trial.total,
        "prompt": trial.prompt,
        "media": opaque,
        "url": f"/media/{opaque}",
        "seconds": trial.seconds,
    }


def _token(request: Request) -> str:
    token = request.cookies.get(COOKIE, "")
    if not TOKEN.fullmatch(token):
        raise RequestError(400, "Your browser refuses this page's cookie, which keeps your place. Please allow it.")
    return token


def _with_cookie(response: Response, token: str, request: Request) -> Response:
    response.set_cookie(
        COOKIE,
        token,
        max_age=90 * 24 * 3600,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response
