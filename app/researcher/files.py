"""The researcher's files: clips, the report, and what the store holds as CSV; the guard lets nobody here unknown."""

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, RedirectResponse, Response, StreamingResponse

from app.accounts.log import note
from app.accounts.roles import READER, person_of
from app.accounts.shell import page
from app.errors import RequestError
from app.privacy import session_columns
from app.researcher.overview import Overview
from app.researcher.packing import pack
from app.researcher.page import PEEKING
from app.study import Study
from app.verbs.results.tables import FORMATS
from app.web.prefix import address
from db.actions import CLOSED, PEEK
from survey import Clip, EventRow, RatingRow, Row, SessionRow, write_csv

Format = Annotated[str, Query(alias="format", pattern=f"^({'|'.join(one[1:] for one in FORMATS)})$")]
PIECE = 1 << 20  # bytes of a file that are sent at once


def files_router(shown: Overview) -> APIRouter:
    """Build the routes for the researcher's files."""
    router, study = APIRouter(), shown.study

    @router.get("/admin/export.csv")
    def export(request: Request) -> Response:
        note(study, person_of(request), "download", file="ratings.csv")
        return _csv_file("ratings.csv", study.store.results.ratings(), RatingRow)

    @router.get("/admin/sessions.csv")
    def sessions(request: Request, identities: bool = False) -> Response:
        note(study, person_of(request), "download", file="sessions.csv", identities=identities)
        return _csv_file("sessions.csv", study.store.results.sessions(), SessionRow, session_columns(identities))

    @router.get("/admin/events.csv")
    def events(request: Request) -> Response:
        note(study, person_of(request), "download", file="events.csv")
        return _csv_file("events.csv", study.store.results.events(), EventRow)

    @router.get("/admin/export.zip")
    async def everything(request: Request, form: Format = "csv") -> Response:
        await run_in_threadpool(note, study, person_of(request), "download", file="export.zip", format=form)
        packed = await pack(study.folder, form, request.is_disconnected)
        size = os.fstat(packed.fileno()).st_size
        headers = {"Content-Disposition": f'attachment; filename="{form}.zip"', "Content-Length": str(size)}
        return StreamingResponse(_pieces(packed), media_type="application/zip", headers=headers)

    @router.api_route("/admin/clip/{stimulus}", methods=["GET", "HEAD"])
    def clip(stimulus: str) -> Response:
        _, path = find_clip(study, stimulus)
        return FileResponse(path, media_type="audio/flac", headers={"Cache-Control": "private, no-cache"})

    @router.api_route("/admin/report.html", methods=["GET", "HEAD"])
    def report(request: Request) -> Response:
        if person_of(request).role == READER and study.runs.look().state != CLOSED:
            raise RequestError(404, "The report can be read once the study is closed.")
        if not shown.report_path.is_file():
            raise RequestError(404, "There is no report yet. Make it on the researcher’s page.")
        looks = study.store.actions.looks()
        if looks.running and not looks.asked:  # it was made before the study was launched again, or unasked
            return page("peek", "Report", study.config.name, person_of(request), problem="", said="", warning=PEEKING)
        if request.method == "GET":
            note(study, person_of(request), "open report")
        return FileResponse(shown.report_path, media_type="text/html", headers={"Cache-Control": "no-store"})

    @router.post("/admin/report.html")
    def peek(request: Request) -> Response:
        if study.store.actions.looks().running:
            study.store.actions.add(person_of(request).name, PEEK)  # what cannot be logged is not shown
        return RedirectResponse(address(request, "/admin/report.html"), 303)

    return router


def find_clip(study: Study, stimulus: str) -> tuple[Clip, Path]:
    """Return a clip of the manifest and its file.

    Raises
    ------
    RequestError
        If there is none, or it lies elsewhere.
    """
    clips = study.manifest.clips if study.manifest else ()
    clip = next((clip for clip in clips if clip.stimulus == stimulus), None)
    path = (study.clips / clip.file).resolve() if clip else None
    if clip is None or path is None or not path.is_relative_to(study.clips.resolve()) or not path.is_file():
        raise RequestError(404, "The study has no such clip.")
    return clip, path


def _csv_file(name: str, rows: Iterable[Row], kind: type, columns: list[str] | None = None) -> Response:
    text = io.StringIO()
    write_csv(text, rows, kind, columns=columns)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
