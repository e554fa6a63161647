"""KL_passt: its two directions, what it is compared with, and published probabilities in place of audio."""

from functools import partial
from hashlib import sha256

import numpy as np
import pytest
import soundfile
import torch
from scipy.special import rel_entr

from analysis.errors import NoValueError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.networks import Networks
from analysis.metrics.basis.published import Published, PublishedProbabilities
from analysis.metrics.measuring import measure
from analysis.metrics.networks.passt import FILES, PaSST, load_passt
from analysis.metrics.registry import METRICS, OTHERS
from analysis.metrics.sets.divergence import kl_divergence, softmax
from analysis.metrics.unpaired.kl_passt import KL_PASST, KL_PASST_REFERENCE_GENERATED

small = partial(PaSST, width=8, depth=1, heads=2)


@pytest.fixture
def heard(tmp_path, seed):
    """Give a network of 527 classes, small and random."""
    torch.manual_seed(seed)
    model = small()
    for weight in model.parameters():
        weight.data = torch.randn(weight.shape) * 0.5
    torch.save(model.state_dict(), tmp_path / FILES[0])
    return Networks({"passt": partial(load_passt, build=small)}, tmp_path)


@pytest.fixture
def clip(tmp_path, seed):
    """Give a maker of clips, each another noise."""
    random = np.random.default_rng(seed)

    def make(prompt: str, condition: str = "", seconds: float = 1.2, number: int = 1) -> Clip:
        path = tmp_path / f"{prompt}-{condition}-{number}.wav"
        tilt = np.cumsum(random.standard_normal(round(seconds * 32_000))) if number % 2 else 0
        sound = random.standard_normal(round(seconds * 32_000)) + tilt
        soundfile.write(path, 0.5 * sound / np.abs(sound).max(), 32_000)
        return Clip(path, sha256(path.read_bytes()).hexdigest(), prompt, condition=condition, seed=number)

    return make


def probabilities(networks: Networks, clip: Clip) -> np.ndarray:
    logits = networks.of("passt").hear(clip.audio())["logits"].astype(np.float64).mean(axis=0)
    return np.exp(logits) / np.exp(logits).sum()


def test_divergence_is_scipys_and_torchs(seed):
    random = np.random.default_rng(seed)
    one, other = (softmax(random.standard_normal(527) * 4) for _ in range(2))
    found = kl_divergence(one, other)
    assert found == pytest.approx(rel_entr(one, other + 1e-6).sum(), rel=1e-12)
    by_torch = torch.nn.functional.kl_div(
        (torch.from_numpy(other) + 1e-6).log(), torch.from_numpy(one), reduction="sum"
    )
    assert found == pytest.approx(by_torch.item(), rel=1e-12)
    assert kl_divergence(other, one) != pytest.approx(found, rel=1e-3)


def test_divergence_keeps_within_its_bounds(seed):
    even = np.full(527, 1 / 527)
    assert kl_divergence(even, even) == pytest.approx(-np.log1p(527e-6), rel=1e-9)
    first, last = np.eye(527)[0], np.eye(527)[-1]
    assert kl_divergence(first, last) == pytest.approx(KL_PASST.high, rel=1e-12)
    assert KL_PASST.low <= kl_divergence(first, first) <= 0


def test_softmax_is_of_any_size(seed):
    logits = np.random.default_rng(seed).standard_normal(9).astype(np.float32)
    wanted = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum()
    np.testing.assert_allclose(softmax(logits), wanted, rtol=1e-12)
    np.testing.assert_allclose(softmax(logits.astype(np.float64) + 2_000), wanted, rtol=1e-9)


def test_the_names_tell_the_direction(heard, clip, seed):
    made, q = clip("rain", "sqs-w8a8"), softmax(np.random.default_rng(seed).standard_normal(527) * 3)
    given = Given(heard, published=Published(probabilities={"passt": PublishedProbabilities({"rain": q}, "set.pkl")}))
    p = probabilities(heard, made)
    found = {metric.name: metric.of_clip(made, given) for metric in (KL_PASST, KL_PASST_REFERENCE_GENERATED)}
    assert found == {
        "KL_passt(generated||reference)": pytest.approx(rel_entr(p, q + 1e-6).sum(), rel=1e-9),
        "KL_passt(reference||generated)": pytest.approx(rel_entr(q, p + 1e-6).sum(), rel=1e-9),
    }
    assert min(found.values()) > 0.1
    assert len(set(found.values())) == 2
    assert KL_PASST in METRICS
    assert KL_PASST_REFERENCE_GENERATED in OTHERS


def test_the_softmax_is_of_the_mean_of_windows(heard, clip):
    made, real = clip("rain", "sqs-w8a8", seconds=16), clip("rain", number=2)
    logits = heard.of("passt").hear(made.audio())["logits"].astype(np.float64)
    assert len(logits) == 3
    p = np.exp(logits.mean(axis=0)) / np.exp(logits.mean(axis=0)).sum()
    found = KL_PASST.of_clip(made, Given(heard, real={"rain": real}))
    assert found == pytest.approx(rel_entr(p, probabilities(heard, real) + 1e-6).sum(), rel=1e-9)


def test_published_probabilities_stand_for_audio_by_the_prompts_id(heard, clip, seed):
    q = softmax(np.random.default_rng(seed).standard_normal(527))
    clips = [clip(prompt, condition) for prompt in ("103549", "97") for condition in ("baseline", "sqs-w8a8")]
    published = Published(probabilities={"passt": PublishedProbabilities({"103549": q}, "set.pkl")})
    given = Given(heard, twins={(one.prompt_id, 1): one for one in clips[::2]}, published=published)
    found = measure("s", clips, ["baseline", "sqs-w8a8"], given, [KL_PASST], reference="published")
    for condition, one in (("baseline", clips[0]), ("sqs-w8a8", clips[1])):
        cell = found.cell("kl_passt", condition)
        assert cell.n == 1
        assert cell.value == pytest.approx(rel_entr(probabilities(heard, one), q + 1e-6).sum(), rel=1e-9)
        assert "set.pkl holds no reference of this prompt" in cell.why
    assert found.networks["passt"]["sha256"] == heard.of("passt").sha256


def test_real_audio_comes_before_what_was_published(heard, clip, seed):
    q = softmax(np.random.default_rng(seed).standard_normal(527))
    made, real = clip("rain", "sqs-w8a8"), clip("rain", number=2)
    published = Published(probabilities={"passt": PublishedProbabilities({"rain": q}, "set.pkl")})
    with_both = Given(heard, real={"rain": real}, published=published)
    assert KL_PASST.of_clip(made, with_both) == KL_PASST.of_clip(made, Given(heard, real={"rain": real}))
    with pytest.raises(NoValueError, match="no reference audio of this prompt"):
        KL_PASST.of_clip(clip("wind", "sqs-w8a8"), with_both)


def test_without_either_the_twin_is_the_reference(heard, clip):
    made, twin = clip("rain", "sqs-w8a8"), clip("rain", "baseline")
    given = Given(heard, twins={("rain", 1): twin})
    wanted = rel_entr(probabilities(heard, made), probabilities(heard, twin) + 1e-6).sum()
    assert KL_PASST.of_clip(made, given) == pytest.approx(wanted, rel=1e-9)
    with pytest.raises(NoValueError, match="full-precision clip itself"):
        KL_PASST.of_clip(twin, given)


def test_a_clip_that_is_too_short_has_no_value_and_why(heard, clip):
    made, real = clip("rain", "sqs-w8a8", seconds=0.1), clip("rain", number=2)
    given = Given(heard, real={"rain": real})
    cell = measure("s", [made], ["sqs-w8a8"], given, [KL_PASST], reference="real audio").cell("kl_passt", "sqs-w8a8")
    assert cell.value is None
    assert "0.15 s" in cell.why
