"""The routes that are asked with every clip: the answer to it, and what happened on the page meanwhile.

pydantic reads their bodies in one step: FastAPI's way of reading a request takes longer than all else that these do
beside the database.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, get_type_hints

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.routing import BaseRoute, request_response

from app.errors import RequestError
from app.participant.media import names
from app.participant.state import shown
from app.participant.visitor import NO_NUL, going, known, minted_of
from app.study import Study
from app.web.throttle import Throttle
from db import MAX_DETAIL, Answer, TrialView
from survey.trials.questions import MAX_ANSWER

EVENTS = [(30, 1.0), (300, 60.0)]  # of one participant; nobody's hands are quicker

EventKind = Literal[
    "play",
    "ended",
    "pause",
    "seek",
    "stall",
    "error",
    "no_output",
    "no_volume",
    "hidden",
    "visible",
    "offline",
    "online",
    "break",
    "back",
]


class RatingBody(BaseModel):
    """An answer with how the clips were listened to."""

    model_config = ConfigDict(extra="forbid", strict=True)
    media: str = Field(max_length=100)
    score: Any
    plays: int = Field(ge=0, le=10_000)
    heard_seconds: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    response_ms: int = Field(ge=0, le=2**31 - 1)
    comment: str = Field(default="", max_length=MAX_ANSWER, pattern=NO_NUL)
    revises: bool = False
    each: list[Annotated[int, Field(ge=0, le=10_000)]] = Field(default=[], max_length=100)


class EventBody(BaseModel):
    """Something that happened on the page."""

    model_config = ConfigDict(extra="forbid", strict=True)
    kind: EventKind
    position: int | None = Field(default=None, ge=1, le=10_000)
    detail: dict[
        Annotated[str, Field(max_length=40, pattern=NO_NUL)],
        Annotated[str, Field(max_length=200, pattern=NO_NUL)]
        | Annotated[float, Field(allow_inf_nan=False)]
        | bool
        | None,
    ] = Field(default_factory=dict, max_length=10)


class BodyRoute(APIRoute):
    """A route of a function that takes a `body` and the `request`: what it takes is told as by any route of FastAPI's.

    Nothing is looked for beside the body: no parameters, no dependencies.
    """

    def __init__(self, path: str, endpoint: Callable[..., Awaitable[Response]], **facts: Any) -> None:
        super().__init__(path, endpoint, **facts)
        self._kind: type[BaseModel] = get_type_hints(endpoint)["body"]
        self.app = request_response(self._answer)

    async def _answer(self, request: Request) -> Response:
        content = await request.body()
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RequestError(422, "body: must be JSON, with the header Content-Type: application/json")
        try:
            body = self._kind.model_validate_json(content)
        except ValidationError as error:
            raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None
        answer: Response = await self.endpoint(body, request)
        return answer


def answer_routes(study: Study) -> list[BaseRoute]:
    """Build the routes; routing tries one after the other, so that they come first."""
    router = APIRouter(route_class=BodyRoute)
    often = Throttle(EVENTS)  # of each process: it spares the database, which counts the bytes of the log

    async def known_soon(request: Request) -> str:
        return minted_of(study, request) or await run_in_threadpool(known, study, request)

    async def going_soon(request: Request) -> str:
        token = "" if study.runs.stale or study.runs.bars("trials") else minted_of(study, request)
        return token or await run_in_threadpool(going, study, request)

    @router.post("/api/rate")
    async def rate(body: RatingBody, request: Request) -> Response:
        def meant(trial: TrialView) -> bool:  # else it is of an old tab, which learns where the session stands
            return names(study, trial, body.media)

        answer = Answer(
            meant,
            score=body.score,
            plays=body.plays,
            heard_seconds=body.heard_seconds,
            response_ms=body.response_ms,
            comment=body.comment,
            revises=body.revises,
            each=tuple(body.each),
        )
        state = await study.store.sessions.rated(await going_soon(request), answer)
        if state.stage == "done":  # the last page looks into the database
            return await run_in_threadpool(shown, study, request, state)
        return shown(study, request, state)

    @router.post("/api/event")
    async def event(body: EventBody, request: Request) -> Response:
        token = await known_soon(request)
        if len(json.dumps(body.detail)) > MAX_DETAIL:
            raise RequestError(413, f"detail: longer than {MAX_DETAIL} bytes")
        if body.kind != "error" and often.take(token):  # a fault is what skipping a clip needs
            return Response(status_code=429)
        await study.store.events.logged(token, body.kind, body.position, dict(body.detail))
        return Response(status_code=204)

    return router.routes
