"""The page that launches, pauses, closes and extends a study; what it does is a line of the log."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from app.accounts.roles import person_of
from app.accounts.shell import page
from app.study import Study
from db.actions import AFTER, CLOSED, EXTEND, OPEN, PAUSED

STATES = {
    OPEN: "Whoever has a link may begin, as long as places are left.",
    PAUSED: "Nobody new may begin. Who is under way may finish.",
    CLOSED: "Nobody may begin or go on. What was answered is kept, and readers may open the report.",
}


def states_router(study: Study) -> APIRouter:
    """Build the routes of the page."""
    router = APIRouter()

    @router.get("/admin/state")
    def show(request: Request) -> Response:
        return _shown(request)

    @router.post("/admin/state")
    async def change(request: Request) -> Response:
        form = await request.form()
        return await run_in_threadpool(_change, request, str(form.get("do", "")), str(form.get("by", "")))

    def _change(request: Request, do: str, by: str) -> Response:
        if do not in (*AFTER, EXTEND):
            return _shown(request, 422, "There is nothing of this kind to do.")
        number = int(by) if by.isdecimal() and len(by) < 8 else 0
        problem = study.runs.run(person_of(request).name, do, number)
        return _shown(request, 409 if problem else 200, problem and f"{problem[:1].upper()}{problem[1:]}.")

    def _shown(request: Request, status: int = 200, problem: str = "") -> Response:
        running = study.runs.look()
        shown = {"running": running, "states": STATES, "ready": study.ready, "problem": problem, "said": ""}
        return page("state", "Open, pause, close", study.config.name, person_of(request), status, **shown)

    return router
