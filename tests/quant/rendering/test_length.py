"""The trained length: what a configuration says of it, and what is asked for beyond it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tiny_models import one_line

from quant.configuration.checking import check
from quant.errors import ModelError, SamplingError
from quant.model.loading import AudioModel
from quant.pretrained.folder import find
from quant.rendering.length import beyond_training, check_length, trained_seconds
from quant.rendering.sampling import Sampling, paper_settings

MINI = find("mini").config


def test_the_embedded_model_was_trained_on_ten_seconds() -> None:
    assert trained_seconds(MINI) == pytest.approx(221184 / 22050)
    check_length(MINI, 10.0, "mini")
    check_length(MINI, 221184 / 22050, "mini")


def test_one_sample_too_many_is_refused_with_the_length_that_is_allowed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for rate in (8000, 22050, 44100, 48000):
        size = int(rng.integers(1, 50 * rate))
        config = {"sample_size": size, "sample_rate": rate}
        check_length(config, size / rate, "m")
        with pytest.raises(SamplingError) as caught:
            check_length(config, (size + 1) / rate, "m")
        message = one_line(caught.value)
        assert message.startswith("sampling.seconds: ")
        assert "--beyond-training" in message
        # Whoever asks for the length in the message gets it.
        (most,) = [float(word) for word in message.partition("longer than the ")[2].split()[:1]]
        check_length(config, most, "m")
        assert most == pytest.approx(size / rate, abs=0.01)
        assert beyond_training(config, (size + 1) / rate) == size / rate


@pytest.mark.parametrize("value", ["524288", 0, -1, True, [], None, math.nan])
def test_a_length_that_is_no_count_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(ModelError, match=r"^mine: model_config\.json: sample_size is "):
        check(MINI | {"sample_size": value}, "mine")
    with pytest.raises(ModelError, match=r"^mine: model_config\.json: it lacks sample_size; "):
        check({key: value for key, value in MINI.items() if key != "sample_size"}, "mine")


def test_a_model_alone_is_calibrated_within_its_trained_length(loaded: dict[str, AudioModel]) -> None:
    for model in loaded.values():
        assert paper_settings(model).seconds == 64 * 32 / 8000
        longer = replace(model, config=json.loads(json.dumps(model.config)) | {"sample_size": 47 * 8000})
        assert paper_settings(longer).seconds == Sampling().seconds
