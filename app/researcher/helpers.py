"""What those see who are no owners: the assistant the participants, never a condition; the reader the report."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from app.accounts.log import note
from app.accounts.roles import PEOPLE, REPORTS, person_of
from app.accounts.shell import page
from app.researcher.overview import Overview
from app.researcher.page import MOST_LINKS, origin_of
from app.researcher.people import FINISHED, UNDER_WAY, count_people, others_in_words, sharing
from db.actions import CLOSED

SHOWN_PEOPLE = 500  # of those who came last


def helpers_router(shown: Overview) -> APIRouter:
    """Build the routes of the assistant's and the reader's page."""
    router, study = APIRouter(), shown.study

    @router.get(PEOPLE)
    def people(request: Request) -> Response:
        return _people(request)

    @router.post(PEOPLE)
    async def invite(request: Request) -> Response:
        given = str((await request.form()).get("count", ""))
        return await run_in_threadpool(_invite, request, given)

    @router.get(REPORTS)
    def reports(request: Request) -> Response:
        made, ended = shown.report_path.is_file(), study.runs.look().state == CLOSED
        name, person = study.config.name, person_of(request)
        return page("reports", "Report", name, person, made=made, ended=ended, problem="", said="")

    def _invite(request: Request, given: str) -> Response:
        if not given.isdecimal() or len(given) > 4 or not 1 <= int(given) <= MOST_LINKS:
            return _people(request, 422, f"Make 1 to {MOST_LINKS} links at once.")
        tokens = study.store.participants.invite(int(given))
        note(study, person_of(request), "invite", links=len(tokens))
        return _people(request, links=[f"{origin_of(request)}/p/{token}" for token in tokens])

    def _people(request: Request, status: int = 200, problem: str = "", links: list[str] | None = None) -> Response:
        newest, there = study.store.revisions.find(), study.store.results.progress()
        count = count_people(there, newest.number if newest else 0)
        values = {
            "people": there[-SHOWN_PEOPLE:],
            "finished": count[FINISHED],
            "under_way": count[UNDER_WAY],
            "others": others_in_words(count),
            "sharing": sharing(there),
            "recruitment": study.config.recruitment,
            "running": study.runs.look(),
            "open": study.plays,
            "links": links or [],
            "most": MOST_LINKS,
            "problem": problem,
            "said": "",
        }
        return page("people", "Participants", study.config.name, person_of(request), status, **values)

    return router
