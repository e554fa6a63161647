"""PaSST: the transformer that tags AudioSet's 527 classes, in the weights that KL_passt is defined by.

``passt_s_swa_p16_128_ap476`` of Koutini et al. (Efficient Training of Audio Transformers with Patchout, Interspeech
2022; Apache-2.0): 86.2 million parameters, a vision transformer of DeiT-B's size over patches of 16 x 16 that overlap
(each 10), with a class and a distillation token and places kept apart for frequency and time. Written afresh; the names
of the weights are theirs. The front end is in :mod:`analysis.metrics.fronts.passt`.
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
from analysis.metrics.fronts.passt import BANDS, PATCH, prepare, spectrogram, windows
from analysis.metrics.networks.computing import device, exactly
from analysis.metrics.networks.weights import file_sha256, fill, find_weights, read_tensors

CLASSES, APART = 527, 10
FILES = ("passt-s-f128-p16-s10-ap.476-swa.pt", "passt-s-f128-p16-s10-ap.476-swa.safetensors")
REMEDY = "they are in the release v0.0.1-audioset of github.com/kkoutini/PaSST"
TOGETHER = 4  # windows a pass


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Let tokens (clips, tokens, width) see one another."""
        query, key, value = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return mixed


class FeedForward(nn.Module):
    """Two layers with a GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Work on each token."""
        done: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return done


class Block(nn.Module):
    """A layer of the transformer: each half with its norm in front and its input added."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = FeedForward(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Pass tokens on."""
        tokens = tokens + self.attn(self.norm1(tokens))
        passed: Tensor = tokens + self.mlp(self.norm2(tokens))
        return passed


class PaSST(nn.Module):
    """The network; another width, depth and number of heads and classes make a small one of its kind."""

    def __init__(self, width: int = 768, depth: int = 12, heads: int = 12, classes: int = CLASSES) -> None:
        super().__init__()
        rows, columns = (BANDS - PATCH) // APART + 1, (1000 - PATCH) // APART + 1
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(1, width, PATCH, APART)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, width))
        self.new_pos_embed = nn.Parameter(torch.zeros(1, 2, width))
        self.freq_new_pos_embed = nn.Parameter(torch.zeros(1, width, rows, 1))
        self.time_new_pos_embed = nn.Parameter(torch.zeros(1, width, 1, columns))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))
        self.head_dist = nn.Linear(width, classes)  # of its training; what is heard comes from ``head``

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Give the logits (clips, classes) of spectrograms (clips, 1, bands, columns), 10 s of them or less."""
        patches = self.patch_embed["proj"](spectrograms)
        patches = patches + self.time_new_pos_embed[..., : patches.shape[-1]] + self.freq_new_pos_embed
        both = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        tokens = torch.cat([both.expand(len(patches), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        told = self.norm(self.blocks(tokens))
        logits: Tensor = self.head((told[:, 0] + told[:, 1]) / 2)
        return logits


class Passt:
    """PaSST with its front end: ``hear`` gives ``logits`` (windows, 527), one row a window of 10 s."""

    name = "passt"
    convention = "passt 1"

    def __init__(self, model: PaSST, checkpoint: str, sha256: str) -> None:
        self.model, self.checkpoint, self.sha256 = model.eval().to(device()), checkpoint, sha256

    def hear(self, audio: Audio) -> Mapping[str, Array]:
        """Give the logits of a clip's windows.

        Raises
        ------
        NoValueError
            If it is shorter than 0.15 s.
        """
        pictures = np.stack([spectrogram(window) for window in windows(prepare(audio))])
        batches = torch.from_numpy(pictures.astype(np.float32))[:, None].split(TOGETHER)
        with exactly():
            logits = torch.cat([self.model(batch.to(device())) for batch in batches])
        return {"logits": logits.cpu().numpy()}

    def read(self, texts: Sequence[str]) -> Array:
        """See :class:`analysis.metrics.basis.networks.Network`.

        Raises
        ------
        NoValueError
            It reads none.
        """
        raise NoValueError("PaSST reads no text")


def load_passt(folder: Path | None, build: Callable[[], PaSST] = PaSST) -> Passt:
    """Load PaSST from its weights, bare or as hear21passt's wrapper saves them.

    Raises
    ------
    WeightsError
        If they are missing, damaged, or another model's.

    Examples
    --------
    >>> small = PaSST(width=8, depth=1, heads=2, classes=3)
    >>> torch.save(small.state_dict(), FILES[0])
    >>> network = load_passt(Path("."), lambda: PaSST(width=8, depth=1, heads=2, classes=3))
    >>> network.hear(Audio(np.zeros((44_100, 1), dtype=np.float32), 44_100))["logits"].shape
    (1, 3)
    """
    path = find_weights("passt", folder, FILES, remedy=REMEDY)
    state = read_tensors(path)
    if wrapped := {name.removeprefix("net."): value for name, value in state.items() if name.startswith("net.")}:
        state = wrapped
    model = build()
    fill(model, state, path, "PaSST passt_s_swa_p16_128_ap476")
    return Passt(model, f"PaSST passt_s_swa_p16_128_ap476, {path.name}", file_sha256(path))
