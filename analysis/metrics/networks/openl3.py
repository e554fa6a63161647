"""OpenL3: the convolutional network that FD_openl3 is defined by, for 256 mel bands and 512 numbers a frame.

Cramer, Wu, Salamon and Bello (Look, Listen and Learn More, ICASSP 2019; weights CC BY 4.0): 4.69 million parameters;
eight convolutions of 3 x 3, each with batch normalization and a ReLU but the last, pooled in twos after each second;
then the highest of each channel. Written afresh, with torchopenl3's names. Read are openl3's own Keras files and
torchopenl3's. Nothing in a file says whether it is of ``env`` or ``music``, of 256 bands or 128: its name does. The
front end is in :mod:`analysis.metrics.fronts.openl3`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.networks import Array
from analysis.metrics.fronts.openl3 import NETWORKS, channels, frames, spectrogram
from analysis.metrics.networks.computing import device, exactly
from analysis.metrics.networks.keras_weights import read_keras
from analysis.metrics.networks.weights import file_sha256, fill, find_weights, read_tensors

WIDTHS = (64, 128, 256, 512)
REMEDY = (
    "openl3's are on the branch models of github.com/marl/openl3, "
    "torchopenl3's in github.com/torchopenl3/torchopenl3-models"
)
TOGETHER = 10  # frames a pass
LEAVES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "kernel": "weight",
    "bias": "bias",
}


class OpenL3(nn.Module):
    """The network; other widths make a small one of its kind."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        steps = [width for width in widths for _ in range(2)]
        self.batch_normalization_1 = nn.BatchNorm2d(1, eps=1e-3)
        self.names: list[tuple[str, str]] = []
        before = 1
        for place, width in enumerate(steps[:-1], 1):
            self.names.append((f"conv2d_{place}", f"batch_normalization_{place + 1}"))
            self.add_module(f"conv2d_{place}", nn.Conv2d(before, width, 3, padding=1))
            self.add_module(f"batch_normalization_{place + 1}", nn.BatchNorm2d(width, eps=1e-3))
            before = width
        self.audio_embedding_layer = nn.Conv2d(before, steps[-1], 3, padding=1)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Give the embeddings (frames, width) of spectrograms (frames, 1, bands, columns)."""
        seen = self.batch_normalization_1(spectrograms)
        for place, (convolution, normalization) in enumerate(self.names, 1):
            seen = functional.relu(self.get_submodule(normalization)(self.get_submodule(convolution)(seen)))
            if place % 2 == 0:
                seen = functional.max_pool2d(seen, 2)
        embedded: Tensor = self.audio_embedding_layer(seen).amax(dim=(2, 3))
        return embedded


class OpenL3Network:
    """OpenL3 with its front end: ``hear`` gives ``frames`` (frames, 1024), left beside right, each half second."""

    convention = "openl3 0.4.2, 1"

    def __init__(self, name: str, model: OpenL3, checkpoint: str, sha256: str) -> None:
        self.name, self.checkpoint, self.sha256 = name, checkpoint, sha256
        self.model = model.eval().to(device())

    def hear(self, audio: Audio) -> Mapping[str, Array]:
        """Give the embeddings of a clip's frames; of a mono clip each half is the same."""
        sides = [self._embed(side) for side in channels(audio, NETWORKS[self.name][1])]
        return {"frames": np.concatenate([sides[0], sides[-1]], axis=1)}

    def _embed(self, side: Array) -> Array:
        pictures = np.stack([spectrogram(frame) for frame in frames(side)])
        batches = torch.from_numpy(pictures.astype(np.float32))[:, None].split(TOGETHER)
        with exactly():
            found: Array = torch.cat([self.model(batch.to(device())) for batch in batches]).cpu().numpy()
        return found

    def read(self, texts: Sequence[str]) -> Array:
        """See :class:`analysis.metrics.basis.networks.Network`.

        Raises
        ------
        NoValueError
            It reads none.
        """
        raise NoValueError("OpenL3 reads no text")


def files(content: str) -> tuple[str, ...]:
    """Name the files that hold the weights of a content, openl3's own first.

    Examples
    --------
    >>> files("env")[0]
    'openl3_audio_mel256_env.h5'
    """
    keras = (f"openl3_audio_mel256_{content}.h5", f"openl3_audio_mel256_{content}-v0_4_0.h5.gz")
    return (*keras, *(f"torchopenl3_mel256_{content}_{width}.pth.tar" for width in (512, 6144)))


def load_openl3(name: str, folder: Path | None, build: Callable[[], OpenL3] = OpenL3) -> OpenL3Network:
    """Load the network of a name of :data:`analysis.metrics.fronts.openl3.NETWORKS`.

    Raises
    ------
    WeightsError
        If its weights are missing, damaged, or another model's.

    Examples
    --------
    >>> torch.save(OpenL3([1, 2]).state_dict(), "torchopenl3_mel256_env_512.pth.tar")
    >>> network = load_openl3("openl3", Path("."), lambda: OpenL3([1, 2]))
    >>> network.hear(Audio(np.zeros((88_200, 2), dtype=np.float32), 44_100))["frames"].shape
    (4, 4)
    """
    content, _ = NETWORKS[name]
    path = find_weights(name, folder, files(content), remedy=REMEDY)
    model = build()
    state = _from_keras(path, model) if ".h5" in path.name else _from_torch(path)
    for counter in (each for each in model.state_dict() if each.endswith("num_batches_tracked")):
        state.setdefault(counter, torch.tensor(0))
    fill(model, state, path, "OpenL3's audio network")
    return OpenL3Network(name, model, f"OpenL3 mel256 {content}, {path.name}", file_sha256(path))


def _from_torch(path: Path) -> dict[str, Tensor]:
    """Read torchopenl3's weights but for its front end, which is another."""
    return {name: value for name, value in read_tensors(path).items() if not name.startswith("speclayer.")}


def _from_keras(path: Path, model: OpenL3) -> dict[str, Tensor]:
    """Read Keras's weights, which go by the order of the layers: what these are called depends on Keras's version."""
    order = ["batch_normalization_1", *(name for names in model.names for name in names), "audio_embedding_layer"]
    state: dict[str, Tensor] = {}
    for place, (layer, weights) in enumerate(read_keras(path, without="spectrogram")):
        name = order[place] if place < len(order) else layer
        for leaf, array in weights.items():
            tensor = torch.from_numpy(np.array(array, dtype=np.float32))
            state[f"{name}.{LEAVES.get(leaf, leaf)}"] = tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor
    return state
