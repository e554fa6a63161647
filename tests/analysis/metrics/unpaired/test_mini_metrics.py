"""Metrics of the embedded model's listener, on sounds that it knows and that are computed, not recorded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import read_audio
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric
from analysis.metrics.basis.networks import Networks
from analysis.metrics.measuring import measure
from analysis.metrics.unpaired.mini_agreement import MINI_AGREEMENT
from analysis.metrics.unpaired.mini_tags import KL_MINI, RIGHT_CLASS
from quant.mini.instruments import SAMPLE_RATE
from quant.mini.listener import Listener, load_listener
from quant.mini.sounds import SOUNDS

BY_NAME = {sound.name: sound for sound in SOUNDS}


@pytest.fixture(scope="module")
def listener() -> Listener:
    return load_listener()


@pytest.fixture
def networks(listener: Listener) -> Networks:
    return Networks({"mini": lambda folder: listener})


def write(path: Path, audio: NDArray[np.floating], prompt: str, condition: str = "sqs-w4a8") -> Clip:
    soundfile.write(path, audio, SAMPLE_RATE)
    return Clip(path, hashlib.sha256(path.read_bytes()).hexdigest(), "p", prompt, condition, 7)


def near(name: str, seed: int) -> NDArray[np.floating]:
    """Render a sound that is not far away, at a peak of 0.9."""
    audio = BY_NAME[name].render(np.random.default_rng(seed))
    return 0.9 * audio / np.abs(audio).max()


@pytest.fixture
def clock(tmp_path: Path, seed: int) -> Clip:
    return write(tmp_path / "clock.wav", near("clock", seed), "A ticking clock.")


@pytest.fixture
def static(tmp_path: Path, seed: int) -> Clip:
    return write(tmp_path / "static.wav", near("static", seed), "A ticking clock.", "baseline")


def of_clip(metric: Metric, clip: Clip, given: Given) -> float:
    assert metric.of_clip is not None
    return metric.of_clip(clip, given)


def test_divergence_is_of_the_generated_from_its_twin(
    clock: Clip, static: Clip, networks: Networks, listener: Listener
) -> None:
    given = Given(networks, twins={("p", 7): static}, reference=[static])
    p, q = (listener.hear(read_audio(clip.path))["probabilities"].tolist() for clip in (clock, static))
    one_way = sum(a * np.log(a / (b + 1e-6)) for a, b in zip(p, q, strict=True))
    other_way = sum(b * np.log(b / (a + 1e-6)) for a, b in zip(p, q, strict=True))
    found = of_clip(KL_MINI, clock, given)
    assert found == pytest.approx(one_way, rel=1e-9)
    assert found > 1
    assert abs(one_way - other_way) > 1e-3 * found


def test_divergence_from_real_audio_is_of_the_same_prompt(clock: Clip, static: Clip, networks: Networks) -> None:
    given = Given(networks, reference=[static], real={"p": static})
    # What is added makes the reference sum to a little more than one, so that a clip is below zero from itself.
    assert -np.log1p(38e-6) <= of_clip(KL_MINI, static, given) <= 0
    assert of_clip(KL_MINI, clock, given) > 1
    with pytest.raises(NoValueError, match="no reference"):
        of_clip(KL_MINI, clock, Given(networks, reference=[], real={}))


def test_full_precision_has_no_divergence_from_itself(static: Clip, networks: Networks) -> None:
    with pytest.raises(NoValueError, match="itself"):
        of_clip(KL_MINI, static, Given(networks, twins={("p", 7): static}, reference=[static]))


def test_right_class_is_what_the_prompt_names(clock: Clip, static: Clip, networks: Networks) -> None:
    given = Given(networks)
    assert of_clip(RIGHT_CLASS, clock, given) == 1.0
    assert of_clip(RIGHT_CLASS, static, given) == 0.0


@pytest.mark.parametrize("prompt", ["a man speaking", "a ticking clock while rain falling", ""])
def test_prompt_that_names_none_or_several_has_no_right_class(
    tmp_path: Path, seed: int, networks: Networks, prompt: str
) -> None:
    clip = write(tmp_path / "a.wav", np.random.default_rng(seed).uniform(-0.5, 0.5, SAMPLE_RATE), prompt)
    with pytest.raises(NoValueError, match="none of the embedded model's sounds, or several"):
        of_clip(RIGHT_CLASS, clip, Given(networks))


def test_agreement_is_the_cosine_with_the_prompt(
    clock: Clip, static: Clip, networks: Networks, listener: Listener
) -> None:
    given = Given(networks)
    text = listener.read([clock.prompt])[0].tolist()
    sound = listener.hear(read_audio(clock.path))["embedding"].tolist()
    expected = sum(a * b for a, b in zip(text, sound, strict=True))
    assert of_clip(MINI_AGREEMENT, clock, given) == pytest.approx(expected, abs=1e-6)
    assert of_clip(MINI_AGREEMENT, clock, given) > of_clip(MINI_AGREEMENT, static, given) + 0.2


def test_silence_and_no_prompt_have_no_value(tmp_path: Path, clock: Clip, networks: Networks) -> None:
    silent = write(tmp_path / "silent.wav", np.zeros(SAMPLE_RATE), "a ticking clock")
    given = Given(networks, twins={("p", 7): clock}, reference=[clock], real={"p": clock})
    for metric in (KL_MINI, RIGHT_CLASS, MINI_AGREEMENT):
        with pytest.raises(NoValueError, match="it is silent"):
            of_clip(metric, silent, given)
    with pytest.raises(NoValueError, match="its reference is silent"):
        of_clip(KL_MINI, clock, Given(networks, reference=[silent], real={"p": silent}))
    with pytest.raises(NoValueError, match="no prompt"):
        of_clip(MINI_AGREEMENT, Clip(clock.path, clock.sha256, "p"), given)


def test_the_table_names_the_weights(clock: Clip, static: Clip, networks: Networks, listener: Listener) -> None:
    given = Given(networks, twins={("p", 7): static}, reference=[static])
    metrics = (MINI_AGREEMENT, KL_MINI, RIGHT_CLASS)
    measured = measure(
        "s", [static, clock], ["baseline", "sqs-w4a8"], given, metrics, reference="the full-precision clips"
    )
    assert measured.networks["mini"]["sha256"] == listener.sha256
    values = {(cell.column, cell.condition): cell.value for cell in measured.cells}
    assert values["mini_right_class", "sqs-w4a8"] == 1.0
    assert values["mini_right_class", "baseline"] == 0.0
    assert values["kl_mini", "baseline"] is None
