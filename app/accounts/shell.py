"""The frame of the plain pages under /admin: who is logged in, and the way to the other pages."""

from datetime import UTC, datetime
from typing import Any

from fastapi.responses import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.accounts.log import in_words
from app.accounts.roles import HOME, ROLES, Person
from app.folder import STATIC
from app.web.pages import plain_page
from db.access.logins import OWNER


def utc(moment: datetime) -> str:
    """Write a moment."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


_templates = Environment(
    loader=FileSystemLoader(STATIC / "accounts"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_templates.filters.update(utc=utc, in_words=in_words)
_templates.globals.update(roles=ROLES, owner=OWNER, desk=False)


def page(template: str, title: str, study: str, person: Person, status: int = 200, **values: Any) -> Response:
    """Return a page of a template for somebody; each text that it is given is escaped."""
    frame = {"title": title, "study": study, "person": person, "home": HOME[person.role].rpartition("/")[2] or "./"}
    body = _templates.get_template(f"{template}.html").render(values | frame)
    return plain_page(title, body, status, wide=True)
