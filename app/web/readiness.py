"""The route for probes: whether the study can be taken part in."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from app.live.health import CLIPS, DATABASE, Health


def health_router(health: Health) -> APIRouter:
    """Build the route that says whether the study can be taken part in."""
    router = APIRouter()

    @router.api_route("/readyz", methods=["GET", "HEAD"])
    def ready() -> Response:
        found = health.look()
        parts: dict[str, Any] = dict.fromkeys((DATABASE, CLIPS), "ok") | {fault.part: fault.words for fault in found}
        return JSONResponse({"ready": not found, **parts}, 503 if found else 200)

    return router
