"""aisfx as it is loaded and as it hears: against the package's own network, and against convolutions in float64."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from analysis.errors import NoValueError, WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.fronts.aisfx import blocks_of, spectrogram
from analysis.metrics.networks.aisfx import load

PACKAGE = Path(importlib.util.find_spec("aisfx").submodule_search_locations[0])


@pytest.fixture(scope="module")
def aisfx():
    return load(None)


@pytest.fixture(scope="module")
def state():
    known = [(lambda kind, data: data, "numpy.core.multiarray.scalar"), (type("Kind", (), KIND), "numpy.dtype")]
    with torch.serialization.safe_globals(known):
        stored, _ = torch.load(PACKAGE / "models" / "checkpoint.pth", weights_only=True)
    return {name: value for name, value in stored.items() if name.startswith("embedding_net.")}


KIND = {"__init__": lambda self, *kind: None, "__setstate__": lambda self, state: None}


def sound(rng: np.random.Generator, seconds: float, rate: int = 44_100, channels: int = 2) -> Audio:
    """Draw noise whose loudness and colour change, as sounds of the world do."""
    n = int(seconds * rate)
    noise = rng.normal(size=(n, channels))
    colour = np.cumsum(noise, axis=0) / 100 * rng.uniform() + noise * rng.uniform() / 10
    swell = 0.02 + np.sin(2 * np.pi * rng.uniform(0.1, 2) * np.arange(n) / rate)[:, None] ** 2
    return Audio((colour * swell / 4).astype(np.float32), rate)


def test_it_is_the_packages_own_network(seed, aisfx, state):
    spec = importlib.util.spec_from_file_location("cnn2d", PACKAGE / "models" / "cnn2d.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    own = module.EmbeddingNet("max", 3, 1, 64).eval()
    own.load_state_dict({name.removeprefix("embedding_net."): value for name, value in state.items()})
    audio = sound(np.random.default_rng(seed), 6.5)
    with torch.no_grad():
        expected = own(torch.from_numpy(blocks_of(spectrogram(audio))[:, 0])).numpy()
    found = aisfx.hear(audio)["frames"]
    assert found.dtype == np.float32
    assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def convolved(x: np.ndarray, state: dict[str, torch.Tensor], block: int, place: int) -> np.ndarray:
    """Convolve (channels, frames, bands) with a 3x3 kernel, tap by tap, then normalize and rectify, in float64."""
    name = f"embedding_net.conv_block{block}."
    weight = state[f"{name}conv{place}.weight"].double().numpy()
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    _, frames, bands = x.shape
    total = np.zeros((len(weight), frames * bands))
    for i in range(3):
        for j in range(3):
            total += weight[:, :, i, j] @ padded[:, i : i + frames, j : j + bands].reshape(len(x), -1)
    scale, shift, mean, variance = (
        state[f"{name}bn{place}.{part}"].double().numpy()[:, None]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    total = (total - mean) / np.sqrt(variance + 1e-5) * scale + shift
    return np.maximum(total, 0).reshape(-1, frames, bands)


def test_it_is_its_mathematics_in_float64(seed, aisfx, state):
    audio = sound(np.random.default_rng(seed), 2.0, channels=1)
    x = blocks_of(spectrogram(audio))[0].astype(np.float64)
    for block in (1, 2, 3, 4):
        x = convolved(convolved(x, state, block, 1), state, block, 2)
        if block < 4:
            frames, bands = x.shape[1] // 2, x.shape[2] // 2
            x = x[:, : 2 * frames, : 2 * bands].reshape(-1, frames, 2, bands, 2).max(axis=(2, 4))
    assert_allclose(aisfx.hear(audio)["frames"][0], x.mean(axis=2).max(axis=1), rtol=1e-5, atol=1e-5)


def test_a_clip_is_the_mean_of_its_blocks_and_its_channels_and_rate_are_brought_to_its_own(seed, aisfx):
    rng = np.random.default_rng(seed)
    audio = sound(rng, 10.0)
    heard = aisfx.hear(audio)
    assert heard["frames"].shape == (7, 512)
    assert_allclose(heard["embedding"], heard["frames"].mean(axis=0), rtol=1e-6)
    mono = Audio(audio.samples.mean(axis=1, keepdims=True), 44_100)
    assert_allclose(aisfx.hear(mono)["frames"], heard["frames"], rtol=1e-4, atol=1e-5)
    low = Audio(np.repeat(sound(rng, 3.0, 16_000, 1).samples, 2, axis=1), 16_000)
    assert_allclose(aisfx.hear(low)["frames"], aisfx.hear(low.at(44_100))["frames"], rtol=1e-6)


def test_silence_is_a_sound_and_a_second_is_too_short(aisfx):
    assert np.isfinite(aisfx.hear(Audio(np.zeros((441_000, 1), np.float32), 44_100))["frames"]).all()
    with pytest.raises(NoValueError, match="too short"):
        aisfx.hear(Audio(np.zeros((44_100, 1), np.float32), 44_100))
    with pytest.raises(NoValueError, match="reads no text"):
        aisfx.read(["rain"])


def test_weights_are_the_wheels_unless_a_folder_has_others(aisfx, state, tmp_path):
    assert aisfx.sha256 == "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"
    assert "CC BY 4.0" in aisfx.checkpoint
    assert load(tmp_path).sha256 == aisfx.sha256
    torch.save((state, {}), tmp_path / "aisfx.pth")
    again = load(tmp_path)
    assert again.sha256 != aisfx.sha256
    audio = sound(np.random.default_rng(1), 2.0)
    assert_allclose(again.hear(audio)["frames"], aisfx.hear(audio)["frames"], rtol=1e-6)


def test_weights_that_are_damaged_or_anothers_are_named(state, tmp_path):
    path = tmp_path / "aisfx.pth"
    whole = (PACKAGE / "models" / "checkpoint.pth").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"aisfx\.pth: cannot be read as weights"):
        load(tmp_path)
    for stored, words in (
        (({"embedding_net.conv_block1.conv1.weight": torch.ones(2)}, {}), "not the weights of aisfx"),
        ({"weight": torch.ones(2)}, "cannot be read as weights"),
        (torch.ones(3), "cannot be read as weights"),
        (([1, 2], {}), "cannot be read as weights"),
    ):
        torch.save(stored, path)
        with pytest.raises(WeightsError, match=words):
            load(tmp_path)
    with pytest.raises(WeightsError, match="is no folder"):
        load(tmp_path / "nowhere")


class Runs:
    """What would run a command if it were unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("ran"),)


def test_code_among_the_weights_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save((Runs(), {}), tmp_path / "aisfx.pth")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        load(tmp_path)
    assert not (tmp_path / "ran").exists()
