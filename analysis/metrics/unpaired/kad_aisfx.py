"""KAD_aisfx: how far a condition's clips lie, as a set, from the reference's, without the bias of few clips.

The kernel distance of :mod:`analysis.metrics.sets.kernel` over aisfx's embeddings of blocks of 2.3 seconds
(:mod:`analysis.metrics.networks.aisfx`), times 100, with the median distance of the reference's blocks as bandwidth.
0 is no distance, and below 0 none that could be told from it.

Blocks, not the means of clips: a mean over a longer clip varies less, so that clips of other lengths would lie apart
though they sound the same. Blocks of a clip are alike, and clips of a prompt, therefore no pair within a prompt counts,
and the interval is over prompts. The reference is real audio where a folder of it is given, else the full-precision
model's clips of the same noise, from which a condition that changes nothing lies at 0; that model's own clips then have
no value. ``pooled`` among the details is the number in kadtk's way, with every pair; ``extrapolated`` is KAD-infinity,
which differs from the value by noise alone. It is no other network's KAD: kadtk has no aisfx.

Of two sets of 30 different takes of the sounds that the embedded model learned it was 1.9, from -1.4 to 5.2; of 250,
-0.0, from -0.2 to 0.2. Of 30, 100, 200 and 250 takes and the same ones coarsely quantized: 7.7, 7.9, 8.4 and 7.9.
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric, Value
from analysis.metrics.sets.kernel import kernel_at_infinity, kernel_distance
from analysis.metrics.unpaired.gathering import gather


def _of_set(clips: Sequence[Clip], given: Given) -> Value:
    some = gather("aisfx", "frames", clips, given)
    found = kernel_distance(some.generated, some.reference)
    details = {**some.details, "bandwidth": found.bandwidth, "pooled": found.pooled}
    if min(len(set(each.units)) for each in (some.generated, some.reference)) >= 12:
        details["extrapolated"] = kernel_at_infinity(some.generated, some.reference, found.bandwidth)
    return Value(found.value, found.low, found.high, some.clips, some.why, details)


KAD_AISFX = Metric(
    key="kad_aisfx",
    name="KAD_aisfx (×100)",
    better="lower",
    low=None,
    high=None,
    needs=frozenset({"reference"}),
    network="aisfx",
    of_set=_of_set,
    note="Unbiased at any number of clips; may fall below 0, which is no distance.",
)
