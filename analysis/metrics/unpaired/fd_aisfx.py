"""FD_aisfx: the Frechet distance of a condition's clips, as a set, from the reference's, at infinitely many clips.

Over aisfx's embeddings of blocks of 2.3 seconds (:mod:`analysis.metrics.networks.aisfx`), all blocks of all clips
pooled as stable-audio-metrics pools its frames; 512 dimensions. The value is extrapolated, with an interval over
prompts: :mod:`analysis.metrics.sets.extrapolated`. ``plain`` among the details is the distance of the sets as they are,
which others print, and which compares only with others of the same number of clips; ``line`` is FAD-infinity.

With fewer prompts than 0.6 a dimension, 308, there is no value: it would be of bias more than of distance, which
KAD_aisfx has not; the details still have both numbers. Of two sets of 30 different takes of the sounds that the
embedded model learned, whose distance is 0, they were 226 and 100; of 250, 26 and -4; of 250 and the same takes
coarsely quantized, 154 and 145.

The reference, and why blocks and not the means of clips, are those of
:mod:`analysis.metrics.unpaired.kad_aisfx`. It is not FD_openl3, which has other numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.errors import NoValueError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric, Value
from analysis.metrics.sets.extrapolated import extrapolated_distance, too_few
from analysis.metrics.unpaired.gathering import Gathered, gather


def _of_set(clips: Sequence[Clip], given: Given) -> Value:
    some = gather("aisfx", "frames", clips, given)
    few = _few(some)
    try:
        found = extrapolated_distance(some.generated, some.reference, interval=not few)
    except NoValueError as error:
        return Value(None, n=some.clips, why=few or str(error), details=some.details)
    details = {**some.details, "plain": found.plain, "line": found.line}
    if few:
        return Value(None, n=some.clips, why=few, details={**details, "extrapolated": found.value})
    return Value(found.value, found.low, found.high, some.clips, some.why, details)


def _few(some: Gathered) -> str:
    """Say that there are too few clips, or too few of the reference; empty if neither."""
    sets = ((some.clips, some.generated), (some.reference_clips, some.reference))
    said = [too_few(clips, len(set(each.units)), *each.rows.shape) for clips, each in sets]
    return said[0] or (f"reference: {said[1]}" if said[1] else "")


FD_AISFX = Metric(
    key="fd_aisfx",
    name="FD_aisfx (n → ∞)",
    better="lower",
    low=None,
    high=None,
    needs=frozenset({"reference"}),
    network="aisfx",
    of_set=_of_set,
    note="Extrapolated to infinitely many clips; not printed below 308 prompts, where its bias outweighs it.",
)
