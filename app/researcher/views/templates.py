"""The templates of the researcher's page, and how they write times."""

from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.folder import STATIC
from app.researcher.views.commands import with_commands


def ago(moment: datetime | None) -> str:
    """Say how long ago something was, or its day if that is long."""
    if moment is None:
        return "–"
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if seconds < 60:
        return "just now"
    for unit, size, limit in (("min", 60, 60), ("h", 3600, 24), ("d", 86400, 14)):
        if seconds < size * limit:
            return f"{int(seconds / size)} {unit} ago"
    return f"{moment:%d %b %Y}"


def duration(seconds: float) -> str:
    """Say roughly how long something takes."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def utc(moment: datetime) -> str:
    """Return the exact time, for the tooltip."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def plain(value: object) -> str:
    """Write a fact in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "; ".join(f"{key}: {plain(one)}" for key, one in value.items())
    return str(value)


_templates = Environment(
    loader=FileSystemLoader(STATIC / "admin"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_templates.filters.update(ago=ago, commands=with_commands, duration=duration, utc=utc)


def frame(template: str, title: str, study: str, home: str, **values: Any) -> str:
    """Return a page of its own in the look of the researcher's page, to whose address `home` leads."""
    return show(template, title=title, study=study, home=home, **values)


def show(template: str, **values: Any) -> str:
    """Return a template's HTML with these values in it."""
    return _templates.get_template(f"{template}.html").render(values)
