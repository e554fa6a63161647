"""The roles of researchers: what each may ask for under /admin; what is not named is the owners' alone."""

import re
import unicodedata
from dataclasses import dataclass

from fastapi import Request

from db.access.logins import OWNER

ASSISTANT, READER = "assistant", "reader"
ROLES = {
    OWNER: "may do everything",
    ASSISTANT: "looks after participants, and is never told what a condition is called",
    READER: "reads the report once the study is closed",
}
MINE, PEOPLE, REPORTS = "/admin/account", "/admin/people", "/admin/reports"
PREVIEW, LINKS = "/admin/preview", "/admin/links.csv"
HOME = {OWNER: "/admin/", ASSISTANT: PEOPLE, READER: REPORTS}
"""Where each begins."""

_ALL = {("GET", MINE), ("POST", MINE), ("POST", "/admin/logout")}
_MAY = {
    ASSISTANT: _ALL | {("GET", PEOPLE), ("POST", PEOPLE), ("GET", LINKS), ("GET", PREVIEW), ("POST", PREVIEW)},
    READER: _ALL | {("GET", REPORTS), ("GET", "/admin/report.html"), ("HEAD", "/admin/report.html")},
}
_PERSON = "earmark.person"  # in the scope of a request
_NAME = re.compile(r"[\w.@+-]{1,40}")


@dataclass(frozen=True, slots=True)
class Person:
    """Who sent a request: the name of an account, and its role."""

    name: str
    role: str


def may(person: Person, method: str, path: str) -> bool:
    """Say whether somebody may ask for an address under /admin."""
    if person.role == ASSISTANT and path.startswith(f"{PREVIEW}/"):  # what a participant sees names no condition
        return True
    return person.role == OWNER or (method, path) in _MAY.get(person.role, _ALL)


def enter(request: Request, person: Person) -> None:
    """Note in a request who sent it."""
    request.scope[_PERSON] = person


def person_of(request: Request) -> Person:
    """Return who sent a request under /admin: the guard lets nobody by who is unknown."""
    person: Person = request.scope[_PERSON]
    return person


def read_name(given: str) -> str:
    """Return the name of an account as it is stored, however it was typed; empty if it can be none."""
    name = unicodedata.normalize("NFKC", given.strip()[:80]).casefold()
    return name if _NAME.fullmatch(name) else ""
