"""The researcher's login: guesses are counted before they are compared, and a login ends when it is ended."""

import hmac
import logging
import math
import time
from collections.abc import Callable
from hashlib import sha256
from html import escape
from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from itsdangerous import BadSignature, Signer

from app.counts import counted
from app.settings import Secrets
from app.web.guard import LOGIN
from app.web.pages import plain_page
from app.web.prefix import address
from app.web.proxies import address_of
from app.web.throttle import Throttle, limit
from db import DatabaseUnavailable, Store

LOGIN_COOKIE, DEVICE_COOKIE = "earmark-admin", "earmark-device"
LOGIN_SECONDS, DEVICE_SECONDS = 12 * 3600, 400 * 86_400  # the latter is as long as browsers keep one
ONE = [(5, 60.0), (20, 3600.0), (60, 86_400.0)]  # tries of one address, or of one known browser
ACCOUNT = [(20, 60.0), (100, 3600.0)]  # of all browsers that are not known
TOLD = [(1, 60.0)]  # lines in the log

logger = logging.getLogger(__name__)


class Login:
    """One password, the logins that it opened, and how often it may be guessed.

    A browser that has logged in once is known by a signed cookie and counted for itself, so that guessers, even behind
    the same proxy, do not lock it out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). A right guess
    counts like a wrong one, or a right one among many sent at once would let more of them through.

    Parameters
    ----------
    clock
        Seconds that never go back, for the waits; where the database counts, its clock is taken.
    """

    def __init__(self, secrets: Secrets, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._password = store, _bytes(secrets.admin_password)
        # The password is part of the key, so that a new one ends all logins; it makes no known browser unknown, since
        # a new password is what an attack leads to.
        self._key = secrets.key + b":" + self._password
        self._devices = Signer(secrets.key, salt="device", digest_method=sha256)
        self._by_device = limit(store, "guess by device", ONE, clock)
        self._by_address = limit(store, "guess by address", ONE, clock)
        self._by_account, self._told = limit(store, "guess by all", ACCOUNT, clock), Throttle(TOLD, clock)

    def counts(self, address: str, device: str | None) -> float:
        """Count a guess and return 0, or return the seconds to wait until one may be made; then none is compared."""
        wait = (
            self._by_device.take(device)
            if device
            else self._by_address.take(address) or self._by_account.take("researcher")
        )
        if wait and not self._told.take("refusals"):
            logger.warning("too many guesses of the password of /admin; refused")  # from where, a proxy's log says
        return wait

    def accepts(self, password: str) -> bool:
        """Compare a password in constant time."""
        return hmac.compare_digest(_bytes(password), self._password)

    def begin(self) -> str:
        """Begin a login and return its token.

        Raises
        ------
        DatabaseUnavailable
            If it cannot be stored.
        """
        token = token_urlsafe(32)
        self._store.logins.add(self._hash(token), LOGIN_SECONDS)
        return token

    def holds(self, request: Request) -> bool:
        """Say whether a request carries a login that still holds."""
        token = request.cookies.get(LOGIN_COOKIE)
        # What is looked up is a keyed hash: how long that takes says nothing of the tokens.
        return token is not None and self._store.logins.holds(self._hash(token))

    def end(self, request: Request) -> None:
        """End the login that a request carries."""
        self._store.logins.end(self._hash(request.cookies.get(LOGIN_COOKIE, "")))

    def end_all(self) -> None:
        """End every login, in every browser."""
        self._store.logins.end_all()

    def device(self, request: Request) -> str | None:
        """Return by which name the browser that sent a request is known, if it has logged in before."""
        try:
            return self._devices.unsign(request.cookies.get(DEVICE_COOKIE, "")).decode()
        except BadSignature:
            return None

    def device_cookie(self, device: str | None) -> str:
        """Return the cookie by which a browser is known from now on."""
        return self._devices.sign(device or token_urlsafe(16)).decode()

    def _hash(self, token: str) -> str:
        return hmac.new(self._key, _bytes(token), sha256).hexdigest()


def login_router(login: Login) -> APIRouter:
    """Build the login routes."""
    router = APIRouter()

    @router.get(LOGIN)
    def show(request: Request) -> Response:
        return RedirectResponse(address(request, "/admin/"), 303) if login.holds(request) else login_page()

    @router.post(LOGIN)
    async def enter(request: Request) -> Response:
        device = login.device(request)
        wait = await run_in_threadpool(login.counts, address_of(request), device)
        if wait:
            return _refused(wait)
        if not login.accepts(str((await request.form()).get("password", ""))):
            return login_page("That is not the password.", 401)
        try:
            token = await run_in_threadpool(login.begin)
        except DatabaseUnavailable as error:
            return login_page(f"The password is right, but the login cannot be stored. {error}", 503)
        response = RedirectResponse(address(request, "/admin/"), 303)
        kept: dict[str, Any] = {"httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}
        known, page, here = login.device_cookie(device), address(request, "/admin"), address(request, LOGIN)
        response.set_cookie(LOGIN_COOKIE, token, max_age=LOGIN_SECONDS, path=page, **kept)
        response.set_cookie(DEVICE_COOKIE, known, max_age=DEVICE_SECONDS, path=here, **kept)
        return response

    @router.post("/admin/logout")
    async def leave(request: Request) -> Response:
        if (await request.form()).get("everywhere"):
            await run_in_threadpool(login.end_all)
        else:
            await run_in_threadpool(login.end, request)
        response = RedirectResponse(address(request, LOGIN), 303)
        response.delete_cookie(LOGIN_COOKIE, path=address(request, "/admin"))
        return response

    return router


def login_page(problem: str = "", status: int = 200) -> Response:
    """Return the login form, and what stood against the last try."""
    alert = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    form = (
        "<h1>Researcher’s page</h1>"
        f'<form method="post" action="login">{alert}<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
        '<button type="submit">Log in</button></form>'
    )
    return plain_page("Log in", form, status)


def _refused(wait: float) -> Response:
    seconds = math.ceil(wait)
    said = counted(seconds, "second") if seconds <= 120 else counted(math.ceil(seconds / 60), "minute")
    answer = login_page(f"Too many tries. Please try again in {said}.", 429)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # forms may hold halves of characters
