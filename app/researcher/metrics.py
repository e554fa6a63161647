"""What Prometheus reads of a study that is served: how it stands, what was answered, how long that took."""

import hmac
from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from app.live.health import CLIPS, DATABASE
from app.researcher.login import Login
from app.study import Study
from app.watch.counters import counted
from db.results.standing import standing

METRICS = "/admin/metrics"


def admit_or_scrape(study: Study, login: Login, request: Request, path: str) -> Response | None:
    """Admit a program that may read the metrics to these; all else under /admin is the login's to admit."""
    token = study.secrets.metrics_token
    if token and path == METRICS:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # A header is Latin-1, as the token need not be.
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), token.encode()):
            return None
    return login.admit(request, path)


def metrics_router(study: Study) -> APIRouter:
    """Build the route for the metrics; the guard lets nobody here who has neither login nor token."""
    router = APIRouter()

    @router.get(METRICS)
    def metrics() -> Response:
        registry = counted()
        registry.register(_OfStudy(study))
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router


class _OfStudy(Collector):
    """How a study stands: by its database, which all processes share, and by what this process serves."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges; those of the database are left out while it cannot be read."""
        study = self._study
        yield GaugeMetricFamily("earmark_open", "Whether the launch gate lets people in.", value=study.ready)
        problems = len(study.problems)
        yield GaugeMetricFamily("earmark_gate_problems", "What the launch gate says against the clips.", value=problems)
        wrong = {fault.part for fault in (*study.health.look(), *study.health.known())}
        works = GaugeMetricFamily("earmark_works", "Whether a part is in order.", labels=["part"])
        for part in (DATABASE, CLIPS):
            works.add_metric([part], part not in wrong)
        yield works
        try:
            stands = standing(study.store.scope)
        except SQLAlchemyError as error:
            if not study.health.take(error):
                raise
            return
        yield GaugeMetricFamily("earmark_answers", "Answers to clips that are stored.", value=stands.answers)
        sessions = GaugeMetricFamily("earmark_sessions", "Sessions by the stage that they are in.", labels=["stage"])
        for stage, count in sorted(stands.sessions.items()):
            sessions.add_metric([stage], count)
        yield sessions
