"""FD_openl3: Frechet distance of what OpenL3 hears in clips from what it hears in a reference set.

The paper's and that of stable-audio-metrics: OpenL3 mel256, 512 numbers, of ``env``; 44.1 kHz; left and right apart and
side by side, 1,024 numbers a frame of one second, a frame each half second. The frames of all clips of a set are pooled
without a mean a clip; their means and covariances (n - 1) give |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^1/2). Nothing is
added to the covariances. The reference is real audio where that was given, else the moments that were published of a
set, else the full-precision clips. Others by the same name take ``music``, 48 kHz, mono, or the mean of each clip: the
first two are offered by names of their own. stable-audio-metrics without its ``batching`` mixes to mono unsaid.

The value is that of the sets as they are, as the paper prints it, which lies above the distance of the distributions,
the more the fewer clips: compare equal numbers of clips alone. Among the details are ``extrapolated`` and ``line``, the
distance at infinitely many clips (:mod:`analysis.metrics.sets.extrapolated`). With fewer prompts than 0.6 a dimension,
615, there is no value, only details: it would be that of its bias. Source: ``src/openl3_fd.py`` of
stable-audio-metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from analysis.errors import NoValueError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric, Value
from analysis.metrics.basis.published import PublishedMoments
from analysis.metrics.sets.extrapolated import extrapolated_distance, too_few
from analysis.metrics.sets.frechet import Moments
from analysis.metrics.sets.vectors import Vectors
from analysis.metrics.unpaired.gathering import Gathered, gather, gather_alone

KEY = "frames"


def _of_set(network: str, clips: Sequence[Clip], given: Given) -> Value:
    published = given.published.moments.get(network)
    if published is not None and given.real is None:
        return _from_published(network, clips, given, published)
    some = gather(network, KEY, clips, given)
    return _value(some.generated, some.reference, some.clips, _few(some), some.why, some.details)


def _from_published(network: str, clips: Sequence[Clip], given: Given, published: PublishedMoments) -> Value:
    vectors, heard, without = gather_alone(network, KEY, clips, given)
    # Of how many frames they are is not published, and the distance does not ask.
    reference = Moments(0, published.mean, published.covariance)
    few = too_few(heard, len(set(vectors.units)), *vectors.rows.shape)
    said = "; ".join([f"against {published.file}", *([without] if without else [])])
    details = {"blocks": len(vectors.rows), "dimension": vectors.rows.shape[1]}
    return _value(vectors, reference, heard, few, said, details)


def _value(
    generated: Vectors, reference: Vectors | Moments, clips: int, few: str, why: str, details: dict[str, float]
) -> Value:
    try:
        found = extrapolated_distance(generated, reference, interval=False)
    except NoValueError as error:
        return Value(None, n=clips, why=few or str(error), details=details)
    details = {**details, "extrapolated": found.value, "line": found.line}
    if few:
        return Value(None, n=clips, why=few, details={**details, "plain": found.plain})
    return Value(max(0.0, found.plain), n=clips, why=why, details=details)


def _few(some: Gathered) -> str:
    """Say that there are too few clips, or too few of the reference; empty if neither."""
    sets = ((some.clips, some.generated), (some.reference_clips, some.reference))
    said = [too_few(clips, len(set(each.units)), *each.rows.shape) for clips, each in sets]
    return said[0] or (f"reference: {said[1]}" if said[1] else "")


def _metric(key: str, name: str, network: str) -> Metric:
    return Metric(
        key=key,
        name=name,
        better="lower",
        low=0.0,
        high=None,
        needs=frozenset({"reference", "weights"}),
        network=network,
        of_set=partial(_of_set, network),
        note="As the paper's, biased upwards by the number of clips: not printed below 615 prompts.",
    )


FD_OPENL3 = _metric("fd_openl3", "FD_openl3 (env, 44.1 kHz, stereo)", "openl3")
FD_OPENL3_48K = _metric("fd_openl3_48k", "FD_openl3 (env, 48 kHz, stereo)", "openl3_48k")
FD_OPENL3_MUSIC = _metric("fd_openl3_music", "FD_openl3 (music, 44.1 kHz, stereo)", "openl3_music")
FD_OPENL3_MUSIC_48K = _metric("fd_openl3_music_48k", "FD_openl3 (music, 48 kHz, stereo)", "openl3_music_48k")
