"""FD_openl3: Frechet distance of what OpenL3 hears in clips from what it hears in a reference set.

The paper's and that of stable-audio-metrics: OpenL3 mel256, 512 numbers, of ``env``; 44.1 kHz; left and right apart and
side by side, 1,024 numbers a frame of one second, a frame each half second. The frames of all clips of a set are pooled
without a mean a clip; their means and covariances (n - 1) give |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^1/2). Nothing is
added to the covariances. The reference is real audio where that was given, else the moments that were published of a
set, else the full-precision clips. Others by the same name take ``music``, 48 kHz, mono, or the mean of each clip: the
first two are offered by names of their own. stable-audio-metrics without its ``batching`` mixes to mono unsaid.

The estimate lies above the distance of the distributions, the more the fewer frames: compare equal numbers of clips. At
or below as many frames as numbers (52 clips of 10 s) a covariance is singular, and no value is given. Source:
``src/openl3_fd.py`` of stable-audio-metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from analysis.errors import NoValueError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric, Value
from analysis.metrics.basis.networks import Array
from analysis.metrics.sets.frechet import Moments, frechet_distance

AT_ONCE = 4096  # frames, so that all of a test set's need not be held


def pooled(frames: Iterable[Array]) -> Moments:
    """Take the moments of all frames of arrays (frames, width), some thousand at a time.

    Raises
    ------
    NoValueError
        If there are fewer than two.

    Examples
    --------
    >>> found = pooled([np.array([[0.0], [2.0]]), np.array([[4.0]])])
    >>> found.n, found.mean.tolist(), found.covariance.tolist()
    (3, [2.0], [[4.0]])
    """
    found: Moments | None = None
    waiting: list[Array] = []
    for some in frames:
        waiting.append(some)
        if sum(map(len, waiting)) >= AT_ONCE:
            found, waiting = _with(found, np.concatenate(waiting)), []
    if waiting:
        found = _with(found, np.concatenate(waiting))
    if found is None or found.n < 2:
        raise NoValueError("a set needs two frames or more")
    return found


def _with(found: Moments | None, rows: Array) -> Moments:
    """Join frames to those that are counted; one alone has no covariance, and none is needed to join it."""
    width = rows.shape[1]
    more = Moments.of(rows) if len(rows) > 1 else Moments(1, rows[0].astype(np.float64), np.zeros((width, width)))
    return more if found is None else found.joined(more)


def _heard(network: str, clips: Sequence[Clip], given: Given, what: str) -> Moments:
    moments = pooled(given.heard(network, clip)["frames"] for clip in clips)
    width = len(moments.mean)
    if moments.n <= width:
        raise NoValueError(
            f"{what}: {moments.n:,} frames of {len(clips):,} clips are too few for a Frechet distance in {width:,} "
            f"dimensions, more than {width:,} are needed; a kernel distance has no such bound"
        )
    return moments


def _of_set(network: str, clips: Sequence[Clip], given: Given) -> Value:
    published = given.published.moments.get(network)
    if published is not None and given.real is None:
        # Of how many frames they are is not published, and the distance does not ask.
        reference, against = Moments(0, published.mean, published.covariance), f"against {published.file}"
    else:
        if given.real is None and any(one.condition == clips[0].condition for one in given.reference):
            raise NoValueError("the reference is these clips themselves")
        reference, against = _heard(network, given.reference, given, "the reference"), ""
    generated = _heard(network, clips, given, "the clips")
    return Value(
        frechet_distance(generated, reference),
        n=len(clips),
        why=against,
        details={"frames": generated.n, "reference_frames": reference.n, "dimensions": len(reference.mean)},
    )


def _metric(key: str, name: str, network: str, note: str = "") -> Metric:
    return Metric(
        key=key,
        name=name,
        better="lower",
        low=0.0,
        high=None,
        needs=frozenset({"reference", "weights"}),
        network=network,
        of_set=partial(_of_set, network),
        note=note or "Biased upwards by the number of clips: compare equal numbers.",
    )


FD_OPENL3 = _metric("fd_openl3", "FD_openl3 (env, 44.1 kHz, stereo)", "openl3")
FD_OPENL3_48K = _metric("fd_openl3_48k", "FD_openl3 (env, 48 kHz, stereo)", "openl3_48k")
FD_OPENL3_MUSIC = _metric("fd_openl3_music", "FD_openl3 (music, 44.1 kHz, stereo)", "openl3_music")
FD_OPENL3_MUSIC_48K = _metric("fd_openl3_music_48k", "FD_openl3 (music, 48 kHz, stereo)", "openl3_music_48k")
