"""The desk of a server of several studies: how each stands, and the way into it, for who has the server's password."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError

from app.accounts.own import own_router
from app.accounts.roles import Person, person_of
from app.accounts.shell import page
from app.errors import RequestError, UsageError
from app.researcher.login import Login, give_login, login_router
from app.researcher.views.people import FINISHED, UNDER_WAY, count_people
from app.settings import Secrets, Settings, load_secrets
from app.several.entries import Entry
from app.study import Study
from app.texts import preferred, texts
from app.watch.requests import Requests
from app.web.framing import Framing
from app.web.guard import LOGIN, Guard
from app.web.pages import icon_router, refusal
from app.web.prefix import address, mark_here, mark_of
from app.web.refusals import answer_errors, answer_storage_errors
from db import DatabaseUnavailable, Store, database_url, detail_of, fault_of, open_engine
from db.access.logins import FIRST
from db.actions import OPEN
from survey.clips.length import session_trials

FOLDER = ".desk"  # in the folder of the studies: the desk's password and its logins

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """How a study stands: its `state`, answers that count of those `planned`, people who finished and who are there.

    Of one with a `fault` no more is known.
    """

    name: str
    title: str = ""
    state: str = ""
    votes: int = 0
    planned: int = 0
    finished: int = 0
    wanted: int = 0
    now: int = 0
    fault: str = ""


def build_desk(folder: Path, entries: Sequence[Entry], settings: Settings) -> FastAPI:
    """Build the application of the desk, which keeps its own password and logins in the folder of the studies.

    Raises
    ------
    UsageError
        If nothing can be written there.
    """
    store, secrets = open_desk(folder, settings)
    login, title = Login(secrets, store), folder.resolve().name

    def log(person: Person, kind: str, **detail: str) -> None:
        store.actions.add(person.name, kind, detail)

    app = FastAPI(title="Earmark", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.store, app.state.secrets, app.state.login = store, secrets, login
    app.include_router(login_router(login, store))
    app.include_router(own_router(store, secrets, title, log, desk=True))
    app.include_router(_router(title, entries))
    app.include_router(icon_router())
    app.include_router(_closed(entries))
    answer_errors(app, _spoken)
    answer_storage_errors(app, _failed)
    app.add_middleware(
        Guard,
        admit=login.admit,
        kept=lambda request: None,
        failed=_failed,
        framing=Framing(()),
        language_of=_spoken,
        mark=mark_of(secrets, store.scope.study),
    )
    app.add_middleware(Requests)
    for entry in entries:  # what was answered so far is read once, and whoever looks first does not wait for it
        row_of(entry)
    return app


def open_desk(folder: Path, settings: Settings) -> tuple[Store, Secrets]:
    """Open what the desk of a folder of studies keeps of its own: its logins, its log, and its password.

    Raises
    ------
    UsageError
        If nothing can be written there.
    """
    here = folder / FOLDER
    try:
        here.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}); make the folder writable") from error
    secrets = load_secrets(here, settings)
    return Store(open_engine(database_url(here)), "desk", key=secrets.key), secrets


def _router(title: str, entries: Sequence[Entry]) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    def begin(request: Request) -> Response:
        return RedirectResponse(address(request, "/admin/"), 303)

    @router.get("/healthz")
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @router.get("/admin/")
    def desk(request: Request) -> Response:
        rows = [row_of(entry) for entry in entries]
        values = {"rows": rows, "problem": "", "said": ""}
        return page("studies", "Studies", title, person_of(request), 200, **values)

    @router.post("/admin/open")
    async def enter(request: Request) -> Response:
        name = str((await request.form()).get("study", ""))
        return await run_in_threadpool(_enter, request, name)

    def _enter(request: Request, name: str) -> Response:
        """Log who has the server's password into a study, as its first owner; where that takes a code, to its login."""
        app = next((entry.app for entry in entries if entry.name == name), None)
        if app is None:
            raise RequestError(404, "There is no such study.")
        login: Login = app.state.login
        study: Study = app.state.study
        first = study.store.accounts.find(FIRST)
        if first is not None and first.code_seed is not None:
            return RedirectResponse(address(request, f"/{name}{LOGIN}"), 303)
        try:
            token = login.begin()
            study.store.actions.add(person_of(request).name, "log in", {"from": "the desk"})
        except DatabaseUnavailable as error:
            raise RequestError(503, f"The login cannot be stored. {error}") from error
        mark = mark_here(request.scope["headers"], mark_of(study.secrets, study.store.scope.study))
        answer = RedirectResponse(address(request, f"/{name}/admin/"), 303)
        return give_login(answer, request, token, f"/{name}/admin", mark)

    return router


def _closed(entries: Sequence[Entry]) -> APIRouter:
    """Answer whoever comes to a study that could not be opened, so that their page tries again."""
    router, broken = APIRouter(), {entry.name for entry in entries if entry.app is None}

    @router.api_route("/{study}/{rest:path}", methods=["GET", "POST"])
    @router.api_route("/{study}", methods=["GET"])
    def closed(request: Request, study: str, rest: str = "") -> Response:
        language = _spoken(request)
        key, status = ("closed_title", 503) if study in broken else ("refused_page", 404)
        return refusal(request, status, texts(language)[key], language)

    return router


def row_of(entry: Entry) -> Row:
    """Say how a study stands; what its database or its study.yaml fails at is its own line alone."""
    if entry.app is None:
        return Row(entry.name, fault=entry.fault)
    study: Study = entry.app.state.study
    try:
        look, running = study.store.results.watch.look(), study.runs.look()
    except SQLAlchemyError as error:
        if not study.health.take(error):
            raise
        return Row(entry.name, study.config.name, fault=f"{fault_of(error)}; its own page says more")
    count = count_people(look.people, look.revision)
    counted = [one for one in look.people if one.counted and one.revision == look.revision]
    return Row(
        entry.name,
        study.config.name,
        _state(study, running.state),
        sum(one.answered for one in counted),
        running.target * session_trials(study.config, study.manifest),
        count[FINISHED],
        running.target,
        count[UNDER_WAY],
    )


def _state(study: Study, state: str) -> str:
    if state != OPEN or study.ready:
        return state
    return "clips refused" if study.manifest else "no clips yet"


def _failed(error: SQLAlchemyError) -> bool:
    """Say whether the desk's own database made an error, and log that."""
    words = fault_of(error)
    if words:
        logger.error("the desk: %s (%s)", words, detail_of(error))
    return bool(words)


def _spoken(request: Request) -> str:
    return preferred(request.headers.get("accept-language", ""))
