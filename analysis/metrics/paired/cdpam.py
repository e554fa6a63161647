"""CDPAM: a learned distance between a clip and its full-precision twin, trained on what people could tell apart.

The network and its front end are those of `networks/cdpam.py`; the distance is the sum of absolute differences of the
weighted outputs of its four linear layers, of which each clip has 340. 0 for equal clips; no upper end. Each clip is
averaged over its own length, and loudness is part of the distance.

Validated on speech: its listeners compared recordings of speech under noise, reverberation, equalization and codecs
of a second or two. What it says of other sounds is extrapolated. Sixteen wide convolutions at 22 kHz cost 17 seconds of
a core for each 10 s of sound, so it is measured only where it is named.
"""

from __future__ import annotations

import numpy as np

from analysis.errors import NoValueError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric
from analysis.metrics.paired.twins import check_lengths


def _of_clip(clip: Clip, given: Given) -> float:
    twin = given.twin(clip)
    try:
        other = given.heard("cdpam", twin)
    except NoValueError as error:
        raise NoValueError(f"its full-precision twin: {error}") from error
    one = given.heard("cdpam", clip)
    check_lengths(float(one["seconds"][0]), float(other["seconds"][0]))
    return float(np.abs(one["layers"].astype(np.float64) - other["layers"].astype(np.float64)).sum())


CDPAM = Metric(
    key="cdpam",
    name="CDPAM distance to full precision",
    better="lower",
    low=0.0,
    high=None,
    needs=frozenset({"twin"}),
    network="cdpam",
    of_clip=_of_clip,
    note="CDPAM was validated on speech of a second or two.",
)
