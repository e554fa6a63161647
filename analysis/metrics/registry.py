"""Registry: the metrics in the order of their columns, and the networks that they hear with.

A network's module, and torch with it, is imported when the network is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.metrics.basis.metric import Metric
from analysis.metrics.basis.networks import Loader
from analysis.metrics.paired.log_mel_distance import LOG_MEL_DISTANCE

METRICS: tuple[Metric, ...] = (LOG_MEL_DISTANCE,)

LOADERS: Mapping[str, Loader] = {}
"""Loaders of networks by name, but for those of the embedded model, which the command line brings."""
