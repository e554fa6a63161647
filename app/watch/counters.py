"""What a server counts while it runs, for Prometheus; several workers count in files, and are summed when asked.

A process counts once, however many applications it builds: they are tests.
"""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from app.watch.summing import FOLDER

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

REQUESTS = Counter("earmark_requests", "Requests answered.", ("method", "route", "status"), registry=None)
TOOK = Histogram(
    "earmark_request_seconds",
    "Seconds from a request's head to the last byte of its answer.",
    ("route",),
    buckets=SECONDS,
    registry=None,
)
CLIPS = Counter("earmark_clips_served", "Clips sent to listeners from their beginning.", registry=None)
FAULTS = Counter("earmark_database_faults", "Requests that the database failed.", registry=None)


def counted() -> CollectorRegistry:
    """Return what was counted by all processes that serve."""
    registry = CollectorRegistry()
    if FOLDER in os.environ:
        MultiProcessCollector(registry)
    else:
        for one in (REQUESTS, TOOK, CLIPS, FAULTS):
            registry.register(one)
    return registry
