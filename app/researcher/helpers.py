"""What those see who are no owners: the assistant the participants, never a condition; the reader the report."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from app.accounts.log import note
from app.accounts.roles import LINKS, PEOPLE, REPORTS, person_of
from app.accounts.shell import page
from app.errors import JobError
from app.researcher.overview import Overview
from app.researcher.tabs.excluding import LONGEST_REASON, exclude, include, read_codes
from app.researcher.tabs.linking import LONGEST_LABEL, MOST_LINKS, invited, origin_of, revoked
from app.researcher.views.people import FINISHED, UNDER_WAY, count_people, others_in_words, sharing
from db import Progress
from db.actions import CLOSED
from survey.records import harmless

SHOWN_PEOPLE = 500  # of those who came last
SAVED = {"Content-Disposition": 'attachment; filename="links.csv"', "Cache-Control": "no-store"}


def helpers_router(shown: Overview) -> APIRouter:
    """Build the routes of the assistant's and the reader's page."""
    router, study = APIRouter(), shown.study

    @router.get(PEOPLE)
    def people(request: Request) -> Response:
        return _people(request)

    @router.post(PEOPLE)
    async def change(request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        act = _invite if form.get("do", "make") == "make" else _change
        return await run_in_threadpool(act, request, form)

    @router.get(LINKS)
    def links(request: Request) -> Response:
        note(study, person_of(request), "download", file="links.csv")
        return Response(
            as_csv(origin_of(request), study.store.results.progress()), media_type="text/csv", headers=SAVED
        )

    @router.get(REPORTS)
    def reports(request: Request) -> Response:
        made, ended = shown.report_path.is_file(), study.runs.look().state == CLOSED
        name, person = study.config.name, person_of(request)
        return page("reports", "Report", name, person, made=made, ended=ended, problem="", said="")

    def _invite(request: Request, form: Mapping[str, str]) -> Response:
        given = form.get("count", "")
        if not given.isdecimal() or len(given) > 4 or not 1 <= int(given) <= MOST_LINKS:
            return _people(request, 422, f"Make 1 to {MOST_LINKS} links at once.")
        tokens = invited(study, person_of(request), int(given), form.get("label", ""))
        return _people(request, links=[f"{origin_of(request)}/p/{token}" for token in tokens])

    def _change(request: Request, form: Mapping[str, str]) -> Response:
        person, codes = person_of(request), form.get("codes", "")
        try:
            match form["do"]:
                case "revoke":
                    said = revoked(study, person, codes)
                case "exclude":
                    said = exclude(study, person, read_codes(codes), form.get("reason", ""))
                case "include":
                    said = include(study, person, read_codes(codes))
                case _:
                    return _people(request, 422, "There is nothing of this kind to do.")
        except JobError as error:
            return _people(request, 422, str(error))
        return _people(request, said=said)

    def _people(
        request: Request, status: int = 200, problem: str = "", links: Sequence[str] = (), said: str = ""
    ) -> Response:
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
            "links": links,
            "most": MOST_LINKS,
            "longest": LONGEST_LABEL,
            "longest_reason": LONGEST_REASON,
            "problem": problem,
            "said": said,
        }
        return page("people", "Participants", study.config.name, person_of(request), status, **values)

    return router


def as_csv(origin: str, people: Iterable[Progress]) -> str:
    """Write the personal links, whom each is for and how far they are; one that was taken back is not in its row."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["participant", "for", "stage", "link"])
    for one in people:
        if one.source in ("link", "revoked"):
            link = f"{origin}/p/{one.link}" if one.link else ""
            rows.writerow([one.code, harmless(one.label), one.outcome or one.stage, link])
    return text.getvalue()
