"""How participants arrive and leave: who they are on a recruiting platform, their browser, and where they return to."""

import re

from babel.units import format_unit
from fastapi import Request
from itsdangerous import BadSignature, URLSafeSerializer

from app.participant.lab import seat_of
from app.study import Study
from app.texts import preferred, texts
from db import Arrival, State
from survey import StudyConfig

FROM_COOKIE = "earmark-from"
PROLIFIC_RETURN = "https://app.prolific.com/submissions/complete?cc={code}"
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Version": "Safari",
}
"""Marks of browsers in the order in which they tell: most also bear those of others."""


def seal(study: Study, external_id: str) -> str:
    """Return the identity as a cookie that nobody else can write."""
    return str(_serializer(study).dumps(external_id))


def unseal(study: Study, request: Request) -> str | None:
    """Return the identity that a request's cookie holds."""
    try:
        return str(_serializer(study).loads(request.cookies.get(FROM_COOKIE, "")))
    except BadSignature:
        return None


def _serializer(study: Study) -> URLSafeSerializer:
    return URLSafeSerializer(study.secrets.key, salt="arrival")


def language_of(config: StudyConfig, request: Request) -> str:
    """Return the language of the page: the study's, or the browser's."""
    wanted = config.recruitment.language
    return preferred(request.headers.get("accept-language", "")) if wanted == "auto" else wanted


def consent_in(config: StudyConfig, language: str) -> str | None:
    """Return the study's own consent in a language, else in its plain words; None if the page's own is read."""
    return config.translations.get(language, {}).get("consent", config.recruitment.consent)


def retention(config: StudyConfig, language: str) -> str | None:
    """Return for how long answers are kept, as the page says it; None where the study does not say."""
    months = config.recruitment.retention_months
    if not months:
        return None
    time = format_unit(months, "duration-month", length="long", locale=language)
    return texts(language)["consent_retention"].replace("{time}", time)


def arrival(study: Study, request: Request) -> Arrival:
    """Return how somebody came."""
    external_id, agent = unseal(study, request), request.headers.get("user-agent", "")
    recruitment, language = study.config.recruitment, language_of(study.config, request)
    own = consent_in(study.config, language) or texts(language)["consent_text"]
    return Arrival(
        consent="\n".join(filter(None, (own, retention(study.config, language)))),
        platform=recruitment.platform if external_id else "open",
        external_id=external_id,
        language=language,
        device=device_of(agent),
        browser=browser_of(agent),
        seat=seat_of(study, request),
    )


def device_of(agent: str) -> str:
    """Return the class of a device: phone, tablet or computer."""
    if "iPad" in agent or "Tablet" in agent or ("Android" in agent and "Mobile" not in agent):
        return "tablet"
    return "phone" if "Mobi" in agent or "iPhone" in agent else "computer"


def browser_of(agent: str) -> str:
    """Return a browser's name and first number."""
    for mark, name in BROWSERS.items():
        _, found, rest = agent.partition(f"{mark}/")
        if found:
            return f"{name} {re.split('[^0-9]', rest)[0][:6]}".strip()
    return "other"


def leaving(config: StudyConfig, outcome: str, external_id: str | None) -> dict[str, str | None]:
    """Return what somebody leaves with: the code of an outcome, and where to return to."""
    recruitment = config.recruitment
    code = next((code for of, code in recruitment.codes.items() if of == outcome), None)
    url = recruitment.completion_url
    if url is None and recruitment.platform == "prolific" and code:
        url = PROLIFIC_RETURN
    # An address without a code belongs to those who finished; one with a code needs it.
    fits = code is not None if "{code}" in (url or "") else outcome == "finished"
    url = url if fits else None
    return {"code": code, "url": url and url.replace("{code}", code or "").replace("{id}", external_id or "")}


def ending(config: StudyConfig, state: State) -> dict[str, str | bool | None]:
    """Return what the last page says: code and way back are for whoever began, not for all who know the identity."""
    left = leaving(config, state.outcome or "finished", state.external_id)
    hidden = not state.owner and any(left.values())
    return {"outcome": state.outcome, "elsewhere": hidden, **(left if state.owner else dict.fromkeys(left))}
