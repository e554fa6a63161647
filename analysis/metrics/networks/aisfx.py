"""aisfx: an embedding of sound effects, 512 numbers for each 2.3 seconds, whose weights come with the package.

Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound Effects Libraries" (ISMIR 2022), the model
X-Sequential-CE. Its weights lie in the wheel ``aisfx`` 0.1.2, (c) 2022 A. B. Ma and A. Lerch, under the Creative
Commons Attribution 4.0 International licence; they are used unchanged. The package is not imported.

The front end is that of :mod:`analysis.metrics.fronts.aisfx`. The network is four blocks of two 3x3 convolutions, each
with batch normalization and a ReLU, with maxima of 2x2 after the first three; then the mean over bands and the maximum
over time.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from analysis.errors import NoValueError, WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.networks import Array
from analysis.metrics.fronts.aisfx import blocks_of, spectrogram
from analysis.metrics.networks.computing import device, exactly
from analysis.metrics.networks.weights import file_sha256, fill

WIDTH = 512
TOGETHER = 16  # blocks that pass the network at once
FILE = "aisfx.pth"


class Aisfx:
    """The network with its front end; see the module's docstring, and :class:`analysis.metrics.basis.networks.Network`.

    Parameters
    ----------
    path
        Its weights.

    Raises
    ------
    WeightsError
        If they are damaged, or another network's.
    """

    name = "aisfx"
    convention = "essentia 1"

    def __init__(self, path: Path) -> None:
        self.sha256 = file_sha256(path)
        self.checkpoint = "aisfx 0.1.2, X-Sequential-CE (Ma and Lerch 2022, CC BY 4.0)"
        network = Blocks()
        fill(network, _weights(path), path, "aisfx's X-Sequential-CE")
        self._network = network.eval().fused().to(device())

    def hear(self, audio: Audio) -> Mapping[str, Array]:
        """Embed a clip: ``frames`` (blocks, 512), and ``embedding`` (512,), their mean.

        Raises
        ------
        NoValueError
            If the clip is not longer than half a block, 1.1 seconds.
        """
        with exactly():
            cut = torch.from_numpy(blocks_of(spectrogram(audio))).to(device())
            parts = [self._network(cut[at : at + TOGETHER]) for at in range(0, len(cut), TOGETHER)]
            frames = torch.cat(parts).cpu().numpy()
        return {"frames": frames, "embedding": frames.mean(axis=0)}

    def read(self, texts: Sequence[str]) -> Array:
        """It reads no text.

        Raises
        ------
        NoValueError
            Always.
        """
        raise NoValueError("aisfx reads no text")


def load(weights: Path | None) -> Aisfx:
    """Load it: from ``aisfx.pth`` in a folder of weights, else from where the package lies.

    Raises
    ------
    WeightsError
        If there are none, or they are damaged or another network's.

    Examples
    --------
    >>> load(None).checkpoint
    'aisfx 0.1.2, X-Sequential-CE (Ma and Lerch 2022, CC BY 4.0)'
    """
    if weights is not None and not weights.is_dir():
        raise WeightsError(f"aisfx: {weights} is no folder; give the one that holds the weights of metrics")
    if weights is not None and (weights / FILE).is_file():
        return Aisfx(weights / FILE)
    package = importlib.util.find_spec("aisfx")
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        path = Path(folder) / "models" / "checkpoint.pth"
        if path.is_file():
            return Aisfx(path)
    raise WeightsError("aisfx: no weights, as the package is not installed; pip install --no-deps aisfx==0.1.2")


class Pair(nn.Module):
    """Two convolutions with batch normalization, whose names are the checkpoint's."""

    def __init__(self, taken: int, given: int) -> None:
        super().__init__()
        self.conv1: nn.Module = nn.Conv2d(taken, given, 3, padding=1, bias=False)
        self.conv2: nn.Module = nn.Conv2d(given, given, 3, padding=1, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(given)
        self.bn2: nn.Module = nn.BatchNorm2d(given)

    def forward(self, x: Tensor) -> Tensor:
        """Map (blocks, taken, frames, bands) to (blocks, given, frames, bands)."""
        x = torch.relu_(self.bn1(self.conv1(x)))
        return torch.relu_(self.bn2(self.conv2(x)))


class Blocks(nn.Module):
    """The network: blocks (blocks, 1, 100, 96) to embeddings (blocks, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_block1, self.conv_block2 = Pair(1, 64), Pair(64, 128)
        self.conv_block3, self.conv_block4 = Pair(128, 256), Pair(256, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Embed blocks."""
        for pair in (self.conv_block1, self.conv_block2, self.conv_block3):
            x = nn.functional.max_pool2d(pair(x), 2)
        found: Tensor = self.conv_block4(x).mean(dim=3).amax(dim=2)
        return found

    def fused(self) -> Blocks:
        """Fold each batch normalization into the convolution before it, which gives the same numbers sooner."""
        for pair in self.children():
            assert isinstance(pair, Pair)
            pair.conv1, pair.bn1 = _fold(pair.conv1, pair.bn1), nn.Identity()
            pair.conv2, pair.bn2 = _fold(pair.conv2, pair.bn2), nn.Identity()
        return self


def _fold(convolution: nn.Module, normalization: nn.Module) -> nn.Module:
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(normalization, nn.BatchNorm2d)
    folded = fuse_conv_bn_eval(convolution, normalization)
    folded.weight.data = folded.weight.data.contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU
    return folded


class _Kind:
    """Stands for numpy's kind of a number in the checkpoint, so that unpickling builds no array of objects."""

    def __init__(self, *kind: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _number(kind: object, packed: bytes) -> int:
    """Stands for numpy's scalar in the checkpoint: the indices of the data sets that it was trained on."""
    return int.from_bytes(packed, "little")


def _weights(path: Path) -> dict[str, Any]:
    """Read the checkpoint, a pair of weights and data sets, and give the embedding's weights under their own names."""
    known: list[Any] = [(_number, "numpy.core.multiarray.scalar"), (_Kind, "numpy.dtype")]
    try:
        with torch.serialization.safe_globals(known):
            stored = torch.load(path, map_location="cpu", weights_only=True)
        state = dict(stored[0])
    except (OSError, RuntimeError, EOFError, ValueError, TypeError, LookupError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise WeightsError(f"{path}: cannot be read as weights ({reason}); install aisfx==0.1.2 again") from error
    named = {str(name): value for name, value in state.items()}
    return {name.removeprefix("embedding_net."): value for name, value in named.items() if not name.startswith("fc.")}
