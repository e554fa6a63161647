"""The page's words in every language, from plain files."""

import json
import re
from functools import cache, lru_cache

from babel import negotiate_locale

from app.folder import STATIC
from survey.config.session import LANGUAGES

WEIGHT = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


@cache
def texts(language: str) -> dict[str, str]:
    """Return the texts of a language of `survey.config.study.LANGUAGES`."""
    found: dict[str, str] = json.loads((STATIC / "texts" / f"{language}.json").read_text(encoding="utf-8"))
    return found


@lru_cache(64)  # it is asked with every request, and browsers say one of few things
def preferred(accepted: str) -> str:
    """Return the language that a browser wants most (its Accept-Language header, RFC 9110, 12.5.4); English if none.

    A weight of 0 refuses a language; `*` stands for those that are not named, of which English comes first. A weight
    that cannot be read counts as none given.
    """
    weights: dict[str, float] = {}
    for name, *parameters in ([piece.strip() for piece in part.split(";")] for part in accepted.lower().split(",")):
        found = next(filter(None, map(WEIGHT.fullmatch, parameters)), None)
        weights[name] = max(weights.get(name, 0.0), float(found[1]) if found else 1.0)
    ranked = sorted(filter(weights.get, weights), key=weights.__getitem__, reverse=True)
    named = {name.partition("-")[0] for name in ranked}
    wanted: list[str] = []
    for name in ranked:
        wanted += [language for language in LANGUAGES if language not in named] if name == "*" else [name]
    allowed = [language for language in LANGUAGES if weights.get(language, 1.0)]
    return negotiate_locale(wanted, allowed, sep="-") or "en"
