"""The page's words in every language, from plain files."""

import json
import re
from functools import cache

from app.pages import STATIC
from survey.config import LANGUAGES


@cache
def texts(language: str) -> dict[str, str]:
    """Return the texts of a language of `survey.config.LANGUAGES`."""
    found: dict[str, str] = json.loads((STATIC / f"texts.{language}.json").read_text(encoding="utf-8"))
    return found


def preferred(accepted: str) -> str:
    """Return the first of a browser's languages (its Accept-Language header) that there is; English if none."""
    ranked = []
    for place, part in enumerate(accepted.split(",")):
        name, _, weight = part.strip().partition(";q=")
        quality = float(weight) if re.fullmatch(r"[01](\.\d{0,3})?", weight) else 1.0
        ranked.append((-quality, place, name.partition("-")[0].lower()))
    return next((name for _, _, name in sorted(ranked) if name in LANGUAGES), "en")
