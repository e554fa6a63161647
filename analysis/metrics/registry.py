"""Registry: the metrics in the order of their columns, and the networks that they hear with.

A network's module, and torch with it, is imported when the network is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from analysis.metrics.basis.metric import Metric
from analysis.metrics.basis.networks import Loader, Network
from analysis.metrics.paired.log_mel_distance import LOG_MEL_DISTANCE
from analysis.metrics.unpaired.clap_score import CLAP_SCORE, CLAP_SCORE_FUSED
from analysis.metrics.unpaired.mini_agreement import MINI_AGREEMENT
from analysis.metrics.unpaired.mini_tags import KL_MINI, RIGHT_CLASS

METRICS: tuple[Metric, ...] = (
    CLAP_SCORE,
    MINI_AGREEMENT,
    KL_MINI,
    RIGHT_CLASS,
    LOG_MEL_DISTANCE,
)

OTHERS: tuple[Metric, ...] = (CLAP_SCORE_FUSED,)
"""Metrics by other conventions of the same names, measured only where they are named."""


def _clap(weights: Path | None) -> Network:
    from analysis.metrics.networks import clap

    return clap.load(weights)


def _clap_fused(weights: Path | None) -> Network:
    from analysis.metrics.networks import clap

    return clap.load(weights, way=clap.PROCESSOR)


LOADERS: Mapping[str, Loader] = {"clap": _clap, "clap_fused": _clap_fused}
"""Loaders of networks by name, but for those of the embedded model, which the command line brings."""
