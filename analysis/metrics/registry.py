"""Registry: the metrics in the order of their columns, and the networks that they hear with.

A network's module, and torch with it, is imported when the network is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from analysis.metrics.basis.metric import Metric
from analysis.metrics.basis.networks import Loader, Network
from analysis.metrics.paired.cdpam import CDPAM
from analysis.metrics.paired.cosines import ENVELOPE_COSINE, LOG_MAGNITUDE_COSINE
from analysis.metrics.paired.log_mel_distance import LOG_MEL_DISTANCE
from analysis.metrics.paired.visqol import VISQOL

METRICS: tuple[Metric, ...] = (VISQOL, LOG_MEL_DISTANCE, ENVELOPE_COSINE, LOG_MAGNITUDE_COSINE)

OTHERS: tuple[Metric, ...] = (CDPAM,)
"""Metrics that are measured only where they are named, for what they cost."""


def _cdpam(weights: Path | None) -> Network:
    from analysis.metrics.networks import cdpam

    return cdpam.load(weights)


LOADERS: Mapping[str, Loader] = {"cdpam": _cdpam}
"""Loaders of networks by name, but for those of the embedded model, which the command line brings."""
