"""A laboratory: one link a seat."""

import re

from fastapi import Request
from fastapi.responses import Response

from app.errors import RequestError
from app.participant.visitor import keep
from app.study import Study

SEAT_COOKIE = "earmark-seat"
SEAT = re.compile(r"[A-Za-z0-9_-]{1,20}")


def seat_of(study: Study, request: Request) -> str | None:
    """Return the seat at which a browser stands in a laboratory, as its link said; None if none did."""
    seat = request.cookies.get(SEAT_COOKIE, "")
    return seat if study.config.recruitment.lab and SEAT.fullmatch(seat) else None


def take_seat(study: Study, request: Request, answer: Response) -> Response:
    """Keep the seat that a link names, for everybody who follows in this browser; without one nothing changes.

    Raises
    ------
    RequestError
        If that is no name of a seat.
    """
    seat = request.query_params.get("seat", "")
    if not seat or not study.config.recruitment.lab:
        return answer
    if not SEAT.fullmatch(seat):
        raise RequestError(400, "seat: write 1 to 20 letters, digits, - or _, such as /join?seat=3")
    return keep(answer, seat, request, SEAT_COOKIE)
