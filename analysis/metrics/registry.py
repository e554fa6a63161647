"""Registry: the metrics in the order of their columns, and the networks that they hear with.

A network's module, and torch with it, is imported when the network is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from analysis.metrics.basis.metric import Metric
from analysis.metrics.basis.networks import Loader, Network
from analysis.metrics.paired.cdpam import CDPAM
from analysis.metrics.paired.cosines import ENVELOPE_COSINE, LOG_MAGNITUDE_COSINE
from analysis.metrics.paired.log_mel_distance import LOG_MEL_DISTANCE
from analysis.metrics.paired.visqol import VISQOL
from analysis.metrics.unpaired.clap_score import CLAP_SCORE, CLAP_SCORE_FUSED
from analysis.metrics.unpaired.fd_aisfx import FD_AISFX
from analysis.metrics.unpaired.fd_openl3 import FD_OPENL3, FD_OPENL3_48K, FD_OPENL3_MUSIC, FD_OPENL3_MUSIC_48K
from analysis.metrics.unpaired.kad_aisfx import KAD_AISFX
from analysis.metrics.unpaired.kl_passt import KL_PASST, KL_PASST_REFERENCE_GENERATED
from analysis.metrics.unpaired.mini_agreement import MINI_AGREEMENT
from analysis.metrics.unpaired.mini_tags import KL_MINI, RIGHT_CLASS

METRICS: tuple[Metric, ...] = (
    CLAP_SCORE,
    KL_PASST,
    FD_OPENL3,
    FD_AISFX,
    KAD_AISFX,
    MINI_AGREEMENT,
    KL_MINI,
    RIGHT_CLASS,
    VISQOL,
    LOG_MEL_DISTANCE,
    ENVELOPE_COSINE,
    LOG_MAGNITUDE_COSINE,
)

OTHERS: tuple[Metric, ...] = (
    CLAP_SCORE_FUSED,
    KL_PASST_REFERENCE_GENERATED,
    FD_OPENL3_48K,
    FD_OPENL3_MUSIC,
    FD_OPENL3_MUSIC_48K,
    CDPAM,
)
"""Metrics by other conventions of the same names, and such as cost much: measured only where they are named."""


def _clap(weights: Path | None) -> Network:
    from analysis.metrics.networks import clap

    return clap.load(weights)


def _clap_fused(weights: Path | None) -> Network:
    from analysis.metrics.networks import clap

    return clap.load(weights, way=clap.PROCESSOR)


def _aisfx(weights: Path | None) -> Network:
    from analysis.metrics.networks import aisfx

    return aisfx.load(weights)


def _cdpam(weights: Path | None) -> Network:
    from analysis.metrics.networks import cdpam

    return cdpam.load(weights)


def _passt(weights: Path | None) -> Network:
    from analysis.metrics.networks import passt

    return passt.load_passt(weights)


def _openl3(name: str, weights: Path | None) -> Network:
    from analysis.metrics.networks import openl3

    return openl3.load_openl3(name, weights)


LOADERS: Mapping[str, Loader] = {
    "clap": _clap,
    "clap_fused": _clap_fused,
    "aisfx": _aisfx,
    "cdpam": _cdpam,
    "passt": _passt,
    **{name: partial(_openl3, name) for name in ("openl3", "openl3_48k", "openl3_music", "openl3_music_48k")},
}
"""Loaders of networks by name, but for those of the embedded model, which the command line brings."""
