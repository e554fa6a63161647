"""What opens a participant's session: secrets of which the database holds keyed hashes alone.

A participant has up to three: the token of the browser in which the session began; the one of a personal link; and the
one that every other browser gets of somebody whose platform names them in the address. The last two are derived from
the key, so that they can be told again. An identity is no secret, so that the third opens no more than the rating.
"""

import hmac
from base64 import urlsafe_b64encode

from db.tables import Participant

LINK, RESUME = "link", "resume"


class Tokens:
    """The tokens of one study under its key."""

    def __init__(self, key: bytes, study: str) -> None:
        self._key, self._study = key, study

    def digest(self, token: str) -> str:
        """Return what is stored of a token: it cannot be turned back, and is worth nothing without the key."""
        return hmac.digest(self._key, f"token:{token}".encode(errors="replace"), "sha256").hex()

    def derived(self, kind: str, person: Participant) -> str:
        """Return the token of a kind that a participant always has; two studies of one name have others."""
        subject = f"{kind}:{self._study}:{person.code}:{person.created_at.isoformat()}"
        return urlsafe_b64encode(hmac.digest(self._key, subject.encode(), "sha256")).decode().rstrip("=")

    def equip(self, person: Participant) -> None:
        """Store the tokens that are derived."""
        person.link = self.digest(self.derived(LINK, person))
        person.resume = self.digest(self.derived(RESUME, person)) if person.external_id is not None else None
