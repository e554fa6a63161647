"""Matching of patches: NSIM in loops, every order tried, the places of ViSQOL's own tests, and the package's."""

from itertools import pairwise, product

import numpy as np
import pytest
from visqol.gammatone import Spectrogram, prepare_spectrograms_for_comparison
from visqol.nsim import measure_patch_similarity
from visqol.patch_selector import find_most_optimal_deg_patches

from analysis.metrics.neurograms.matching import (
    CENTRE,
    CORNER,
    EDGE,
    PATCH,
    Blurred,
    first_windows,
    in_order,
    levels,
    places,
    similarity,
)


def nsim_of_a_cell(one, other, band, window):
    """Local structural similarity of a cell, from its nine neighbours, edges repeated."""
    weights, a, b = [], [], []
    for down, right in product((-1, 0, 1), repeat=2):
        row = min(max(band + down, 0), one.shape[0] - 1)
        column = min(max(window + right, 0), one.shape[1] - 1)
        weights.append({0: CENTRE, 1: EDGE, 2: CORNER}[abs(down) + abs(right)])
        a.append(one[row, column])
        b.append(other[row, column])
    w, a, b = np.array(weights), np.array(a), np.array(b)
    mean_a, mean_b = (w * a).sum(), (w * b).sum()
    var_a, var_b = (w * a * a).sum() - mean_a**2, (w * b * b).sum() - mean_b**2
    both = (w * a * b).sum() - mean_a * mean_b
    intensity = (2 * mean_a * mean_b + 0.0001) / (mean_a**2 + mean_b**2 + 0.0001)
    return intensity * (both + 0.00045) / (np.sqrt(max(var_a * var_b, 0)) + 0.00045)


def test_similarity_is_nsim(seed):
    draw = np.random.default_rng(seed)
    one, other = draw.uniform(0, 45, (2, 5, 7))
    loop = [[nsim_of_a_cell(one, other, band, window) for window in range(7)] for band in range(5)]
    found = similarity(Blurred(one), Blurred(other))
    np.testing.assert_allclose(found, loop, rtol=1e-9)
    np.testing.assert_allclose(found.mean(axis=1), measure_patch_similarity(one, other).freq_band_means, rtol=1e-9)


def test_levels_are_those_of_the_package(seed):
    draw = np.random.default_rng(seed)
    one, other = 10 ** draw.uniform(-8, 1, (32, 20)), 10 ** draw.uniform(-8, 1, (32, 26))
    one[3, 4] = 0.0
    theirs = prepare_spectrograms_for_comparison(Spectrogram(one), Spectrogram(other))
    for ours, found in zip(levels(one, other), theirs, strict=True):
        np.testing.assert_allclose(ours, found, atol=1e-12)


def test_places_are_those_of_the_package(seed):
    draw = np.random.default_rng(seed)
    one = draw.uniform(0, 45, (32, 110))
    other = np.concatenate([draw.uniform(0, 45, (32, 9)), one[:, :70], draw.uniform(0, 45, (32, 20))], axis=1)
    other += draw.normal(0, 3, other.shape)
    starts = first_windows(one.shape[1])
    patches = [one[:, start : start + PATCH] for start in starts]
    theirs = find_most_optimal_deg_patches(patches, starts, other, 1.0)
    ours = places(one, other, starts)
    assert [0.0 if place is None else place for _, place in ours] == [one.deg_patch_start_time for one in theirs]
    assert ours[0][1] == starts[0] + 9
    for (bands, _), their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(bands, their.freq_band_means, atol=1e-9)


def test_no_other_order_adds_up_to_more(seed):
    """A patch is placed after the one before it, or left out, which all but the first may be."""
    draw = np.random.default_rng(seed)
    for patches, count in ((2, 6), (3, 5), (4, 5)):
        alike = draw.normal(0, 1, (patches, count))
        best = -np.inf
        for chosen in product(range(-1, count), repeat=patches):
            kept = [place for place in chosen if place >= 0]
            if chosen[0] >= 0 and all(a < b for a, b in pairwise(kept)):
                best = max(best, sum(alike[index, place] for index, place in enumerate(chosen) if place >= 0))
        found = in_order(alike, list(range(patches)))
        kept = [place for place in found if place is not None]
        assert kept == sorted(set(kept))
        assert sum(alike[i, place] for i, place in enumerate(found) if place is not None) == pytest.approx(best)


def alike_everywhere(one, starts, other, width):
    """Mean NSIM of one's patches at every window of the other, which goes on in silence."""
    padded = np.pad(np.array(other, dtype=float), ((0, 0), (0, width - 1)))
    one = np.array(one, dtype=float)
    return np.array(
        [
            [
                similarity(Blurred(one[:, start : start + width]), Blurred(padded[:, at : at + width])).mean()
                for at in range(padded.shape[1] - width + 1)
            ]
            for start in starts
        ]
    )


def test_places_of_visqols_own_tests():
    """What google/visqol's comparison_patches_selector_test.cc expects: OutOfOrderMatches and BigExample."""
    one, other = [[1, 100, 3, 4], [0, 0, 0, 0], [1, 100, 3, 4]], [[100, 1, 3, 4], [0, 0, 0, 0], [100, 1, 3, 4]]
    found = in_order(alike_everywhere(one, range(4), other, 1), [0, 1, 2, 3])
    assert [place or 0 for place in found] == [1, 0, 2, 3]  # a patch that is left out begins at 0 there
    zeros = [0] * 7
    under = [0, 0, 0, 0, 0, 1, *[0] * 5, 2, 0, 1, 2, 3, *[0] * 6, 1, 2, *zeros]
    one = [[0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 2, 2, 2, 2, 2, *[0] * 6, 3, 3, *zeros], under, under]
    end = [0, 0, 0, 0, 0, 2, 0, 1, 2, 3, 0, 0, 0, 0, 1, 2, *zeros]
    other = [
        [*[0] * 6, 1, 2, 1, 0, 0, 0, 0, 2, 1, 2, 3, 2, 0, 0, 0, 0, 3, 3, *zeros],
        [0, 0, 0, 0, 0, 1, 0, 1, *end],
        [0, 0, 0, 0, 0, 0, 0, 1, *end],
    ]
    starts = [4, 6, 10, 12, 14, 22]
    assert in_order(alike_everywhere(one, starts, other, 2), starts) == [6, 8, 12, 14, 16, 22]


def test_patches_stand_side_by_side_from_half_a_patch_on():
    assert first_windows(45) == [14]
    assert first_windows(497) == list(range(14, 466, 30))
