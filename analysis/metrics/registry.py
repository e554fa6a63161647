"""Registry: the metrics in the order of their columns, and the networks that they hear with.

A network's module, and torch with it, is imported when the network is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.metrics.basis.metric import Metric
from analysis.metrics.basis.networks import Loader
from analysis.metrics.paired.log_mel_distance import LOG_MEL_DISTANCE
from analysis.metrics.unpaired.mini_agreement import MINI_AGREEMENT
from analysis.metrics.unpaired.mini_tags import KL_MINI, RIGHT_CLASS

METRICS: tuple[Metric, ...] = (MINI_AGREEMENT, KL_MINI, RIGHT_CLASS, LOG_MEL_DISTANCE)

LOADERS: Mapping[str, Loader] = {}
"""Loaders of networks by name, but for those of the embedded model, which the command line brings."""
