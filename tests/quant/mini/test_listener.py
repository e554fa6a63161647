"""The listener: what it hears, held to loops in float64; what it names; that it is the one that was shipped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.signal import resample_poly
from tiny_models import one_line

from quant.errors import ModelError
from quant.mini.listener import SHA256, WEIGHTS, Listener, load_listener, log_mel_image
from quant.mini.sounds import FRAMES, SOUNDS, pair, single
from quant.model.loading import load_model
from quant.model.sentence import sentence_embeddings
from quant.rendering.clips import render
from quant.rendering.sampling import Sampling

Float = NDArray[np.float64]
RATE = 22_050
COMPUTED = [index for index, sound in enumerate(SOUNDS) if sound.source.startswith("computed")]


@dataclass(frozen=True)
class Clip:
    samples: NDArray[np.float32]
    rate: int = RATE


@pytest.fixture(scope="module")
def listener() -> Listener:
    return load_listener()


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def slaney(hertz: Float) -> Float:
    """Mel by Slaney: linear below 1,000 Hz, then 27 steps for each factor of 6.4."""
    return np.where(hertz < 1000, 3 * hertz / 200, 15 + 27 * np.log(np.maximum(hertz, 1) / 1000) / np.log(6.4))


def mel_filters() -> Float:
    """80 triangles of unit area from 20 Hz to half the rate, (bands, bins), from their corners by bisection."""
    low, high = slaney(np.array([20.0, RATE / 2]))
    dense = np.linspace(0, RATE / 2, 2_000_001)
    corners = np.interp(np.linspace(low, high, 82), slaney(dense), dense)
    bins, filters = np.arange(513) * RATE / 1024, np.zeros((80, 513))
    for band in range(80):
        left, middle, right = corners[band : band + 3]
        for column, hertz in enumerate(bins):
            height = min((hertz - left) / (middle - left), (right - hertz) / (right - middle))
            filters[band, column] = 2 / (right - left) * max(0.0, height)
    return filters


def image_by_loop(samples: NDArray[np.float32]) -> Float:
    """The front end's image of a sound at 22,050 Hz, window by window through a matrix of sines and cosines."""
    mono = samples.astype(np.float64).sum(1) / samples.shape[1]
    mono = np.concatenate([np.zeros(512), mono * (0.9 / np.abs(mono).max()), np.zeros(512)])
    mono = np.concatenate([mono, np.zeros(max(0, RATE + 1024 - len(mono)))])
    turns = 2 * np.pi * np.outer(np.arange(513), np.arange(1024)) / 1024
    hann, filters, columns = np.sin(np.pi * np.arange(1024) / 1024) ** 2, mel_filters(), []
    for start in range(0, len(mono) - 1023, 512):
        frame = mono[start : start + 1024] * hann
        magnitude = np.sqrt((np.cos(turns) @ frame) ** 2 + (np.sin(turns) @ frame) ** 2)
        columns.append(np.log(np.maximum(filters @ magnitude, 1e-4) / 1e-4) / 5)
    return np.array(columns).T


def heard_by_loop(image: Float) -> tuple[Float, Float]:
    """Probabilities and embedding of an image in float64, from the file's weights."""
    weights = {key: value.astype(np.float64) for key, value in load_file(WEIGHTS).items()}
    maps = image[None]
    for layer in range(4):
        kernel = weights[f"trunk.{3 * layer}.weight"]
        wide = kernel.shape[-1] // 2
        padded = np.pad(maps, ((0, 0), (1, 1), (wide, wide)))
        windows = sliding_window_view(padded, kernel.shape[-2:], axis=(1, 2))[:, ::2, :: 2 if layer else 4]
        maps = np.einsum("ihwyx,oiyx->ohw", windows, kernel)
        norm = {key: weights[f"trunk.{3 * layer + 1}.{key}"][:, None, None] for key in ("weight", "bias")}
        mean, variance = (weights[f"trunk.{3 * layer + 1}.running_{key}"][:, None, None] for key in ("mean", "var"))
        maps = np.maximum(0, (maps - mean) / np.sqrt(variance + 1e-5) * norm["weight"] + norm["bias"])
    pooled = np.concatenate([maps.mean(-1), maps.max(-1)]).ravel()
    logits = weights["classes.weight"] @ pooled + weights["classes.bias"]
    sound = weights["sound.weight"] @ pooled + weights["sound.bias"]
    exponents = np.exp(logits - logits.max())
    return exponents / exponents.sum(), sound / np.sqrt((sound**2).sum())


@pytest.mark.parametrize("seconds", [0.02, 0.7, 1.3])
def test_front_end_and_network_are_a_computation_in_float64(
    listener: Listener, rng: np.random.Generator, seconds: float
) -> None:
    length = int(seconds * RATE)
    envelope = np.exp(-np.arange(length) / (0.2 * RATE))[:, None]
    samples = (0.3 * rng.standard_normal((length, 2)) * envelope).astype(np.float32)
    expected = image_by_loop(samples)
    image = log_mel_image(samples, RATE)
    assert image.shape == expected.shape
    assert np.abs(image - expected).max() < 1e-5
    probabilities, embedding = heard_by_loop(expected)
    heard = listener.hear(Clip(samples))
    assert np.abs(heard["probabilities"] - probabilities).max() < 1e-5
    assert np.abs(heard["embedding"] - embedding).max() < 1e-5


def test_texts_are_embedded_by_a_computation_in_float64(listener: Listener) -> None:
    texts = ["a dog barking", "rain on a roof while birds sing"]
    weights = {key: value.astype(np.float64) for key, value in load_file(WEIGHTS).items()}
    hidden = sentence_embeddings(texts).astype(np.float64) @ weights["text.0.weight"].T + weights["text.0.bias"]
    vectors = np.maximum(hidden, 0) @ weights["text.3.weight"].T + weights["text.3.bias"]
    expected = vectors / np.sqrt((vectors**2).sum(1, keepdims=True))
    read = listener.read(texts)
    assert (read.shape, read.dtype) == ((2, 64), np.float32)
    assert np.abs(read - expected).max() < 1e-5
    assert np.abs(listener.read(texts[:1]) - read[:1]).max() < 1e-5


def test_what_is_heard_has_unit_length_and_sums_to_one(listener: Listener, rng: np.random.Generator) -> None:
    for samples in (rng.standard_normal((30_000, 1)), np.zeros((30_000, 2)), np.ones((1, 1)), np.zeros((0, 1))):
        heard = listener.hear(Clip(samples.astype(np.float32)))
        assert {key: (value.shape, value.dtype) for key, value in heard.items()} == {
            "probabilities": ((38,), np.float32),
            "embedding": ((64,), np.float32),
        }
        assert float(heard["probabilities"].sum()) == pytest.approx(1, abs=1e-5)
        assert float(np.square(heard["embedding"]).sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("index", COMPUTED, ids=lambda index: SOUNDS[index].name)
def test_rate_channels_and_level_change_little(listener: Listener, rng: np.random.Generator, index: int) -> None:
    drawn = [0.9 * single(SOUNDS[index], rng).audio.astype(np.float64) for _ in range(6)]
    first = [listener.hear(Clip(audio[:, None].astype(np.float32))) for audio in drawn]
    known = [int(one["probabilities"].argmax()) == index for one in first]
    assert sum(known) >= 3  # some static is taken for rain
    audio, plain = drawn[known.index(True)], first[known.index(True)]
    for up, down, channels, level in ((2, 1, 1, 0.5), (2, 1, 2, 0.02), (320, 147, 2, 1.0)):
        other = level * resample_poly(audio, up, down)[:, None].repeat(channels, 1).astype(np.float32)
        heard = listener.hear(Clip(other, RATE * up // down))
        assert np.abs(heard["probabilities"] - plain["probabilities"]).max() < 0.02
        assert float(heard["embedding"] @ plain["embedding"]) > 0.99


def test_clips_of_the_embedded_model_are_named_and_agree_with_their_prompts(listener: Listener, seed: int) -> None:
    model, settings = load_model("mini"), Sampling(steps=12, seconds=5.0)
    names = ["rain", "dog", "telephone", "piano", "organ", "clock", "static", "cowbell"]
    asked = [listener.classes.index(name) for name in names]
    texts = listener.read([SOUNDS[index].phrases[0] for index in asked])
    named, cosines = [], []
    for index in asked:
        clip = render(model, SOUNDS[index].phrases[0], seed, settings)
        heard = listener.hear(Clip(clip.astype(np.float32) / 32768, model.sample_rate))
        named.append(int(heard["probabilities"].argmax()))
        cosines.append(texts @ heard["embedding"])
    table = np.array(cosines)
    # By chance 3 of 8 are right once in a thousand runs.
    assert sum(np.array(named) == asked) >= 3
    assert table.diagonal().mean() > table[~np.eye(8, dtype=bool)].mean() + 0.2


def test_the_shipped_file_is_the_one_that_is_named_and_small(listener: Listener) -> None:
    assert listener.sha256 == SHA256 == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert WEIGHTS.stat().st_size < 1e6
    assert listener.classes == tuple(sound.name for sound in SOUNDS)
    assert (listener.name, WEIGHTS.name in listener.checkpoint, bool(listener.convention)) == ("mini", True, True)


def test_another_file_is_refused(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "listener.safetensors"
    with pytest.raises(ModelError) as caught:
        load_listener(path)
    assert "missing" in one_line(caught.value)
    content = bytearray(WEIGHTS.read_bytes())
    content[-1 - seed % 100_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_listener(path)
    assert str(path) in one_line(caught.value)
    assert SHA256[:12] in str(caught.value)


def test_every_wording_names_its_class(listener: Listener, rng: np.random.Generator) -> None:
    for index, sound in enumerate(SOUNDS):
        for phrase in (*sound.phrases, sound.name):
            frame = str(rng.choice([*FRAMES, "{} in the distance"]))
            caption = frame.format(phrase)
            for text in (caption, caption.capitalize() + ".", caption.upper(), caption.replace(" ", "\n ")):
                assert listener.class_of(text) == index, text


def test_two_classes_are_none(listener: Listener, rng: np.random.Generator) -> None:
    for _ in range(30):
        first, second = rng.choice(COMPUTED, 2, replace=False)
        assert listener.class_of(pair(SOUNDS[first], SOUNDS[second], rng).caption) is None
    for text in ("", "a man speaking", "a crowd cheering", "training", "a dog barking in the rain", "jet engine"):
        assert listener.class_of(text) is None, text


def test_words_within_longer_wordings_of_another_class_name_nothing(listener: Listener) -> None:
    texts = {"Wind chimes in the garden": "chimes", "the laser gun of a robot": "laser", "a jet plane": "jet"}
    assert {text: listener.classes[listener.class_of(text) or 0] for text in texts} == texts
