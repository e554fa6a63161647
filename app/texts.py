"""The page's words in every language, from plain files."""

import json
import re
from functools import cache

from app.folder import STATIC
from survey.config.study import LANGUAGES

WEIGHT = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


@cache
def texts(language: str) -> dict[str, str]:
    """Return the texts of a language of `survey.config.study.LANGUAGES`."""
    found: dict[str, str] = json.loads((STATIC / f"texts.{language}.json").read_text(encoding="utf-8"))
    return found


def preferred(accepted: str) -> str:
    """Return the language that a browser wants most (its Accept-Language header, RFC 9110, 12.5.4); English if none.

    A weight of 0 refuses a language; `*` stands for those that are not named, of which English comes first. A weight
    that cannot be read counts as none given.
    """
    wanted: dict[str, tuple[float, int]] = {}
    for place, part in enumerate(accepted.lower().split(",")):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        found = next(filter(None, (WEIGHT.fullmatch(parameter) for parameter in parameters)), None)
        language, _, region = name.partition("-")
        weight = float(found[1]) if found else 1.0
        if weight or not region:  # who refuses one country's kind of a language does not refuse the language
            wanted[language] = max(wanted.get(language, (weight, -place)), (weight, -place))
    ranked = []
    for name in LANGUAGES:
        weight, place = wanted.get(name, wanted.get("*", (0.0, 0)))
        if weight:
            ranked.append((weight, place, -LANGUAGES.index(name), name))
    return max(ranked)[3] if ranked else "en"
