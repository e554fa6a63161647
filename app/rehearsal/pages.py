"""The page on which a researcher begins and ends a preview of the study."""

from secrets import token_hex
from typing import Any

from babel import Locale
from fastapi import APIRouter, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from app.accounts.roles import HOME, PREVIEW, person_of
from app.accounts.shell import page
from app.live.panels import IDENTITY
from app.participant.application import COOKIES
from app.participant.visitor import COOKIE
from app.rehearsal.stage import LANGUAGE_COOKIE, Stage
from app.study import Study
from app.web.prefix import address
from survey.config.session import LANGUAGES


def add_rehearsal(app: FastAPI, study: Study, stage: Stage) -> None:
    """Give an application the page, and what is seen from there."""
    app.include_router(_router(study, stage))
    app.mount(PREVIEW, stage)


def _router(study: Study, stage: Stage) -> APIRouter:
    router = APIRouter()

    @router.get(PREVIEW)
    def show(request: Request) -> Response:
        chosen = study.config.recruitment.language
        languages = {code: called(code) for code in (LANGUAGES if chosen == "auto" else [chosen])}
        values: dict[str, Any] = {
            "languages": languages,
            "chooses": chosen == "auto",
            "open": study.ready,
            "problem": "",
            "said": "",
        }
        return page("preview", "Preview as a participant", study.config.name, person_of(request), **values)

    @router.post(PREVIEW)
    async def change(request: Request) -> Response:
        form = await request.form()
        return await run_in_threadpool(
            _change, request, str(form.get("do", "")) == "begin", str(form.get("language", ""))
        )

    def _change(request: Request, begins: bool, language: str) -> Response:
        """End the preview of this browser, of which nothing is left, and begin another if that is wanted."""
        stage.open().forget(request.cookies.get(COOKIE, ""))
        under = address(request, PREVIEW)
        to = under + entrance(study.config.recruitment.platform) if begins else address(request, _home(request))
        answer = RedirectResponse(to, 303)
        for name in (*COOKIES, LANGUAGE_COOKIE):
            answer.delete_cookie(name, path=under)
        if begins and language in LANGUAGES:
            secure = request.url.scheme == "https"
            answer.set_cookie(LANGUAGE_COOKIE, language, path=under, httponly=True, samesite="lax", secure=secure)
        return answer

    return router


def entrance(platform: str) -> str:
    """Return where somebody enters a study; of one that a panel sends people to, with an identity that is nobody's."""
    return f"/join?{IDENTITY[platform]}=preview-{token_hex(6)}" if platform in IDENTITY else "/join"


def called(language: str) -> str:
    """Return what a language is called in English."""
    return Locale.parse(language).get_display_name("en") or language


def _home(request: Request) -> str:
    return HOME[person_of(request).role]
