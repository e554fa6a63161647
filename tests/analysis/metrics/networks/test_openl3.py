"""OpenL3 as it is loaded, from Keras's files and torch's, and as it hears, held to its mathematics in float64."""

import gzip
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from scipy.signal import correlate

from analysis.errors import NoValueError, WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.fronts.openl3 import channels, frames, spectrogram
from analysis.metrics.networks.openl3 import OpenL3, load_openl3

WIDTHS = (2, 3, 4, 5)
small = partial(OpenL3, WIDTHS)
TORCH, KERAS = "torchopenl3_mel256_env_512.pth.tar", "openl3_audio_mel256_env.h5"


@pytest.fixture
def model(seed):
    """Give a small network of the same class, every weight of it random and its means and variances, too."""
    generator = torch.Generator().manual_seed(seed)
    made = small()
    for name, value in made.state_dict().items():
        if value.is_floating_point():
            drawn = torch.randn(value.shape, generator=generator)
            value.copy_(drawn.abs() + 0.5 if name.endswith("running_var") else drawn * 0.5)
    return made


def write_torch(model: OpenL3, path: Path) -> None:
    """Write weights as torchopenl3 has them, with what its own front end holds."""
    front = {"speclayer.mel_basis": torch.ones(256, 1025), "speclayer.dft_real_kernels": torch.ones(3)}
    torch.save(front | dict(model.state_dict()), path)


def write_keras(model: OpenL3, path: Path, first: int = 1, spectrogram: bool = True) -> None:
    """Write weights as Keras 2 does: layers in the order of the model, those without weights too, counted from any."""
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    layers = [("input_1", {})]
    if spectrogram:
        layers.append(("melspectrogram_1", {"real_kernels": np.ones((2, 2)), "Variable": np.ones(3)}))
    for place in range(1, 9):
        name = f"batch_normalization_{place}"
        leaves = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
        held = {leaf: state[f"{name}.{ours}"] for leaf, ours in leaves.items()}
        layers.append((f"batch_normalization_{place - 1 + first}", held))
        layers.append((f"activation_{place}", {}))
        name = f"conv2d_{place}" if place < 8 else "audio_embedding_layer"
        held = {"kernel": state[f"{name}.weight"].transpose(2, 3, 1, 0), "bias": state[f"{name}.bias"]}
        layers.append((f"conv2d_{place - 1 + first}" if place < 8 else name, held))
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name, _ in layers]
        for name, held in layers:
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{leaf}:0".encode() for leaf in held]
            for leaf, value in held.items():
                group[f"{name}/{leaf}:0"] = value


def written_out(state: dict[str, np.ndarray], picture: np.ndarray) -> np.ndarray:
    """Give the embedding of a spectrogram (256, 199), channel by channel."""

    def normalized(x, name):
        shown = [state[f"{name}.{leaf}"][:, None, None] for leaf in ("running_mean", "running_var", "weight", "bias")]
        return (x - shown[0]) / np.sqrt(shown[1] + 1e-3) * shown[2] + shown[3]

    def convolved(x, name):
        kernels, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        each = [
            sum(correlate(x[k], kernel[k], mode="same", method="direct") for k in range(len(x))) for kernel in kernels
        ]
        return np.array(each) + bias[:, None, None]

    x = normalized(picture[None], "batch_normalization_1")
    for place in range(1, 8):
        x = np.maximum(0, normalized(convolved(x, f"conv2d_{place}"), f"batch_normalization_{place + 1}"))
        if place in (2, 4, 6):
            rows, columns = x.shape[1] // 2, x.shape[2] // 2
            x = x[:, : 2 * rows, : 2 * columns].reshape(-1, rows, 2, columns, 2).max((2, 4))
    last = convolved(x, "audio_embedding_layer")
    assert last.shape[1:] == (32, 24)  # of which 32 x 24 are pooled: the highest of all
    return last.max((1, 2))


def sound(seed: int, seconds: float, rate: int = 44_100, count: int = 2) -> Audio:
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * rate), count))
    return Audio(samples.astype(np.float32), rate)


@pytest.mark.parametrize("name", ["openl3", "openl3_48k"])
def test_what_is_heard_is_the_mathematics_in_float64(tmp_path, seed, model, name):
    write_torch(model, tmp_path / TORCH)
    audio = sound(seed, 1.2)
    found = load_openl3(name, tmp_path, small).hear(audio)["frames"]
    state = {key: value.numpy().astype(np.float64) for key, value in model.state_dict().items()}
    sides = channels(audio, 48_000 if name.endswith("48k") else 44_100)
    wanted = [[written_out(state, spectrogram(frame)) for frame in frames(side)] for side in sides]
    assert found.shape == (3, 2 * WIDTHS[-1])
    assert found.dtype == np.float32
    assert np.abs(found - np.concatenate(wanted, axis=1)).max() < 1e-5 * np.abs(found).max()


@pytest.mark.parametrize("first", [1, 9])
@pytest.mark.parametrize("front", [True, False])
def test_keras_and_torch_hear_the_same(tmp_path, seed, model, first, front):
    write_torch(model, tmp_path / TORCH)
    audio = sound(seed, 1)
    by_torch = load_openl3("openl3", tmp_path, small)
    write_keras(model, tmp_path / KERAS, first, front)
    by_keras = load_openl3("openl3", tmp_path, small)
    assert TORCH in by_torch.checkpoint
    assert KERAS in by_keras.checkpoint
    assert by_torch.sha256 != by_keras.sha256
    assert (by_torch.hear(audio)["frames"] == by_keras.hear(audio)["frames"]).all()


def test_kerass_file_is_read_as_it_is_downloaded(tmp_path, seed, model):
    write_keras(model, tmp_path / "plain.h5")
    packed = tmp_path / "openl3_audio_mel256_env-v0_4_0.h5.gz"
    packed.write_bytes(gzip.compress((tmp_path / "plain.h5").read_bytes()))
    found = load_openl3("openl3", tmp_path, small).model.state_dict()
    assert all((found[name] == value).all() for name, value in model.state_dict().items())


def test_each_name_hears_with_the_weights_of_its_content(tmp_path, model):
    write_keras(model, tmp_path / KERAS)
    with pytest.raises(WeightsError, match=r"openl3_music: no weights \(openl3_audio_mel256_music\.h5, .*marl/openl3"):
        load_openl3("openl3_music", tmp_path, small)
    write_keras(model, tmp_path / "openl3_audio_mel256_music.h5")
    assert "mel256 music" in load_openl3("openl3_music_48k", tmp_path, small).checkpoint


def test_ten_seconds_are_twenty_frames_and_mono_is_both_sides(tmp_path, seed, model):
    write_torch(model, tmp_path / TORCH)
    found = load_openl3("openl3", tmp_path, small).hear(sound(seed, 10, count=1))["frames"]
    assert found.shape == (20, 10)
    assert (found[:, :5] == found[:, 5:]).all()


def test_sides_are_heard_apart(tmp_path, seed, model):
    write_torch(model, tmp_path / TORCH)
    network = load_openl3("openl3", tmp_path, small)
    stereo = sound(seed, 1)
    stereo = Audio(stereo.samples / np.abs(stereo.samples).max(axis=0), stereo.rate)
    found = network.hear(stereo)["frames"]
    for side in (0, 1):
        alone = network.hear(Audio(stereo.samples[:, side : side + 1], stereo.rate))["frames"]
        assert (found[:, 5 * side : 5 * side + 5] == alone[:, :5]).all()


def test_silence_and_a_tenth_of_a_second_have_numbers(tmp_path, seed, model):
    write_torch(model, tmp_path / TORCH)
    network = load_openl3("openl3", tmp_path, small)
    silent = network.hear(Audio(np.zeros((44_100, 2), dtype=np.float32), 44_100))["frames"]
    assert silent.shape == (2, 10)
    assert np.isfinite(silent).all()
    assert network.hear(sound(seed, 0.1))["frames"].shape == (1, 10)


def test_the_network_of_the_checkpoint_has_its_size_and_names():
    with torch.device("meta"):
        made = OpenL3()
    assert sum(weight.numel() for weight in made.parameters()) == 4_687_042
    shapes = {name: tuple(value.shape) for name, value in made.state_dict().items()}
    assert shapes["batch_normalization_1.weight"] == (1,)
    assert shapes["conv2d_1.weight"] == (64, 1, 3, 3)
    assert shapes["conv2d_7.weight"] == (512, 256, 3, 3)
    assert shapes["batch_normalization_8.running_var"] == (512,)
    assert shapes["audio_embedding_layer.weight"] == (512, 512, 3, 3)


def test_weights_that_are_another_models_are_named(tmp_path, model):
    write_keras(OpenL3((2, 3, 4, 6)), tmp_path / KERAS)
    with pytest.raises(WeightsError, match=rf"{KERAS}: not the weights of OpenL3's audio network \(.*6"):
        load_openl3("openl3", tmp_path, small)
    with h5py.File(tmp_path / KERAS, "w") as file:
        file["weights"] = np.ones(3)
    with pytest.raises(WeightsError, match=rf"{KERAS}: cannot be read as weights of Keras"):
        load_openl3("openl3", tmp_path, small)
    (tmp_path / KERAS).write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsError, match=rf"{KERAS}: cannot be read as weights of Keras"):
        load_openl3("openl3", tmp_path, small)
    (tmp_path / KERAS).unlink()
    torch.save({"blocks.0.norm1.weight": torch.ones(3)}, tmp_path / TORCH)
    with pytest.raises(WeightsError, match=rf"{TORCH}: not the weights of OpenL3's audio network"):
        load_openl3("openl3", tmp_path, small)


def test_it_reads_no_text(tmp_path, model):
    write_torch(model, tmp_path / TORCH)
    with pytest.raises(NoValueError, match="reads no text"):
        load_openl3("openl3", tmp_path, small).read(["rain"])
