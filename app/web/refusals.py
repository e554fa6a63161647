"""Errors as answers: each that we know becomes one line with its status; the guard answers for the rest."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from app.errors import Refused, RequestError
from app.texts import texts
from app.web.pages import refusal
from db import NotHeard, StudyClosed, UnknownParticipant
from survey import AnswerError


def answer_errors(app: FastAPI, language_of: Callable[[Request], str]) -> None:
    """Answer what a request cannot have, by the errors of the packages; participants in the language of their page."""

    def told(request: Request, status: int, key: str, count: int = 0) -> Response:
        language = language_of(request)
        return refusal(request, status, texts(language)[key].replace("{count}", str(count)), language)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return told(request, error.status, error.key)

    @app.exception_handler(NotHeard)
    async def not_heard(request: Request, error: NotHeard) -> Response:
        return told(request, 409, error.key, error.count)

    @app.exception_handler(StudyClosed)
    async def closed(request: Request, error: StudyClosed) -> Response:
        return told(request, 409, f"closed_{error.reason}")

    @app.exception_handler(UnknownParticipant)
    async def unknown(request: Request, error: UnknownParticipant) -> Response:
        return told(request, 409, "refused_unknown")

    @app.exception_handler(RequestError)
    async def request_error(request: Request, error: RequestError) -> Response:
        return refusal(request, error.status, str(error))

    @app.exception_handler(AnswerError)
    async def answer_error(request: Request, error: AnswerError) -> Response:
        return refusal(request, 422, str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "body"
        return refusal(request, 422, f"{place}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return told(request, 404, "refused_page")
        return refusal(request, error.status_code, error.detail)


def answer_storage_errors(app: FastAPI, failed: Callable[[SQLAlchemyError], bool]) -> None:
    """Answer in one line where the database fails; the page keeps the answer and sends it again."""

    @app.exception_handler(SQLAlchemyError)
    async def storage(request: Request, error: SQLAlchemyError) -> Response:
        if not failed(error):  # the guard logs it
            raise error
        return out_of_order(request)


def out_of_order(request: Request) -> Response:
    """Refuse what cannot be stored or looked up."""
    return refusal(request, 503, "Nothing can be stored at the moment. Please try again in a minute.")
