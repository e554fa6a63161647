"""What participants are served, put into an application: the study's own, or one in which it is only rehearsed."""

from fastapi import FastAPI

from app.gradio_fixes.mounting import mount
from app.participant.answers import answer_routes
from app.participant.api import api_router
from app.participant.arrival import FROM_COOKIE
from app.participant.kiosk import COOKIE as KIOSK_COOKIE
from app.participant.kiosk import kiosk_router
from app.participant.lab import SEAT_COOKIE
from app.participant.media import media_router
from app.participant.page import PAGE_CSS, build_page, page_head, page_theme
from app.participant.visitor import BEFORE, COOKIE
from app.study import Study

COOKIES = (COOKIE, BEFORE, FROM_COOKIE, SEAT_COOKIE, KIOSK_COOKIE)
"""All that a participant's browser is given to keep."""


def add_participants(app: FastAPI, study: Study) -> None:
    """Give an application the participants' page of a study and the routes behind it."""
    app.router.routes.extend(answer_routes(study))  # first what is asked for most
    app.include_router(media_router(study))
    app.include_router(api_router(study))
    app.include_router(kiosk_router(study))
    mount(app, build_page(), "/study", theme=page_theme(), css=PAGE_CSS, head=page_head())
