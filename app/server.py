"""The web application: the participants' page, the researcher's page and the routes beside them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from app.accounts.log import note
from app.accounts.own import own_router
from app.accounts.pages import accounts_router
from app.accounts.roles import person_of
from app.gradio_fixes.mounting import mount
from app.participant.application import add_participants
from app.participant.arrival import language_of
from app.participant.kiosk import kiosk_of
from app.rehearsal.pages import add_rehearsal
from app.rehearsal.scratch import Scratch
from app.rehearsal.stage import Stage
from app.researcher.files import files_router
from app.researcher.helpers import helpers_router
from app.researcher.jobs import Job, Rendering
from app.researcher.login import Login, login_router
from app.researcher.metrics import admit_or_scrape, metrics_router
from app.researcher.overview import Overview
from app.researcher.page import admin_look, build_admin
from app.researcher.pages import pages_router
from app.researcher.states import states_router
from app.settings import Settings, load_settings
from app.study import Study
from app.watch.requests import Requests
from app.web.framing import Framing
from app.web.guard import Guard
from app.web.pages import icon_router
from app.web.prefix import mark_of
from app.web.readiness import health_router
from app.web.refusals import answer_errors, answer_storage_errors


def create_app(study_folder: Path, settings: Settings | None = None, scratch: Scratch | None = None) -> FastAPI:
    """Build the application that serves one study folder; `app.state.study` is the opened study.

    Researchers rehearse it in the ``scratch`` folder, which processes that serve one study share.
    """
    study = Study(study_folder, settings or load_settings())
    login = Login(study.secrets, study.store)
    rendering, reporting = Rendering(study.folder, on_end=study.refresh), Job(study.folder, "analyze")
    overview, stage = Overview(study, rendering, reporting), Stage(study, scratch)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        reading = asyncio.create_task(asyncio.to_thread(_read, study))
        yield
        await reading
        rendering.close()
        reporting.close()
        stage.close()
        study.close()

    app = FastAPI(title="Earmark", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.study, app.state.login = study, login
    app.state.rendering, app.state.reporting = rendering, reporting
    add_participants(app, study)
    app.include_router(health_router(study.health))
    app.include_router(login_router(login, study.store))
    app.include_router(own_router(study.store, study.secrets, study.config.name, partial(note, study)))
    app.include_router(accounts_router(study))
    app.include_router(helpers_router(overview))
    app.include_router(states_router(study))
    app.include_router(files_router(overview))
    app.include_router(pages_router(study))
    app.include_router(metrics_router(study))
    app.include_router(icon_router())
    spoken = partial(language_of, study.config)
    answer_errors(app, spoken)
    answer_storage_errors(app, study.health.take)
    add_rehearsal(app, study, stage)
    mount(
        app,
        build_admin(overview),
        "/admin",
        **admin_look(),
        auth_dependency=lambda request: person_of(request).name,  # the guard lets nobody else come this far
    )
    kept = partial(kiosk_of, study)
    framing = Framing(study.config.recruitment.embed)
    admit = partial(admit_or_scrape, study, login)
    mark = mark_of(study.secrets, study.store.scope.study)
    app.add_middleware(
        Guard, admit=admit, kept=kept, failed=study.health.take, framing=framing, language_of=spoken, mark=mark
    )
    app.add_middleware(Requests)
    return app


def _read(study: Study) -> None:
    """Read what was answered so far, which takes seconds in a large study, before anybody opens the desk."""
    with suppress(SQLAlchemyError):  # whoever opens it is told
        study.store.results.watch.look()
