"""The neurogram against filters run sample by sample, by scipy and by the package visqol-python."""

import numpy as np
import pytest
from scipy.signal import lfilter
from visqol.analysis_window import AnalysisWindow
from visqol.audio_utils import AudioSignal
from visqol.gammatone import GammatoneSpectrogramBuilder, make_erb_filters

from analysis.metrics.neurograms.gammatone import (
    BANDS,
    HOP,
    LOWEST,
    RATE,
    WINDOW,
    centre_frequencies,
    neurogram,
    sections,
    windows,
)

TIME = np.arange(2 * HOP + WINDOW) / RATE
SOUNDS = {
    "noise": lambda draw: draw.standard_normal(len(TIME)),
    "low tone": lambda draw: np.sin(2 * np.pi * draw.uniform(45, 70) * TIME),
    "high tone": lambda draw: np.sin(2 * np.pi * draw.uniform(12_000, 16_000) * TIME),
    "click": lambda draw: np.eye(1, len(TIME), int(draw.integers(WINDOW)))[0],
    "dying tone": lambda draw: np.exp(-40 * TIME) * np.sin(2 * np.pi * draw.uniform(200, 2000) * TIME),
    "tone over faint noise": lambda draw: np.sin(2 * np.pi * 100 * TIME) + 1e-5 * draw.standard_normal(len(TIME)),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_the_neurogram_is_that_of_filters_run_sample_by_sample(seed, name):
    samples = SOUNDS[name](np.random.default_rng(seed))
    theirs = GammatoneSpectrogramBuilder(BANDS, LOWEST).build(AudioSignal(samples, RATE), AnalysisWindow(RATE, 0.25))
    ours = neurogram(windows(samples))
    # As ViSQOL looks at it: 45 dB below a window's loudest band, or below -45 dB, there is nothing.
    floor = np.maximum(theirs.data.max(axis=0) * 10**-4.5, 10**-4.5)
    ours, data = np.maximum(ours, floor), np.maximum(theirs.data, floor)
    assert np.abs(10 * np.log10(ours / data)).max() < 1e-6
    np.testing.assert_allclose(centre_frequencies(), theirs.center_freq_bands, rtol=1e-12)


def test_the_sections_are_those_of_the_package_and_leave_the_centre_as_it_is(seed):
    noise = np.random.default_rng(seed).standard_normal(WINDOW)
    numerators, denominator = sections()
    theirs = make_erb_filters(RATE, BANDS, LOWEST, RATE / 2).filter_coeffs[:, ::-1]
    for band in range(0, BANDS, 7):
        ours = other = noise
        for index in range(4):
            ours = lfilter(numerators[index, band], [1, *denominator[band]], ours)
            other = lfilter(theirs[[0, 1 + index, 5], band], theirs[6:9, band], other)
        other /= theirs[9, band]
        assert np.abs(ours - other).max() < 1e-9 * np.abs(other).max()
    tone = np.sin(2 * np.pi * centre_frequencies()[20] * np.arange(WINDOW) / RATE)
    for numerator in numerators[:, 20]:
        tone = lfilter(numerator, [1, *denominator[20]], tone)
    assert np.abs(tone[WINDOW // 2 :]).max() == pytest.approx(1, abs=1e-3)


def test_a_window_knows_nothing_of_the_one_before(seed):
    samples = np.random.default_rng(seed).standard_normal(WINDOW + HOP)
    alone = neurogram(windows(samples[HOP:]))
    np.testing.assert_allclose(neurogram(windows(samples))[:, 1:], alone, rtol=1e-12)
