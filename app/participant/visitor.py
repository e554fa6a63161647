"""Who a request comes from: the token in its cookie, made and signed here, and the address that it comes from."""

import hashlib
import hmac
import re
from base64 import b32encode
from datetime import timedelta
from secrets import token_urlsafe

from fastapi import Request
from fastapi.responses import Response
from itsdangerous import BadSignature, Signer

from app.errors import Refused, RequestError
from app.settings import Secrets
from app.study import Study
from app.web.prefix import address
from app.web.proxies import address_of
from app.web.throttle import limit
from db import State, Store
from db.scope import now

COOKIE, BEFORE = "earmark", "earmark-before"  # the latter keeps who sat here before somebody else came
LINK = re.compile(r"[A-Za-z0-9_-]{22,64}")
NEW_SESSIONS = ((40, 60), (200, 3600))  # from one address, behind which a lecture hall may sit
ALL_NEW_SESSIONS = ((600, 60), (10_000, 3600))  # so many that a few addresses cannot use it up for the others
NO_NUL = r"^[^\x00]*$"  # the character that not every database stores
DELETIONS = ((5, 60), (20, 3600))  # tries of a code
CODE_WITHIN = timedelta(minutes=1)  # an answer whose reply was lost is sent again within that


class Arrivals:
    """How often new sessions may begin, so that nobody fills a study or its disk."""

    def __init__(self, store: Store) -> None:
        self._address = limit(store, "arrival", NEW_SESSIONS)
        self._all = limit(store, "arrival of all", ALL_NEW_SESSIONS)

    def admit(self, request: Request) -> None:
        """Count one more new session.

        Raises
        ------
        RequestError
            With status 429, on which the page tries again by itself, if there were too many of late.
        """
        wait = self._address.take(address_of(request)) or self._all.take("")
        if wait:
            raise RequestError(429, "Many people begin at this moment. Please try again in a minute.")


def mint(secrets: Secrets) -> str:
    """Make a token for a browser that has none; it is stored, as a hash, when its session begins."""
    return _signer(secrets).sign(token_urlsafe(24)).decode()


def token_of(study: Study, request: Request) -> str:
    """Return the token of a request: one of somebody known, or one that was made here; empty if there is none."""
    token = request.cookies.get(COOKIE, "")
    return minted_of(study, request) or (token if token and study.store.participants.knows(token) else "")


def minted_of(study: Study, request: Request) -> str:
    """Return the token of a request if it was made here, which the database need not be asked for; else nothing."""
    token = request.cookies.get(COOKIE, "")
    return token if token and _minted(study.secrets, token) else ""


def known(study: Study, request: Request) -> str:
    """Return the token of a request.

    Raises
    ------
    Refused
        If it has none, as where a browser keeps no cookies.
    """
    token = token_of(study, request)
    if not token:
        raise Refused(400, "refused_cookie")
    return token


def going(study: Study, request: Request) -> str:
    """Return the token of who goes on.

    Raises
    ------
    Refused
        If the study was closed meanwhile, or as `known`.
    """
    if reason := study.runs.bars("trials"):
        raise Refused(409, f"closed_{reason}")
    return known(study, request)


def keep(response: Response, value: str, request: Request, name: str = COOKIE) -> Response:
    """Give the browser a cookie out of the reach of scripts and other sites."""
    response.set_cookie(
        name,
        value,
        max_age=90 * 24 * 3600,
        path=address(request) or "/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


def forget(response: Response, request: Request, name: str = COOKIE) -> None:
    """Take a cookie back."""
    response.delete_cookie(name, path=address(request) or "/")


def deletion_code(study: Study, link: str) -> str:
    """Return the code that deletes a participant's answers, as the last page shows it: eight letters and digits.

    It is made of the token of their personal link: a code such as P001 comes again in a database that was begun anew.
    """
    return b32encode(hmac.digest(study.secrets.key, f"delete:{link}".encode(), "sha256")).decode()[:8]


def whose(study: Study, given: str) -> str | None:
    """Return the participant whose code for deleting this is, however it was typed."""
    plain = "".join(filter(str.isalnum, given.upper())).translate(str.maketrans("018", "OIB")).encode()
    found = None
    for participant, link in study.store.participants.links().items():
        if hmac.compare_digest(plain, deletion_code(study, link).encode()):
            found = participant
    return found


def shows_code(request: Request, state: State) -> bool:
    """Say whether this is the answer to what ended a session; whoever looks later may be somebody else."""
    if request.method != "POST" or not state.owner or state.stage != "done" or state.ended_at is None:
        return False
    return abs(now() - state.ended_at) <= CODE_WITHIN


def _minted(secrets: Secrets, token: str) -> bool:
    try:
        _signer(secrets).unsign(token)
    except BadSignature:
        return False
    return True


def _signer(secrets: Secrets) -> Signer:
    return Signer(secrets.key, salt="visitor", digest_method=hashlib.sha256)
