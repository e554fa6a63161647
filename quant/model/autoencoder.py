"""The autoencoder's decoder in less memory than the library's, with the same audio.

A clip of ten seconds is 442 thousand samples of 128 channels in the last layers, a quarter of a gigabyte a copy, and
the library holds seven. Here the layers of the highest rates run piece by piece, each with as much to both sides as
they see, and activations reuse one copy.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, remove_weight_norm

from quant.kernels import convolutions
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

    def values(self) -> tuple[Tensor, Tensor]:
        """The factors (channels,) of the angle and of its squared sine."""
        alpha, beta = (value.exp() if self.logarithmic else value for value in (self.alpha, self.beta))
        return alpha, 1 / (beta + 1e-9)

    def forward(self, x: Tensor) -> Tensor:
        """Activate (batch, channels, samples)."""
        alpha, beta = self.values()
        if convolutions.usable(x, x.shape[1]):
            return convolutions.Snake(alpha, beta)(x.transpose(1, 2)).transpose(1, 2)
        y = x * alpha[:, None]
        return y.sin_().square_().mul_(beta[:, None]).add_(x)


class Block(nn.Module):
    """Takes the place of the library's DecoderBlock: the same layers under the same names.

    Where compiled kernels serve it, the channels of a sample lie side by side: the transposed convolution, whose kernel
    is twice its stride, is then two matrix products, and a residual unit one kernel.

    Examples
    --------
    >>> block = Block(nn.ModuleDict({"layers": nn.Sequential(nn.ELU())}))
    >>> block(torch.ones(1, 1, 2)).tolist()
    [[[1.0, 1.0]]]
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.layers = block.layers
        self.kept: list[Any] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, frames) to (batch, channels, frames times the stride)."""
        return self.compiled(x) if self.compiles(x) else self.layers(x)

    def compiles(self, x: Tensor) -> bool:
        """Whether all layers are such as the kernels compute, and ``x`` too."""
        if not all(isinstance(layer, Snake) for layer in self.layers[:1]):
            return False
        return convolutions.usable(x, math.gcd(self.layers[1].in_channels, self.layers[1].out_channels))

    def pack(self) -> list[Any]:
        """The weights as the kernels take them."""
        _, up, *units = self.layers
        # (in, out, 2 stride) to two of (in, stride * out)
        halves = _weight(up).unflatten(2, (2, -1)).permute(2, 0, 3, 1).contiguous().flatten(2)
        packed: list[Any] = [(*halves, up.bias.repeat(up.stride[0]))]
        for unit in units:
            before, taps, between, mix = unit.layers
            packed.append(
                (
                    convolutions.Snake(*before.values()),
                    convolutions.pack_taps(_weight(taps)),
                    taps.bias,
                    convolutions.Snake(*between.values()),
                    convolutions.pack_mix(_weight(mix)[..., 0]),
                    mix.bias,
                    taps.dilation[0],
                )
            )
        return packed

    def compiled(self, x: Tensor) -> Tensor:
        """As :meth:`forward`, by the kernels."""
        (now, last, bias), *units = self.kept or self.pack()
        stride, active = self.layers[1].stride[0], convolutions.Snake(*self.layers[0].values())
        out = []
        for one in active(x.transpose(1, 2)):
            # Before and behind the frames there are zeros: each frame reaches into the stretch of the next.
            y = bias.expand(len(one) + 1, -1).clone()
            y[:-1].addmm_(one, now)
            y[1:].addmm_(one, last)
            y = y.view(-1, len(bias) // stride)[stride // 2 : stride // 2 - stride]
            for unit in units:
                y = convolutions.residual_unit(y, *unit)
            out.append(y)
        return torch.stack(out).transpose(1, 2)


def _weight(layer: Any) -> Tensor:
    """A convolution's weight, of its direction and size where it is normalized: what is kept of it may be older."""
    return torch._weight_norm(layer.weight_v, layer.weight_g, 0) if hasattr(layer, "weight_g") else layer.weight


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
        with _packed_once(self.layers[self.split :], x):
            for start in range(0, frames, size):
                low, end = max(0, start - self.reach), min(frames, start + size)
                piece = self.layers[self.split :](x[..., low : end + self.reach])
                pieces.append(piece[..., (start - low) * self.rate : (end - low) * self.rate])
        return torch.cat(pieces, 2)


@contextlib.contextmanager
def _packed_once(layers: nn.Module, x: Tensor) -> Iterator[None]:
    """Have the blocks among ``layers`` keep their packed weights for a while."""
    blocks = [layer for layer in layers.modules() if isinstance(layer, Block) and layer.compiles(x)]
    for block in blocks:
        block.kept = block.pack()
    try:
        yield
    finally:
        for block in blocks:
            block.kept = None


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
        for place, layer in enumerate(decoder.layers):
            if isinstance(layer, library.DecoderBlock):
                decoder.layers[place] = Block(layer)
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


@contextlib.contextmanager
def without_weight_norm() -> Iterator[None]:
    """Have the library make autoencoders whose layers have plain weights, as a file that holds these needs them.

    Examples
    --------
    >>> library = upstream.stable_audio_tools("models.autoencoders")
    >>> with without_weight_norm():
    ...     layer = library.WNConv1d(1, 1, 3)
    >>> sorted(name for name, _ in layer.named_parameters())
    ['bias', 'weight']
    """
    library: Any = upstream.stable_audio_tools("models.autoencoders")
    original = library.weight_norm
    library.weight_norm = lambda layer, *args, **kwargs: layer
    try:
        yield
    finally:
        library.weight_norm = original


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
