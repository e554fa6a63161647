"""Alignment: a delay is found from the envelopes, as the package finds it."""

import numpy as np
import pytest
from visqol.alignment import align_and_truncate
from visqol.audio_utils import AudioSignal

from analysis.metrics.neurograms.alignment import aligned, aligned_alike_long, envelope
from analysis.metrics.neurograms.gammatone import RATE


def burst(draw, length):
    """Noise under an envelope that comes and goes."""
    return draw.standard_normal(length) * np.exp(-((np.arange(length) - draw.uniform(0.3, 0.6) * length) ** 2) / 2e6)


def test_an_envelope_is_the_amplitude_of_a_tone(seed):
    level = np.random.default_rng(seed).uniform(0.5, 2)
    tone = 0.25 + level * np.sin(2 * np.pi * 100 * np.arange(4800) / RATE)
    np.testing.assert_allclose(envelope(tone), 0.25 + level, atol=1e-9)


@pytest.mark.parametrize("delay", [-1234, -1, 0, 1, 700])
def test_a_delay_is_found_and_taken_back(seed, delay):
    draw = np.random.default_rng(seed)
    one = burst(draw, 9601)
    late = np.concatenate([np.zeros(delay), one]) if delay >= 0 else one[-delay:]
    other, lag = aligned(one, late)
    assert lag == -delay
    shared = min(len(one), len(other))
    first = max(0, -delay)  # what was cut off is gone
    np.testing.assert_array_equal(other[first:shared], one[first:shared])


@pytest.mark.parametrize("lengths", [(9600, 9600), (9601, 8000), (8000, 9601)])
def test_what_is_shared_is_what_the_package_keeps(seed, lengths):
    draw = np.random.default_rng(seed)
    one = burst(draw, lengths[0])
    # Brought back by 27 samples, a longer sound keeps one of them: 27 / 48,000 * 48,000 is a little less than 27.
    early = np.concatenate([one[27:], np.zeros(100)])
    for other in (burst(draw, lengths[1]), np.concatenate([np.zeros(700), one])[: lengths[1]], one[500:], early):
        theirs = align_and_truncate(AudioSignal(one, RATE), AudioSignal(other, RATE))
        for ours, their in zip(aligned_alike_long(one, other), theirs, strict=False):
            np.testing.assert_array_equal(ours, their.data)


def test_nothing_is_shifted_by_more_than_half():
    one, other = np.zeros(1000), np.zeros(1000)
    one[900], other[100] = 1, 1
    assert aligned(one, other)[1] == 0
