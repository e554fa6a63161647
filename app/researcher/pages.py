"""The researcher's pages beside the one of Gradio's: a session, a clip; the guard lets nobody here unknown."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from app.accounts.roles import person_of
from app.errors import JobError, RequestError
from app.folder import STATIC
from app.live.gate import intact
from app.researcher.files import find_clip
from app.researcher.tabs.excluding import exclude, include
from app.researcher.views.clip import clip_page
from app.researcher.views.session import session_page
from app.researcher.views.spectrogram import spectrogram
from app.study import Study
from app.web.prefix import address

# What the page of a clip runs: the participant's player, with a session of which nothing is kept.
PARTICIPANT, ADMIN = STATIC / "participant", STATIC / "admin" / "scripts"
SCRIPTS = {
    "compare.js": ADMIN / "compare.js",
    "session/session.js": ADMIN / "session.js",
    **{
        name: PARTICIPANT / name
        for name in ("base/address.js", "sound/hearing.js", "sound/output.js", "sound/player.js", "sound/sounds.js")
    },
}


def pages_router(study: Study) -> APIRouter:
    """Build the routes of the pages of single sessions and clips."""
    router = APIRouter()

    def drawn(code: str, problem: str = "", status: int = 200) -> Response:
        found = study.store.results.one(code)
        if found is None:
            raise RequestError(404, "There is no such session. Who withdrew has none.")
        return HTMLResponse(session_page(study.config.name, *found, problem=problem), status)

    def changed(code: str, act: str, reason: str, request: Request) -> Response:
        try:
            if act == "include":
                include(study, person_of(request), [code])
            else:
                exclude(study, person_of(request), [code], reason)
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

    @router.get("/admin/look/{stimulus}")
    def look(stimulus: str) -> Response:
        clip, path = find_clip(study, stimulus)
        assert study.manifest is not None
        return HTMLResponse(clip_page(study.manifest, clip, path, intact(path, clip.sha256)))

    @router.get("/admin/look/{stimulus}/spectrogram.png")
    def picture(stimulus: str) -> Response:
        return Response(spectrogram(find_clip(study, stimulus)[1]).png, media_type="image/png")

    @router.get("/admin/scripts/{name:path}")
    def script(name: str) -> Response:
        if name not in SCRIPTS:
            raise RequestError(404, "There is no such script.")
        return FileResponse(SCRIPTS[name], media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    return router
