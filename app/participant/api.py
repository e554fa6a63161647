"""The routes behind the participant's page; each answers with the whole state after the commit."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from app.errors import Refused, RequestError
from app.live.panels import visit
from app.participant.arrival import FROM_COOKIE, arrival, seal, unseal
from app.participant.kiosk import enter_kiosk, kiosk_of, somebody_else
from app.participant.lab import take_seat
from app.participant.media import find_trial, headphone_answers
from app.participant.state import another, shown
from app.participant.visitor import (
    BEFORE,
    DELETIONS,
    LINK,
    NO_NUL,
    Arrivals,
    deletion_code,
    forget,
    going,
    keep,
    known,
    mint,
    token_of,
    whose,
)
from app.study import Study
from app.texts import texts
from app.web.guard import KIOSK
from app.web.prefix import address
from app.web.proxies import address_of
from app.web.throttle import limit
from db import State, UnknownParticipant
from survey.config.session import LANGUAGES
from survey.questionnaire import LONGEST_OWN
from survey.trials.quality import HEADPHONE_TRIALS


class Step(BaseModel):
    """A page that the participant has read."""

    model_config = ConfigDict(extra="forbid", strict=True)
    page: Literal["consent", "sound_check", "instructions", "ready"]
    volume: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)


Words = Annotated[str, Field(max_length=LONGEST_OWN, pattern=NO_NUL)]


class Questionnaire(BaseModel):
    """Answers to a page of questions, which between the trials stands `after` so many of them."""

    model_config = ConfigDict(extra="forbid", strict=True)
    page: Literal["questions", "between", "after"] = "questions"
    after: int = Field(default=0, ge=0, le=10_000)
    answers: dict[
        Annotated[str, Field(max_length=40, pattern=NO_NUL)],
        Words | Annotated[list[Words], Field(max_length=100)] | Annotated[float, Field(allow_inf_nan=False)] | None,
    ] = Field(max_length=100)


class HeadphoneTry(BaseModel):
    """Which of three sounds was the other one, six times; `tried` counts the tries before."""

    model_config = ConfigDict(extra="forbid", strict=True)
    tried: int = Field(ge=0, le=10)
    answers: list[Annotated[int, Field(ge=0, le=2)]] = Field(min_length=HEADPHONE_TRIALS, max_length=HEADPHONE_TRIALS)


class Skip(BaseModel):
    """A clip that the browser cannot play."""

    model_config = ConfigDict(extra="forbid", strict=True)
    media: str = Field(max_length=100)
    reason: str = Field(max_length=200, pattern=NO_NUL)


class Withdrawal(BaseModel):
    """The wish to have everything deleted; after the end it takes the `code` that the last page showed."""

    model_config = ConfigDict(extra="forbid", strict=True)
    code: str = Field(default="", max_length=40)


def api_router(study: Study) -> APIRouter:
    """Build the participant's routes."""
    router = APIRouter()
    recruitment = study.config.recruitment
    arrivals, deletions = Arrivals(study.store), limit(study.store, "deletion", DELETIONS)

    def standing(request: Request, token: str) -> Response:
        """Show where somebody stands, or why they may not go on."""
        state = study.store.sessions.state(token)
        reason = study.runs.bars(state.stage)
        return shown(study, request, State("closed") if reason else state, reason)

    @router.get("/api/state")
    def state(request: Request) -> Response:
        study.refresh()
        token, external_id = token_of(study, request), unseal(study, request)
        if not study.ready:
            return shown(study, request, State("closed"), "not_ready")
        try:
            return standing(request, token)
        except UnknownParticipant:
            if resumed := external_id and study.store.participants.resume(external_id):
                return keep(standing(request, resumed), resumed, request)
            reason = study.store.participants.closed() or ("" if study.plays else "not_ready")
            if not reason and recruitment.platform != "none" and external_id is None:
                reason = "platform"
            if reason:
                return shown(study, request, State("closed"), reason)
        answer = shown(study, request, State("consent"))
        # A visitor is nobody until the consent is given; only then is this token stored.
        return answer if token else keep(answer, mint(study.secrets), request)

    @router.get("/p/{token}")
    def personal_link(token: str, request: Request) -> Response:
        if not LINK.fullmatch(token) or not study.store.participants.knows(token):
            raise Refused(404, "refused_link")
        answer = keep(RedirectResponse(address(request, "/study/"), 303), token, request)
        forget(answer, request, FROM_COOKIE)  # the link says who comes
        return answer

    @router.get("/p/{token}/withdraw")
    def withdrawal_link(token: str, request: Request) -> Response:
        if not LINK.fullmatch(token) or not study.store.participants.knows(token):
            raise Refused(404, "refused_deleted")
        state = study.store.sessions.state(token)  # who has the link need not know the code
        proof = f"={deletion_code(study, state.link)}" if state.owner and state.link else ""
        answer = keep(RedirectResponse(address(request, f"/study/#withdraw{proof}"), 303), token, request)
        forget(answer, request, FROM_COOKIE)  # the link says who comes
        return answer

    @router.get("/withdraw")
    def withdrawal(request: Request) -> Response:
        return RedirectResponse(address(request, "/study/#withdraw"), 303)

    @router.get("/join")
    @router.get("/")
    def open_link(request: Request) -> Response:
        answer = enter_kiosk(
            study, request, take_seat(study, request, RedirectResponse(address(request, "/study/"), 303))
        )
        came, token = visit(recruitment.platform, request.query_params), token_of(study, request)
        study.notices.take(came)
        if not came.counts:
            return RedirectResponse(address(request, "/study/#preview"), 303)
        external_id = came.identity
        if external_id is not None:  # one person, one session, whatever the device
            resumed = study.store.participants.resume(external_id, token)
            # A token of another visitor of this browser must not be taken for this one's.
            keep(answer, resumed or mint(study.secrets), request)
            return keep(answer, seal(study, external_id), request, FROM_COOKIE)
        before = request.cookies.get(BEFORE, "")
        if "new" in request.query_params:
            kept = kiosk_of(study, request) is not None
            return RedirectResponse(address(request, KIOSK), 303) if kept else somebody_else(study, request, answer)
        begun = bool(token) and study.store.participants.code_of(token) is not None
        if not begun and before and study.store.participants.code_of(before) is not None:
            keep(answer, before, request)  # somebody else came, and did not begin
            begun = True
        if begun and another(study):  # who sits here may be somebody else
            answer.headers["location"] = address(request, "/study/#again")
        return answer

    @router.post("/api/step")
    def step(body: Step, request: Request) -> Response:
        token = going(study, request)
        if body.page != "consent":
            return shown(study, request, study.store.sessions.confirm(token, body.page, body.volume))
        study.refresh()
        if not study.ready:
            raise Refused(409, "closed_title")
        came = arrival(study, request)
        if not study.store.participants.knows(token):
            if resumed := came.external_id and study.store.participants.resume(came.external_id):
                return keep(shown(study, request, study.store.sessions.state(resumed)), resumed, request)
            if recruitment.platform != "none" and came.external_id is None:
                raise Refused(409, "closed_platform")
            arrivals.admit(request)
        return shown(study, request, study.store.sessions.start(token, came))

    @router.post("/api/questions")
    def questions(body: Questionnaire, request: Request) -> Response:
        given = body.page, body.after
        return shown(study, request, study.store.sessions.answer_questions(going(study, request), body.answers, *given))

    @router.post("/api/headphones")
    def headphones(body: HeadphoneTry, request: Request) -> Response:
        token = going(study, request)
        before = study.store.sessions.state(token)
        if before.stage != "headphones" or before.tries != body.tried:  # an old tab
            return shown(study, request, before)
        answers = headphone_answers(study, before.session_id, body.tried)
        right = sum(given == wanted for given, wanted in zip(body.answers, answers, strict=True))
        return shown(study, request, study.store.sessions.try_headphones(token, body.tried, right))

    @router.post("/api/skip")
    def skip(body: Skip, request: Request) -> Response:
        token = going(study, request)
        trial = find_trial(study, token, body.media)
        if trial is None:
            return shown(study, request, study.store.sessions.state(token))
        if not study.store.events.holds(token, "error", trial.position):
            raise Refused(409, "not_started")
        return shown(study, request, study.store.sessions.skip(token, trial.position, body.reason))

    @router.post("/api/withdraw")
    def withdraw(body: Withdrawal, request: Request) -> Response:
        if body.code.strip():  # from any browser: who took part and who sits here now need not be the same
            if deletions.take(address_of(request)):
                raise Refused(409, "refused_often")
            code = whose(study, body.code)
            if code is None or not study.store.participants.withdraw_by_code(code):
                raise Refused(403, "withdraw_wrong")
        else:
            token = known(study, request)
            state = study.store.sessions.state(token)
            if state.stage == "done" or not state.owner:
                raise Refused(403, "withdraw_wrong")
            study.store.participants.withdraw(token)
        answer = shown(study, request, State("withdrawn"))
        if not study.store.participants.knows(token_of(study, request)):
            forget(answer, request)
            forget(answer, request, FROM_COOKIE)
        return answer

    @router.get("/texts/{language}.json")
    def words(language: str) -> Response:
        if language not in LANGUAGES:
            raise RequestError(404, "There are no texts in that language.")
        return JSONResponse(texts(language), headers={"Cache-Control": "public, max-age=3600"})

    @router.get("/healthz")
    async def health() -> Response:
        return JSONResponse({"status": "ok", "ready": study.ready})

    return router
