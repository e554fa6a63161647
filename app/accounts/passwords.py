"""Passwords as argon2 hashes them (RFC 9106, 64 MiB), and the codes of authenticator apps (TOTP, RFC 6238)."""

import hmac
import threading
import time
from base64 import b32encode
from functools import cache
from hashlib import sha256
from secrets import token_urlsafe

import pyotp
import segno
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from db import AccountView
from db.access.logins import FIRST

SHORTEST = 8  # as for EARMARK_ADMIN_PASSWORD
LONGEST, LONGEST_SEED = 200, 40  # the latter is how long its column is

_hasher = PasswordHasher()
_one = threading.Lock()  # at a time: many guesses at once must not fill the memory


def new_password() -> str:
    """Make a password to be told to somebody once."""
    return token_urlsafe(12)


def hashed(password: str) -> str:
    """Return what is stored of a password; it names its own method."""
    with _one:
        return _hasher.hash(_bytes(password))


def matches(stored: str | None, password: str) -> bool:
    """Say whether a password is the one that was hashed; without one it takes as long to say no."""
    found = stored or _nobodys()
    with _one:
        try:
            return _hasher.verify(found, _bytes(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def is_theirs(password: str, name: str, account: AccountView | None, own: str) -> bool:
    """Say whether a password is that of who has a name: for the first owner, the study's ``own``."""
    if name == FIRST:
        return hmac.compare_digest(_bytes(password), _bytes(own))
    return matches(account.password if account else None, password)


def new_seed() -> str:
    """Make a seed of codes."""
    return token_urlsafe(18)


def code_key(key: bytes, study: str, name: str, seed: str) -> str:
    """Return the key of an account's codes, as apps take it; of the seed alone, which is stored, it cannot be made."""
    subject = f"codes:{study}:{name}:{seed}".encode("utf-8", "surrogatepass")
    return b32encode(hmac.new(key, subject, sha256).digest()[:20]).decode()


def step_of(code_key: str, code: str) -> int | None:
    """Return of which time step a code is: the present one or one beside it, as clocks differ; None if of none."""
    totp, now = pyotp.TOTP(code_key), int(time.time())
    given = "".join(code.split()).encode("utf-8", "surrogatepass")
    for offset in (0, -1, 1):
        if hmac.compare_digest(totp.at(now + offset * totp.interval).encode(), given):
            return now // totp.interval + offset
    return None


def code_address(code_key: str, study: str, name: str) -> str:
    """Return the address by which an app takes up a key."""
    return pyotp.TOTP(code_key).provisioning_uri(name=name, issuer_name=f"Earmark {study}"[:60])


def picture(address: str) -> str:
    """Return the QR code of an address, as the address of an SVG image."""
    return segno.make(address, error="m", micro=False).svg_data_uri(scale=4, border=4, light="#fff")


@cache
def _nobodys() -> str:
    return hashed(token_urlsafe(24))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # forms may hold halves of characters
