"""The CLAP score: the mean of cosines by hand, a reason where there is none, and no other convention unasked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import laion_clap
import numpy as np
import pytest
import soundfile
import torch

from analysis.errors import SoundError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.networks import Networks
from analysis.metrics.fronts import clap as front
from analysis.metrics.measured import Measured
from analysis.metrics.measuring import measure
from analysis.metrics.networks import clap
from analysis.metrics.networks.weights import file_sha256
from analysis.metrics.registry import LOADERS, METRICS, OTHERS
from analysis.metrics.unpaired.clap_score import CLAP_SCORE, CLAP_SCORE_FUSED

Writes = Callable[..., Clip]


@pytest.fixture
def state(tmp_path: Path, seed: int) -> dict[str, torch.Tensor]:
    words = laion_clap.write_tokenizer(tmp_path / "weights" / "roberta-base")
    state = laion_clap.random_state(seed, words)
    laion_clap.write_checkpoint(state, tmp_path / "weights" / laion_clap.CHECKPOINT)
    return state


@pytest.fixture
def given(state: dict[str, torch.Tensor], tmp_path: Path) -> Given:
    words = len(state["text_branch.embeddings.word_embeddings.weight"])
    sizes = clap.Sizes(*laion_clap.sizes(words))
    loaders = {
        "clap": lambda weights: clap.load(weights, sizes=sizes),
        "clap_fused": lambda weights: clap.load(weights, way=clap.PROCESSOR, sizes=sizes),
    }
    return Given(Networks(loaders, tmp_path / "weights", tmp_path / "heard"))


@pytest.fixture
def write(tmp_path: Path, seed: int) -> Writes:
    """Write a clip of noise, or of what it is given."""
    generator = np.random.default_rng(seed)

    def written(prompt: str, samples: np.ndarray | None = None, *, condition: str = "fp32", rate: int = 44_100) -> Clip:
        found = generator.standard_normal((rate // 10, 2)) / 20 if samples is None else samples
        path = tmp_path / f"{condition} {prompt or 'none'}.wav"
        soundfile.write(path, found, rate, subtype="FLOAT")
        return Clip(path, file_sha256(path), prompt or "none", prompt, condition)

    return written


def measured(clips: list[Clip], given: Given, *metrics: object) -> Measured:
    conditions = list(dict.fromkeys(clip.condition for clip in clips))
    return measure("study", clips, conditions, given, metrics or [CLAP_SCORE], reference="none")


def by_hand(state: dict[str, torch.Tensor], clip: Clip, weights: Path, *, fused: bool) -> float:
    samples = front.prepared(clip.audio(), sixteen_bits=not fused)
    pictures = torch.from_numpy(front.pictures(samples)[0])
    epsilon = 1e-12 if fused else 1e-5
    text = laion_clap.read(state, weights / "roberta-base", [clip.prompt], epsilon=epsilon)[0]
    return float(laion_clap.hear(state, pictures, fused=fused) @ text)


def test_the_score_is_the_mean_cosine_of_clips_and_their_prompts(state, given, write, tmp_path) -> None:
    clips = [write(prompt, condition=name) for name in ("fp32", "w8a8") for prompt in laion_clap.CAPTIONS]
    clips.append(write("Rain", np.zeros((960, 1)), condition="w8a8", rate=48_000))
    found = measured(clips, given, CLAP_SCORE, CLAP_SCORE_FUSED)
    for metric, fused in ((CLAP_SCORE, False), (CLAP_SCORE_FUSED, True)):
        wanted = [by_hand(state, clip, tmp_path / "weights", fused=fused) for clip in clips]
        values = [one.value for one in found.clips if one.column == metric.key]
        assert values == pytest.approx(wanted, abs=1e-5)
        cell = found.cell(metric.key, "w8a8")
        assert cell is not None
        assert cell.value == pytest.approx(np.mean(wanted[3:]), abs=1e-5)
        assert (cell.n, cell.why) == (4, "")
    assert found.networks["clap"]["checkpoint"] == laion_clap.CHECKPOINT
    assert found.networks["clap"]["sha256"] == file_sha256(tmp_path / "weights" / laion_clap.CHECKPOINT)
    again = measured(clips, given, CLAP_SCORE, CLAP_SCORE_FUSED)
    assert again.clips == found.clips, "what was kept of a clip is not what was heard"


def test_a_clip_without_prompt_has_no_score(given, write) -> None:
    cell = measured([write(""), write("Rain")], given).cell("clap_score", "fp32")
    assert cell is not None
    assert cell.n == 1
    assert cell.why == "1 of 2 clips have no value (none, seed 0: it has no prompt that is known)"


def test_a_clip_with_nan_is_named(given, write) -> None:
    clip = write("Rain", np.array([[0.0], [np.nan]]))
    with pytest.raises(SoundError, match=r"fp32 Rain\.wav: holds NaN or infinity"):
        measured([clip], given)


def test_without_weights_the_cell_says_where_they_were_looked_for(write, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "no cache"))
    (tmp_path / "empty").mkdir()
    found = measured([write("Rain"), write("Bells")], Given(Networks(LOADERS, tmp_path / "empty")))
    cell = found.cell("clap_score", "fp32")
    assert cell is not None
    assert cell.value is None
    assert cell.why.startswith("clap: no weights (630k-audioset-fusion-best.pt, ")
    assert f"{tmp_path / 'empty'}" in cell.why


def test_the_other_convention_is_measured_only_where_it_is_named() -> None:
    assert CLAP_SCORE in METRICS
    assert CLAP_SCORE_FUSED in OTHERS
    assert not set(METRICS) & set(OTHERS)
    assert {one.network for one in (CLAP_SCORE, CLAP_SCORE_FUSED)} <= set(LOADERS)
