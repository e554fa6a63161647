"""Kiosk mode: a browser of a laboratory that stays on the study; the experimenter's PIN lets the next person begin."""

import hmac
from hashlib import sha256
from html import escape
from secrets import token_urlsafe

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from itsdangerous import BadSignature, Signer

from app.errors import Refused
from app.participant.arrival import FROM_COOKIE, language_of
from app.participant.visitor import BEFORE, forget, keep, mint, token_of
from app.study import Study
from app.texts import texts
from app.web.guard import KIOSK
from app.web.pages import plain_page
from app.web.prefix import address
from app.web.throttle import limit

COOKIE = "earmark-kiosk"
ONE = [(5, 60.0), (20, 3600.0), (60, 86_400.0)]  # tries of a PIN in one browser; a right one counts like a wrong one
ALL = [(60, 60.0), (400, 3600.0)]  # of a whole laboratory


def kiosk_of(study: Study, request: Request) -> str | None:
    """Return by which name a browser in kiosk mode is known; None if it is in none."""
    sealed = request.cookies.get(COOKIE)
    if not sealed:
        return None
    try:
        return _signer(study).unsign(sealed).decode()
    except BadSignature:
        return None


def enter_kiosk(study: Study, request: Request, answer: Response) -> Response:
    """Put a browser in kiosk mode that comes by the link for it; elsewhere than in a laboratory nothing changes."""
    if "kiosk" not in request.query_params or not study.config.recruitment.lab:
        return answer
    name = kiosk_of(study, request) or token_urlsafe(16)
    return keep(answer, _signer(study).sign(name).decode(), request, COOKIE)


def somebody_else(study: Study, request: Request, answer: Response) -> Response:
    """Have somebody else begin in a browser; who sat there before can come back until that person agrees."""
    token = token_of(study, request)
    forget(answer, request, FROM_COOKIE)
    if token and study.store.participants.code_of(token) is not None:
        keep(answer, token, request, BEFORE)
    return keep(answer, mint(study.secrets), request)


def kiosk_router(study: Study) -> APIRouter:
    """Build the experimenter's page, which is for browsers in kiosk mode alone."""
    router = APIRouter()
    by_browser, by_all = limit(study.store, "pin", ONE), limit(study.store, "pin of all", ALL)

    @router.get(KIOSK)
    def show(request: Request) -> Response:
        return (
            RedirectResponse(address(request, "/study/"), 303)
            if kiosk_of(study, request) is None
            else _page(study, request)
        )

    @router.post(KIOSK)
    async def decide(request: Request) -> Response:
        form = await request.form()
        return await run_in_threadpool(_decide, request, str(form.get("pin", "")), str(form.get("do", "")))

    def _decide(request: Request, pin: str, wish: str) -> Response:
        name, wanted = kiosk_of(study, request), study.secrets.kiosk_pin
        if name is None:
            raise Refused(404, "refused_page")
        if wanted:
            if by_browser.take(name) or by_all.take(""):
                return _page(study, request, "refused_often", 429)
            if not hmac.compare_digest(pin.encode("utf-8", "surrogatepass"), wanted.encode()):
                return _page(study, request, "kiosk_wrong", 403)
        if wish == "leave":
            language = language_of(study.config, request)
            title = texts(language)["kiosk_title"]
            left = plain_page(title, f"<h1>{escape(texts(language)['kiosk_left'])}</h1>", 200, language)
            forget(left, request, COOKIE)
            return left
        return somebody_else(study, request, RedirectResponse(address(request, "/study/"), 303))

    return router


def _page(study: Study, request: Request, problem: str = "", status: int = 200) -> Response:
    """Return the form, and what stood against the last try."""
    language = language_of(study.config, request)
    say = {key: escape(text) for key, text in texts(language).items()}
    field = (
        f'<label for="pin">{say["kiosk_pin"]}</label>'
        '<input id="pin" name="pin" type="password" autocomplete="off" required autofocus>'
    )
    body = (
        f"<h1>{say['kiosk_title']}</h1><p>{say['kiosk_text']}</p>"
        f'<form method="post" action="{address(request, KIOSK)}">'
        + (f'<p class="problem" role="alert">{say[problem]}</p>' if problem else "")
        + (field if study.secrets.kiosk_pin else "")
        + f'<button name="do" value="next">{say["next_person"]}</button>'
        f'<button name="do" value="leave" class="quiet">{say["kiosk_leave"]}</button></form>'
        f'<p><a href="{address(request, "/study/")}">{say["kiosk_back"]}</a></p>'
    )
    return plain_page(texts(language)["kiosk_title"], body, status, language)


def _signer(study: Study) -> Signer:
    return Signer(study.secrets.key, salt="kiosk", digest_method=sha256)
