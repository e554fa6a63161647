"""PaSST as it is loaded and as it hears, held to its mathematics written out in float64."""

from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.special import erf

from analysis.errors import NoValueError, WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.fronts.passt import prepare, spectrogram, windows
from analysis.metrics.networks.passt import FILES, PaSST, load_passt

small = partial(PaSST, width=12, depth=2, heads=3, classes=5)


@pytest.fixture
def model(seed):
    """Give a small network of the same class, every weight of it random."""
    generator = torch.Generator().manual_seed(seed)
    made = small()
    for weight in made.parameters():
        weight.data = torch.randn(weight.shape, generator=generator) * 0.3
    return made


def written_out(state: dict[str, np.ndarray], picture: np.ndarray) -> np.ndarray:
    """Give the logits of a spectrogram (128, columns): patch by patch, head by head."""

    def norm(x, name, eps):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
        return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(x, name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    kernel, width = state["patch_embed.proj.weight"], len(state["patch_embed.proj.bias"])
    tokens = [
        state[f"{kind}_token"][0, 0] + state["new_pos_embed"][0, place] for place, kind in enumerate(("cls", "dist"))
    ]
    for row in range(12):
        for column in range((picture.shape[1] - 16) // 10 + 1):
            patch = picture[10 * row : 10 * row + 16, 10 * column : 10 * column + 16]
            seen = (kernel[:, 0] * patch).sum((1, 2)) + state["patch_embed.proj.bias"]
            where = state["freq_new_pos_embed"][0, :, row, 0] + state["time_new_pos_embed"][0, :, 0, column]
            tokens.append(seen + where)
    x = np.array(tokens)
    for layer in range(2):
        name = f"blocks.{layer}"
        projected = linear(norm(x, f"{name}.norm1", 1e-6), f"{name}.attn.qkv")
        heads = []
        for head in range(3):
            part = slice(head * width // 3, (head + 1) * width // 3)
            query, key, value = (projected[:, k * width : (k + 1) * width][:, part] for k in range(3))
            scores = np.exp(query @ key.T / np.sqrt(width // 3))
            heads.append(scores / scores.sum(1, keepdims=True) @ value)
        x = x + linear(np.concatenate(heads, 1), f"{name}.attn.proj")
        hidden = linear(norm(x, f"{name}.norm2", 1e-6), f"{name}.mlp.fc1")
        x = x + linear(hidden * (1 + erf(hidden / np.sqrt(2))) / 2, f"{name}.mlp.fc2")
    told = norm(x, "norm", 1e-6)
    return linear(norm((told[0] + told[1]) / 2, "head.0", 1e-5), "head.1")


def sound(seed: int, seconds: float, rate: int = 44_100, channels: int = 2) -> Audio:
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * rate), channels))
    return Audio(samples.astype(np.float32), rate)


@pytest.mark.parametrize(("seconds", "count"), [(1.2, 1), (4, 1), (11, 2)])
def test_what_is_heard_is_the_mathematics_in_float64(tmp_path, seed, model, seconds, count):
    torch.save(model.state_dict(), tmp_path / FILES[0])
    audio = sound(seed, seconds)
    found = load_passt(tmp_path, small).hear(audio)["logits"]
    state = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    wanted = np.array([written_out(state, spectrogram(window)) for window in windows(prepare(audio))])
    assert found.shape == wanted.shape == (count, 5)
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()


def test_mono_and_both_channels_alike_are_one_sound(tmp_path, seed, model):
    torch.save(model.state_dict(), tmp_path / FILES[0])
    network, mono = load_passt(tmp_path, small), sound(seed, 2, channels=1)
    stereo = Audio(np.repeat(mono.samples, 2, axis=1), mono.rate)
    assert (network.hear(mono)["logits"] == network.hear(stereo)["logits"]).all()


def test_loudness_is_not_heard(tmp_path, seed, model):
    torch.save(model.state_dict(), tmp_path / FILES[0])
    network, audio = load_passt(tmp_path, small), sound(seed, 2)
    quiet = Audio(audio.samples / 64, audio.rate)
    np.testing.assert_allclose(network.hear(quiet)["logits"], network.hear(audio)["logits"], rtol=1e-4, atol=1e-4)


def test_silence_has_numbers_and_a_tenth_of_a_second_no_value(tmp_path, model):
    torch.save(model.state_dict(), tmp_path / FILES[0])
    network = load_passt(tmp_path, small)
    assert np.isfinite(network.hear(Audio(np.zeros((44_100, 2), dtype=np.float32), 44_100))["logits"]).all()
    with pytest.raises(NoValueError, match=r"0\.10 s"):
        network.hear(sound(1, 0.1))


def test_weights_are_read_bare_in_a_wrapper_and_without_pickle(tmp_path, seed, model):
    state, audio = model.state_dict(), sound(seed, 2)
    heard = []
    wrapped = {f"net.{name}": value for name, value in state.items()} | {"device_proxy": torch.zeros(1)}
    for place, held in enumerate((state, wrapped)):
        (folder := tmp_path / str(place)).mkdir()
        torch.save(held, folder / FILES[0])
        heard.append(load_passt(folder, small).hear(audio)["logits"])
    (folder := tmp_path / "plain").mkdir()
    save_file(state, folder / FILES[1])
    network = load_passt(folder, small)
    assert (network.name, len(network.sha256)) == ("passt", 64)
    assert FILES[1] in network.checkpoint
    heard.append(network.hear(audio)["logits"])
    assert (heard[0] == heard[1]).all()
    assert (heard[0] == heard[2]).all()


def test_the_network_of_the_checkpoint_has_its_size_and_names():
    with torch.device("meta"):
        state = PaSST().state_dict()
    assert sum(value.numel() for value in state.values()) == 86_153_758
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes["patch_embed.proj.weight"] == (768, 1, 16, 16)
    assert shapes["time_new_pos_embed"] == (1, 768, 1, 99)
    assert shapes["freq_new_pos_embed"] == (1, 768, 12, 1)
    assert shapes["blocks.11.attn.qkv.weight"] == (2304, 768)
    assert shapes["blocks.0.mlp.fc1.weight"] == (3072, 768)
    assert shapes["head.0.weight"] == (768,)
    assert shapes["head.1.weight"] == shapes["head_dist.weight"] == (527, 768)


def test_weights_that_are_another_models_are_named(tmp_path, model, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pytest.raises(WeightsError, match=rf"passt: no weights \({FILES[0]}.*kkoutini/PaSST"):
        load_passt(tmp_path)
    torch.save(model.state_dict(), tmp_path / FILES[0])
    with pytest.raises(WeightsError, match=rf"{FILES[0]}: not the weights of PaSST passt_s_swa_p16_128_ap476"):
        load_passt(tmp_path)
    torch.save({"logit_scale_a": torch.ones(1)}, tmp_path / FILES[0])
    with pytest.raises(WeightsError, match="is missing"):
        load_passt(tmp_path, small)
    (tmp_path / FILES[0]).write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        load_passt(tmp_path, small)


def test_weights_that_hear21passt_has_downloaded_are_found(tmp_path, model, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    (folder := tmp_path / "torch" / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(model.state_dict(), folder / FILES[0])
    assert load_passt(None, small).sha256 == load_passt(folder, small).sha256


def test_it_reads_no_text(tmp_path, model):
    torch.save(model.state_dict(), tmp_path / FILES[0])
    with pytest.raises(NoValueError, match="reads no text"):
        load_passt(tmp_path, small).read(["rain"])
