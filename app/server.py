"""The web application: the participants' page, the researcher's page and the routes beside them."""

import io
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from app.errors import RequestError
from app.gradio_fixes.assets import assets
from app.gradio_fixes.quiet import without_queue
from app.participant.api import api_router
from app.participant.media import media_router
from app.participant.page import PAGE_CSS, build_page, page_theme
from app.researcher.overview import Overview
from app.researcher.page import admin_look, admin_router, build_admin
from app.settings import Settings, load_settings
from app.study import Study
from app.verbs.export import session_columns
from app.web.guard import Guard
from app.web.health import answer_storage_errors, health_router
from app.web.jobs import Job, Rendering
from app.web.login import Login, login_router
from app.web.pages import STATIC, refusal
from db import NotHeard, StudyClosed, UnknownParticipant
from survey import AnswerError, EventRow, RatingRow, Row, SessionRow, write_csv

MOUNT: dict[str, Any] = {
    "footer_links": [],
    "run_history": False,
    "ssr_mode": False,
    "mcp_server": False,
    "enable_monitoring": False,
    "show_error": False,
    "max_file_size": 1,
    "app_kwargs": {"openapi_url": None, "docs_url": None, "redoc_url": None},
}

logger = logging.getLogger(__name__)


def create_app(study_folder: Path, settings: Settings | None = None) -> FastAPI:
    """Build the application that serves one study folder; `app.state.study` is the opened study."""
    study = Study(study_folder, settings or load_settings())
    login = Login(study.secrets, study.store)
    rendering, reporting = Rendering(study.folder, on_end=study.refresh), Job(study.folder, "analyze")
    overview = Overview(study, rendering, reporting)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        rendering.close()
        reporting.close()
        study.close()

    app = FastAPI(title="Earmark", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.study, app.state.rendering, app.state.reporting = study, rendering, reporting
    for page in ("/study", "/admin"):
        app.mount(f"{page}/assets", assets)
    app.include_router(api_router(study))
    app.include_router(media_router(study))
    app.include_router(health_router(study.health))
    app.include_router(login_router(login))
    app.include_router(_files_router(study))
    app.include_router(admin_router(overview))
    _answer_errors(app)
    answer_storage_errors(app, study.health)
    gr.mount_gradio_app(app, without_queue(build_page()), "/study", theme=page_theme(), css=PAGE_CSS, **MOUNT)
    gr.mount_gradio_app(
        app,
        without_queue(build_admin(overview)),
        "/admin",
        **admin_look(),
        auth_dependency=lambda request: "researcher" if login.holds(request) else None,
        **MOUNT,
    )
    app.add_middleware(Guard, login=login, health=study.health)
    return app


def _files_router(study: Study) -> APIRouter:
    router = APIRouter()

    @router.get("/favicon.ico")
    def icon() -> Response:
        return FileResponse(STATIC / "icon.svg", headers={"Cache-Control": "public, max-age=86400"})

    @router.get("/admin/export.csv")
    def export() -> Response:
        return _csv_file("ratings.csv", study.store.results.ratings(), RatingRow)

    @router.get("/admin/sessions.csv")
    def sessions(identities: bool = False) -> Response:
        return _csv_file("sessions.csv", study.store.results.sessions(), SessionRow, session_columns(identities))

    @router.get("/admin/events.csv")
    def events() -> Response:
        return _csv_file("events.csv", study.store.results.events(), EventRow)

    return router


def _csv_file(name: str, rows: Iterable[Row], kind: type, columns: list[str] | None = None) -> Response:
    text = io.StringIO()
    write_csv(text, rows, kind, columns=columns)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


def _answer_errors(app: FastAPI) -> None:
    """Turn every error we know into one line with its status; the guard answers for the rest."""

    @app.exception_handler(RequestError)
    async def request_error(request: Request, error: RequestError) -> Response:
        return refusal(request, error.status, str(error))

    @app.exception_handler(AnswerError)
    async def answer_error(request: Request, error: AnswerError) -> Response:
        return refusal(request, 422, str(error))

    @app.exception_handler(NotHeard)
    @app.exception_handler(StudyClosed)
    @app.exception_handler(UnknownParticipant)
    async def closed(request: Request, error: Exception) -> Response:
        return refusal(request, 409, str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "body"
        return refusal(request, 422, f"{place}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        return refusal(
            request, error.status_code, "There is no such page." if error.status_code == 404 else error.detail
        )
