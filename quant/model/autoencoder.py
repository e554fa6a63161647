"""The autoencoder's decoder in less memory than the library's, with the same audio.

A clip of ten seconds is 442 thousand samples of 128 channels in the last layers, a quarter of a gigabyte a copy, and
the library holds seven. Here the layers of the highest rates run piece by piece, each with as much to both sides as
they see, and activations reuse one copy.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, remove_weight_norm

from quant.model import upstream

CONVOLUTIONS = (nn.Conv1d, nn.ConvTranspose1d)

PIECE = 32 * 1024
"""Samples of audio that are decoded at once in the layers of the highest rates."""


class Snake(nn.Module):
    """Takes the place of the library's SnakeBeta: ``x + sin(alpha x)^2 / beta``, in one copy beside ``x``.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> one = torch.ones(1)
    >>> snake = Snake(SimpleNamespace(alpha=one, beta=one, alpha_logscale=False))
    >>> x = torch.tensor([[[0.0, torch.pi / 2]]])
    >>> (snake(x) - x).round(decimals=6).tolist()  # sin(x) ** 2
    [[[0.0, 1.0]]]
    """

    def __init__(self, snake: Any) -> None:
        super().__init__()
        self.alpha, self.beta, self.logarithmic = snake.alpha, snake.beta, snake.alpha_logscale

    def forward(self, x: Tensor) -> Tensor:
        """Activate (batch, channels, samples)."""
        alpha, beta = (value.exp() if self.logarithmic else value for value in (self.alpha, self.beta))
        y = x * alpha[:, None]
        return y.sin_().square_().mul_(1 / (beta[:, None] + 1e-9)).add_(x)


class Decoder(nn.Module):
    """Takes the place of an Oobleck decoder: the same layers under the same names.

    The first ``split`` layers run over the whole latent; what they give is decoded in pieces.

    Examples
    --------
    >>> decoder = Decoder(nn.Sequential(nn.Conv1d(1, 1, 3, padding=1), nn.ConvTranspose1d(1, 1, 4, 2, 1)), split=1)
    >>> decoder(torch.zeros(1, 1, 5)).shape, decoder.rate
    (torch.Size([1, 1, 10]), 2)
    """

    def __init__(self, layers: nn.Sequential, split: int) -> None:
        super().__init__()
        self.layers, self.split = layers, split
        self.reach, self.rate = _reach(layers[split:])

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (batch, channels, frames) to audio (batch, audio channels, samples)."""
        x: Tensor = self.layers[: self.split](latents)
        frames = x.shape[2]
        size = max(1, PIECE // self.rate)
        pieces = []
        for start in range(0, frames, size):
            low, end = max(0, start - self.reach), min(frames, start + size)
            piece = self.layers[self.split :](x[..., low : end + self.reach])
            pieces.append(piece[..., (start - low) * self.rate : (end - low) * self.rate])
        return torch.cat(pieces, 2)


def _reach(layers: nn.Module) -> tuple[int, int]:
    """How many input frames to either side an output depends on, and how many samples a frame becomes."""
    reach, rate = 0.0, 1
    for layer in layers.modules():
        if isinstance(layer, nn.ConvTranspose1d):
            reach += layer.kernel_size[0] / layer.stride[0] / rate
            rate *= layer.stride[0]
        elif isinstance(layer, nn.Conv1d):
            reach += layer.dilation[0] * (layer.kernel_size[0] - 1) / 2 / rate
    return math.ceil(reach), rate


def save_memory_(pretransform: Any) -> None:
    """Give an Oobleck decoder both savings, in place; other decoders stay as they are.

    Upsampling by neighbours, filters against aliasing and odd strides, whose pieces do not meet, stay whole.

    Examples
    --------
    >>> decoder = nn.Sequential(nn.Conv1d(1, 1, 3))  # of another kind
    >>> pretransform = nn.Module()
    >>> pretransform.model = nn.ModuleDict({"decoder": decoder})
    >>> save_memory_(pretransform)
    >>> pretransform.model["decoder"] is decoder
    True
    """
    library = upstream.stable_audio_tools("models.autoencoders")
    blocks = upstream.stable_audio_tools("models.blocks")
    autoencoder = getattr(pretransform, "model", None)
    decoder = getattr(autoencoder, "decoder", None)
    if autoencoder is None or not isinstance(decoder, library.OobleckDecoder):
        return
    for parent in list(decoder.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, blocks.SnakeBeta):
                setattr(parent, name, Snake(child))
    plain = (nn.Sequential, nn.Conv1d, nn.ConvTranspose1d, nn.ELU, nn.Tanh, nn.Identity, Snake)
    known = (*plain, library.OobleckDecoder, library.DecoderBlock, library.ResidualUnit)
    strides = [layer.stride[0] for layer in decoder.modules() if isinstance(layer, nn.ConvTranspose1d)]
    if all(isinstance(layer, known) for layer in decoder.modules()) and not any(stride % 2 for stride in strides):
        # Of the layers only the last three blocks, and what follows them, are large.
        autoencoder.decoder = Decoder(decoder.layers, max(1, len(strides) - 2))


def plain_weights_(module: nn.Module) -> None:
    """Replace normalized weights by their values, in place: half the memory, and none is made anew at every call.

    Examples
    --------
    >>> layer = nn.utils.weight_norm(nn.Conv1d(1, 1, 3))
    >>> plain_weights_(layer)
    >>> sorted(name for name, _ in layer.named_parameters())
    ['bias', 'weight']
    """
    for part in module.modules():
        if hasattr(part, "weight_g"):
            remove_weight_norm(part)


class _Widened(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight.float()


def keep_narrow_(module: nn.Module) -> None:
    """Let convolutions whose weights are in 16 bits keep them so, in place, and widen each while it is used.

    Examples
    --------
    >>> layer = nn.Conv1d(1, 1, 3, bias=False).half()
    >>> keep_narrow_(layer)
    >>> layer.weight.dtype, layer.parametrizations.weight.original.dtype
    (torch.float32, torch.float16)
    """
    for part in module.modules():
        if isinstance(part, CONVOLUTIONS) and part.weight.dtype == torch.float16:
            parametrize.register_parametrization(part, "weight", _Widened(), unsafe=True)
