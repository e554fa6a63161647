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

from app.accounts import passwords
from app.accounts.roles import HOME, Person, enter, may, person_of, read_name
from app.counts import counted
from app.settings import Secrets
from app.web.guard import LOGIN
from app.web.pages import plain_page, refusal
from app.web.prefix import address
from app.web.proxies import address_of
from app.web.throttle import Throttle, limit
from db import DatabaseUnavailable, Store
from db.access.logins import FIRST, OWNER

LOGIN_COOKIE, DEVICE_COOKIE = "earmark-admin", "earmark-device"
LOGIN_SECONDS, DEVICE_SECONDS = 12 * 3600, 400 * 86_400  # the latter is as long as browsers keep one
ONE = [(5, 60.0), (20, 3600.0), (60, 86_400.0)]  # tries of one address, or of one known browser
ACCOUNT = [(20, 60.0), (100, 3600.0)]  # of all browsers that are not known
TOLD = [(1, 60.0)]  # lines in the log
NOBODY, NOT_THEIRS = "Please log in first.", "Your account is not for this page."
LOST = (
    "If the app is lost, codes are ended where the study runs: earmark account STUDY codes NAME (without a name, "
    "owner; for the desk of several studies, their folder in place of STUDY)"
)

logger = logging.getLogger(__name__)


class Login:
    """The passwords of the first owner and of accounts, the logins that they opened, and how often they are guessed.

    A browser that has logged in once is known by a signed cookie and counted for itself, so that guessers, even behind
    the same proxy, do not lock it out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). A right guess
    counts like a wrong one, or a right one among many sent at once would let more of them through.

    Parameters
    ----------
    clock
        Seconds that never go back, for the waits; where the database counts, its clock is taken.
    """

    def __init__(self, secrets: Secrets, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._password = store, secrets.admin_password
        # The password is part of the key, so that a new one ends all logins; it makes no known browser unknown, since
        # a new password is what an attack leads to.
        self._secret, self._key = secrets.key, secrets.key + b":" + _bytes(self._password)
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

    def opens(self, name: str, password: str, code: str = "") -> Person | None:
        """Return whom a name and a password let in, and a code where the account asks for it; None if nobody.

        Without a name it is the first owner, whose password is the study's own.
        """
        known = read_name(name) if name.strip() else FIRST
        account = self._store.accounts.find(known) if known else None
        if not passwords.is_theirs(password, known, account, self._password):
            return None
        if account is None:
            return Person(FIRST, OWNER) if known == FIRST else None
        if account.code_seed is not None:
            key = passwords.code_key(self._secret, self._store.scope.study, account.name, account.code_seed)
            step = passwords.step_of(key, code)
            if step is None or not self._store.accounts.use_code(account.name, step):
                return None
        return Person(account.name, account.role)

    def asks(self) -> tuple[bool, bool]:
        """Say whether there are accounts, whose names are asked for, and whether anybody has a code."""
        accounts, first = self._store.accounts.all(), self._store.accounts.find(FIRST)
        return bool(accounts), any(one.code_seed for one in (*accounts, *([first] if first else [])))

    def begin(self, name: str = FIRST) -> str:
        """Begin the login of an account and return its token.

        Raises
        ------
        DatabaseUnavailable
            If it cannot be stored.
        """
        token = token_urlsafe(32)
        self._store.logins.add(self._hash(token), LOGIN_SECONDS, name)
        return token

    def who(self, request: Request) -> Person | None:
        """Return whose login a request carries, if it still holds."""
        token = request.cookies.get(LOGIN_COOKIE)
        # What is looked up is a keyed hash: how long that takes says nothing of the tokens.
        found = self._store.logins.whose(self._hash(token)) if token is not None else None
        return Person(*found) if found else None

    def admit(self, request: Request, path: str) -> Response | None:
        """Note in a request under /admin who sent it; or answer it, if nobody is logged in or they may not ask that."""
        person, begins = self.who(request), request.method != "POST" and path in ("/admin", "/admin/")
        if person is None:
            return RedirectResponse(address(request, LOGIN), 303) if begins else refusal(request, 401, NOBODY)
        enter(request, person)
        if may(person, request.method, path):
            return None
        return (
            RedirectResponse(address(request, HOME[person.role]), 303) if begins else refusal(request, 403, NOT_THEIRS)
        )

    def end(self, request: Request, *, everywhere: bool = False) -> None:
        """End the login that a request carries, or every one of its account, and log who logged out."""
        person = person_of(request)
        if everywhere:
            self._store.logins.end_all(person.name)
        else:
            self._store.logins.end(self._hash(request.cookies.get(LOGIN_COOKIE, "")))
        self._store.actions.add(person.name, "log out everywhere" if everywhere else "log out")

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


def login_router(login: Login, store: Store) -> APIRouter:
    """Build the login routes."""
    router = APIRouter()

    def form(problem: str = "", status: int = 200) -> Response:
        named, coded = login.asks()
        return login_page(problem, status, named=named, coded=coded)

    @router.get(LOGIN)
    def show(request: Request) -> Response:
        return form() if login.who(request) is None else RedirectResponse(address(request, "/admin/"), 303)

    @router.post(LOGIN)
    async def let_in(request: Request) -> Response:
        given = await request.form()
        name, password, code = (str(given.get(field, "")) for field in ("name", "password", "code"))
        return await run_in_threadpool(_let_in, request, name, password, code)

    def _let_in(request: Request, name: str, password: str, code: str) -> Response:
        device = login.device(request)
        wait = login.counts(address_of(request), device)
        if wait:
            answer = form(f"Too many tries. Please try again in {_duration(wait)}.", 429)
            answer.headers["Retry-After"] = str(math.ceil(wait))
            return answer
        person = login.opens(name, password, code)
        if person is None:
            return form(_not_right(name, *login.asks()), 401)
        try:
            token = login.begin(person.name)
            store.actions.add(person.name, "log in")
        except DatabaseUnavailable as error:
            return login_page(f"The password is right, but the login cannot be stored. {error}", 503)
        response = give_login(RedirectResponse(address(request, "/admin/"), 303), request, token)
        known, here = login.device_cookie(device), address(request, LOGIN)
        response.set_cookie(DEVICE_COOKIE, known, max_age=DEVICE_SECONDS, path=here, **_kept(request))
        return response

    @router.post("/admin/logout")
    async def leave(request: Request) -> Response:
        everywhere = bool((await request.form()).get("everywhere"))
        await run_in_threadpool(login.end, request, everywhere=everywhere)
        response = RedirectResponse(address(request, LOGIN), 303)
        response.delete_cookie(LOGIN_COOKIE, path=address(request, "/admin"))
        return response

    return router


def give_login(response: Response, request: Request, token: str, under: str = "/admin", mark: str = "") -> Response:
    """Give a browser the token of a login, for what lies ``under`` a path, where cookies may have another's mark."""
    path, name = address(request, under), f"{LOGIN_COOKIE}.{mark}" if mark else LOGIN_COOKIE
    response.set_cookie(name, token, max_age=LOGIN_SECONDS, path=path, **_kept(request))
    return response


def _kept(request: Request) -> dict[str, Any]:
    return {"httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}


def login_page(problem: str = "", status: int = 200, *, named: bool = False, coded: bool = False) -> Response:
    """Return the login form, and what stood against the last try; ``named`` accounts have a name, and some a code."""
    alert = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    name = (
        '<label for="name">Name (empty: the study’s own password)</label>'
        '<input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false">'
    )
    code = (
        '<label for="code">Code, if your account has one</label>'
        '<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code">'
    )
    form = (
        f'<h1>Researcher’s page</h1><form method="post" action="login">{alert}{name if named else ""}'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
        f'{code if coded else ""}<button type="submit">Log in</button></form>'
    )
    return plain_page("Log in", form, status)


def _not_right(name: str, named: bool, coded: bool) -> str:
    """Say that somebody is not let in, and nothing of what was right."""
    if not coded:
        return "Name, password or code is not right." if name else "That is not the password."
    return f"{'Name, password' if named else 'Password'} or code is not right. {LOST}."


def _duration(wait: float) -> str:
    seconds = math.ceil(wait)
    return counted(seconds, "second") if seconds <= 120 else counted(math.ceil(seconds / 60), "minute")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # forms may hold halves of characters
