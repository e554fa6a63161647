"""Where a study is rehearsed: the participants' own application, mounted for researchers under /admin/preview."""

import threading
from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.participant.application import add_participants
from app.participant.arrival import language_of
from app.rehearsal.banner import Banner
from app.rehearsal.scratch import Scratch
from app.rehearsal.study import Rehearsed
from app.study import Study
from app.web.framing import Framing
from app.web.guard import Guard
from app.web.pages import refusal
from app.web.refusals import answer_errors, answer_storage_errors
from survey.config.session import LANGUAGES

LANGUAGE_COOKIE = "earmark-language"
Headers = Sequence[tuple[bytes, bytes]]


class Stage:
    """ASGI application in which a study is rehearsed; it is built when somebody first does.

    Whoever comes here was let in by the guard of the application that it is mounted in.

    Parameters
    ----------
    scratch
        Where rehearsals are kept; without one, a folder is made that goes when this is closed.
    """

    def __init__(self, study: Study, scratch: Scratch | None = None) -> None:
        self._study, self._given = study, scratch
        self._own: Scratch | None = None
        self._opening = threading.Lock()
        self._rehearsed: Rehearsed | None = None
        self._app: ASGIApp | None = None

    def open(self) -> Rehearsed:
        """Return the study as it is rehearsed."""
        with self._opening:
            if self._rehearsed is None:
                scratch = self._given or Scratch()
                self._own = None if self._given else scratch
                self._rehearsed = Rehearsed(self._study, scratch.folder)
            return self._rehearsed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the study would, below the address of the preview."""
        app = self._app
        if app is None:
            app = await run_in_threadpool(self._built)
        headers = spoken(scope["headers"])
        await app({**scope, "app_root_path": scope["root_path"], "headers": headers}, receive, send)

    def close(self) -> None:
        """Throw away all that was kept."""
        with self._opening:
            if self._rehearsed is not None:
                self._rehearsed.close()
            if self._own is not None:
                self._own.close()

    def _built(self) -> ASGIApp:
        study = self.open()
        with self._opening:
            if self._app is None:
                self._app = _application(study)
            return self._app


def _application(study: Rehearsed) -> FastAPI:
    app = FastAPI(title="Earmark", openapi_url=None, docs_url=None, redoc_url=None)
    add_participants(app, study)

    def spoken(request: Request) -> str:
        return language_of(study.config, request)

    def nobody(request: Request, path: str) -> Response:
        return refusal(request, 404, "There is no such page.")

    answer_errors(app, spoken)
    answer_storage_errors(app, study.health.take)
    app.add_middleware(Banner)
    framing = Framing(())  # what lies under /admin is framed by nobody
    app.add_middleware(
        Guard, admit=nobody, kept=lambda request: None, failed=study.health.take, framing=framing, language_of=spoken
    )
    return app


def spoken(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return headers with the language that was chosen for the preview, if one was, in place of the browser's."""
    chosen = Request({"type": "http", "headers": headers}).cookies.get(LANGUAGE_COOKIE)
    if chosen not in LANGUAGES:
        return list(headers)
    return [(name, value) for name, value in headers if name != b"accept-language"] + [
        (b"accept-language", chosen.encode())
    ]
