"""The leaner decoder gives the library's audio, in float64, and runs in pieces."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from quant.kernels import convolutions
from quant.model import autoencoder, upstream
from quant.model.autoencoder import Block, Decoder, Snake, keep_narrow_, plain_weights_, save_memory_

CHANNELS = 6


@pytest.fixture
def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def decoder_of(generator: torch.Generator, **settings: Any) -> Any:
    """Make an Oobleck decoder of the library with random values throughout, in float64."""
    library = upstream.stable_audio_tools("models.autoencoders")
    given = {"c_mults": [1, 2, 4], "strides": [2, 4, 8], "use_snake": True, "final_tanh": False} | settings
    with torch.no_grad():  # so that normalized weights can be copied
        decoder = library.OobleckDecoder(out_channels=2, channels=1, latent_dim=CHANNELS, **given).double()
    for name, value in decoder.named_parameters():
        value.data = torch.randn(value.shape, generator=generator, dtype=torch.float64) * (0.3 if "bias" in name else 1)
    return decoder.eval().requires_grad_(False)


def lean(decoder: Any) -> tuple[Any, Any]:
    """The decoder with the savings, and one as the library made it."""
    pretransform = SimpleNamespace(model=SimpleNamespace(decoder=copy.deepcopy(decoder)))
    save_memory_(pretransform)
    return pretransform.model.decoder, decoder


SHAPES: list[tuple[dict[str, Any], int]] = [
    ({}, 23),
    ({"c_mults": [1, 2, 4, 8, 16], "strides": [2, 4, 4, 8, 8]}, 3),  # each frame 2,048 samples
    ({"c_mults": [1, 1], "strides": [2, 2]}, 23),
    ({"c_mults": [1], "strides": [16]}, 23),
    ({"use_snake": False, "final_tanh": True}, 23),
]


@pytest.mark.parametrize(("shape", "frames"), [(shape, n) for shape, most in SHAPES for n in (1, most)], ids=str)
@pytest.mark.parametrize("piece", [40, 96])
def test_decoding_in_pieces_is_decoding_at_once(
    generator: torch.Generator, shape: dict[str, Any], frames: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder, original = lean(decoder_of(generator, **shape))
    assert isinstance(decoder, Decoder)
    monkeypatch.setattr(autoencoder, "PIECE", piece)
    latents = torch.randn(2, CHANNELS, frames, generator=generator, dtype=torch.float64)
    expected: Tensor = original(latents)
    assert decoder(latents).shape == expected.shape
    # Random weights magnify rounding by up to a billion; no further apart than the last bits of the input move it.
    nudged = latents * (1 + 1e-15 * torch.randn(latents.shape, generator=generator, dtype=torch.float64))
    moved = float((original(nudged) - expected).abs().max())
    assert float((decoder(latents) - expected).abs().max()) <= 10 * moved + 1e-15


def test_no_layer_of_the_highest_rates_sees_the_whole(
    generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder, _ = lean(decoder_of(generator))
    seen: list[int] = []
    for layer in decoder.layers[decoder.split :]:
        layer.register_forward_hook(lambda _, args, out: seen.append(out.shape[2]))
    monkeypatch.setattr(autoencoder, "PIECE", 1024)
    audio = decoder(torch.randn(1, CHANNELS, 200, generator=generator, dtype=torch.float64))
    assert audio.shape[2] == 200 * 64
    assert max(seen) <= 1024 + 2 * decoder.reach * decoder.rate < audio.shape[2] / 4


@pytest.mark.parametrize("logarithmic", [True, False])
def test_activation_is_the_librarys_and_leaves_its_input(generator: torch.Generator, logarithmic: bool) -> None:
    original = upstream.stable_audio_tools("models.blocks").SnakeBeta(CHANNELS, alpha_logscale=logarithmic)
    for parameter in original.parameters():
        parameter.data = torch.rand(CHANNELS, generator=generator) + 0.1
    original.requires_grad_(False)
    x = torch.randn(2, CHANNELS, 33, generator=generator)
    before = x.clone()
    assert torch.allclose(Snake(original)(x), original(x), rtol=1e-6)
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    "shape",
    [{"use_nearest_upsample": True}, {"c_mults": [1, 2], "strides": [2, 3]}, {"antialias_activation": True}],
    ids=str,
)
def test_decoders_whose_pieces_do_not_meet_stay_whole(generator: torch.Generator, shape: dict[str, Any]) -> None:
    decoder, original = lean(decoder_of(generator, **shape).float())
    assert type(decoder) is type(original)
    latents = torch.randn(1, CHANNELS, 30, generator=generator)
    assert torch.allclose(decoder(latents), original(latents), rtol=1e-5, atol=1e-6)


def test_other_autoencoders_stay_as_they_are() -> None:
    other = SimpleNamespace(model=SimpleNamespace(decoder=nn.Conv1d(1, 1, 1)))
    for pretransform in (None, SimpleNamespace(), other):
        save_memory_(pretransform)
    assert isinstance(other.model.decoder, nn.Conv1d)


def test_names_of_parameters_stay(generator: torch.Generator) -> None:
    decoder, original = lean(decoder_of(generator))
    assert set(decoder.state_dict()) == set(original.state_dict())


def test_plain_weights_are_the_normalized_ones(generator: torch.Generator) -> None:
    decoder = decoder_of(generator)
    latents = torch.randn(1, CHANNELS, 9, generator=generator, dtype=torch.float64)
    expected = decoder(latents)
    plain_weights_(decoder)
    assert torch.equal(decoder(latents), expected)
    assert not any(name.endswith(("weight_g", "weight_v")) for name in decoder.state_dict())


@pytest.mark.parametrize("kept", ["normalized", "plain", "in 16 bits"])
@pytest.mark.parametrize("frames", [1, 21])
@torch.no_grad()
def test_compiled_layers_make_the_librarys_audio(
    generator: torch.Generator, kept: str, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = upstream.stable_audio_tools("models.autoencoders")
    shape = {"c_mults": [1, 2], "strides": [2, 4], "use_snake": True, "final_tanh": False}
    original = library.OobleckDecoder(out_channels=2, channels=64, latent_dim=CHANNELS, **shape).eval()
    for name, value in original.named_parameters():
        if not name.endswith("weight_v"):
            scale = value if name.endswith("weight_g") else 0.3
            # Far larger ones make a sine of a sine that tells rounding errors apart by chance alone.
            value.copy_(scale * torch.randn(value.shape, generator=generator).mul(0.5).exp())
    if kept != "normalized":
        plain_weights_(original)
    if kept == "in 16 bits":
        for layer in original.modules():
            if isinstance(layer, autoencoder.CONVOLUTIONS):
                layer.weight = nn.Parameter(layer.weight.half().float(), requires_grad=False)
    decoder, original = lean(original)
    if kept == "in 16 bits":
        for layer in decoder.modules():
            if isinstance(layer, autoencoder.CONVOLUTIONS):
                layer.weight = nn.Parameter(layer.weight.half(), requires_grad=False)
        keep_narrow_(decoder)
    monkeypatch.setattr(autoencoder, "PIECE", 32)
    latents = torch.randn(2, CHANNELS, frames, generator=generator)
    blocks = [layer for layer in decoder.modules() if isinstance(layer, Block)]
    assert [block.compiles(latents) for block in blocks] == [convolutions.usable(torch.ones(1, 64), 64)] * 2
    exact = copy.deepcopy(original).double()(latents.double())
    direct, found = ((audio.double() - exact).square().mean().sqrt() for audio in (original(latents), decoder(latents)))
    # Of a sum at ten points some five times the rounding of the plain one is left.
    assert found <= 10 * direct
    assert not any(block.kept for block in blocks)
