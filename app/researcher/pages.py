"""The researcher's pages beside the one of Gradio's: a session; the guard lets nobody here unknown."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.errors import JobError, RequestError
from app.researcher.excluding import exclude, include
from app.researcher.views.session import session_page
from app.study import Study
from app.web.prefix import address


def pages_router(study: Study) -> APIRouter:
    """Build the routes of the pages of single sessions."""
    router = APIRouter()

    def drawn(code: str, problem: str = "", status: int = 200) -> Response:
        found = study.store.results.one(code)
        if found is None:
            raise RequestError(404, "There is no such session. Who withdrew has none.")
        return HTMLResponse(session_page(study.config.name, *found, problem=problem), status)

    def changed(code: str, act: str, reason: str, request: Request) -> Response:
        try:
            if act == "include":
                include(study, [code])
            else:
                exclude(study, [code], reason)
        except JobError as error:
            return drawn(code, str(error), 400)
        return RedirectResponse(address(request, f"/admin/session/{code}"), 303)

    @router.get("/admin/session/{code}")
    def session(code: str) -> Response:
        return drawn(code)

    @router.post("/admin/session/{code}")
    async def change(code: str, request: Request) -> Response:
        form = await request.form()
        given = str(form.get("act", "")), str(form.get("reason", ""))
        return await run_in_threadpool(changed, code, *given, request)

    return router
