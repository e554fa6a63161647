"""CDPAM: a network that hears how far apart two recordings sound to people (Manocha et al. 2021, MIT licence).

Its weights are those inside the package cdpam 0.0.6, 106 MB, found without importing the package, which needs librosa.
Convention, that of the package's own loader: mono, the mean of the channels; 22.05 kHz, here by soxr; samples times
32,768, rounded, as float32; no normalization. Sixteen convolutions of 15 samples with batch normalization, every
fourth at half the rate; the mean over time, of which the first half (acoustics, 512) is brought to unit length; four
linear layers. The distance of two sounds is the sum, over the layers, of weighted absolute differences.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.errors import NoValueError, WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.networks import Array
from analysis.metrics.networks.weights import file_sha256, fill

RATE, TAPS, CONVOLUTIONS, FILTERS = 22_050, 15, 16, 64
HALVING = 4  # convolutions until the rate is halved and the width doubled
REACH = (TAPS // 2) * HALVING * (1 + 2 + 4 + 8)
"""How far from its own time one output of the convolutions hears, in samples."""
STEP = 16  # samples that one output stands for
BLOCK, EDGE = 2**16, 432  # samples at a time, and around them: REACH, at the next multiple of STEP
ACOUSTICS, LAYERS = 512, (256, 64, 16, 4)
FILE = "scratchJNDdefault_best_model.pth"
ALLOWED = {("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2")}


class _Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = [1, *(FILTERS * 2 ** ((index + 1) // HALVING) for index in range(CONVOLUTIONS))]
        self.encoder = nn.ModuleList(
            # Where the rate is halved, what would be thrown away is not computed.
            nn.Conv1d(before, after, TAPS, padding=TAPS // 2, stride=2 if (index + 1) % HALVING == 0 else 1)
            for index, (before, after) in enumerate(pairwise(widths))
        )
        self.ebatch = nn.ModuleList(nn.BatchNorm1d(width) for width in widths[1:])

    def forward(self, x: Tensor) -> Tensor:
        for convolution, normalization in zip(self.encoder, self.ebatch, strict=True):
            x = functional.leaky_relu(normalization(convolution(x)), 0.1)
        return x


class _Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Sequential(nn.Linear(*widths)) for widths in pairwise((ACOUSTICS, *LAYERS)))
        self.chan_w = nn.ParameterList(nn.Parameter(torch.zeros(width)) for width in LAYERS)

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for index, (linear, weight) in enumerate(zip(self.convs, self.chan_w, strict=True)):
            x = linear(x)
            x = functional.leaky_relu(x) if index < len(LAYERS) - 1 else x
            found.append(x * weight)
        return torch.cat(found)


class Hearing(nn.Module):
    """The network, with the names of the published weights.

    Examples
    --------
    >>> Hearing().eval().model_dist(torch.zeros(512)).shape
    torch.Size([340])
    """

    def __init__(self) -> None:
        super().__init__()
        self.base_encoder, self.model_dist = _Convolutions(), _Layers()

    def embed(self, samples: Tensor) -> Tensor:
        """Hear samples (samples,) at 22.05 kHz and int16's scale: a unit vector (512,).

        Block by block, each with what is around it, so that a long clip needs no more memory than a short one.
        """
        total = torch.zeros(ACOUSTICS, device=samples.device, dtype=torch.float64)
        outputs = -(-len(samples) // STEP)
        for start in range(0, len(samples), BLOCK):
            before = min(EDGE, start)
            heard = self.base_encoder(samples[None, None, start - before : start + BLOCK + EDGE])[0, :ACOUSTICS]
            some = heard[:, before // STEP :][:, : min(BLOCK // STEP, outputs - start // STEP)]
            total += some.sum(dim=1, dtype=torch.float64)
        return functional.normalize((total / outputs).float(), dim=0)


class Cdpam:
    """CDPAM with its front end, as :class:`analysis.metrics.basis.networks.Network`.

    ``hear`` gives ``embedding`` (512,), of unit length, ``layers`` (340,) and ``seconds`` (1,), its length.
    """

    name = "cdpam"
    convention = "1"

    def __init__(self, network: Hearing, checkpoint: str, sha256: str) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network, self.checkpoint, self.sha256 = network.eval().to(self._device), checkpoint, sha256

    @torch.inference_mode()
    def hear(self, audio: Audio) -> Mapping[str, Array]:
        """Hear a clip.

        Raises
        ------
        NoValueError
            If it is silent, or shorter than one output of the convolutions hears.
        """
        samples = Audio(audio.mono()[:, None], audio.rate).at(RATE).samples[:, 0]
        if not samples.any():
            raise NoValueError("it is silent")
        if len(samples) <= 2 * REACH:
            raise NoValueError(f"it is {audio.seconds:.3f} s long; CDPAM needs {(2 * REACH + 1) / RATE:.3f} s")
        scaled = torch.from_numpy(np.round(samples * np.float32(32768))).to(self._device)
        embedding = self._network.embed(scaled)
        return {
            "embedding": embedding.cpu().numpy(),
            "layers": self._network.model_dist(embedding).cpu().numpy(),
            "seconds": np.array([audio.seconds]),
        }

    def read(self, texts: Sequence[str]) -> Array:
        """Refuse: it hears and does not read."""
        raise NoValueError("CDPAM reads no text")


def load(weights: Path | None) -> Cdpam:
    """Load it, from ``weights``, a folder, if the file is there, else from the installed package.

    Raises
    ------
    WeightsError
        If it is in neither, damaged, or another model's.
    """
    path = _find(weights)
    state = {
        name: value
        for name, value in _read(path).items()
        if not name.startswith("model_classif.")  # which of two is nearer: not asked here
    }
    network = Hearing()
    fill(network, state, path, "CDPAM")
    return Cdpam(
        network, f"CDPAM, {FILE} of the package cdpam 0.0.6 (Manocha et al. 2021, MIT licence)", file_sha256(path)
    )


def _find(folder: Path | None) -> Path:
    if folder is not None and (folder / FILE).is_file():
        return folder / FILE
    package = importlib.util.find_spec("cdpam")
    for place in (package.submodule_search_locations or []) if package is not None else []:
        if (found := Path(place) / "CDPAM_trained" / FILE).is_file():
            return found
    raise WeightsError(f"cdpam: {FILE} is not installed; pip install --no-deps cdpam==0.0.6")


class _Tensors(pickle.Unpickler):
    """Unpickles tensors and plain data, nothing else.

    torch's own safe reader does not know how this old file writes the keys of its storages.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it holds {module}.{name}")
        return super().find_class(module, name)


def _read(path: Path) -> dict[str, Tensor]:
    """Read the weights; what torch unpickles with gives no access to code."""
    reader = SimpleNamespace(__name__="tensors", Unpickler=_Tensors, load=lambda file, **kwargs: _Tensors(file).load())
    try:
        stored = torch.load(path, map_location="cpu", weights_only=False, pickle_module=reader)
        state = stored["state"]
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0][:120]
        raise WeightsError(f"{path}: cannot be read as CDPAM's weights ({reason}); install cdpam again") from error
    return dict(state)
