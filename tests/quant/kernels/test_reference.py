"""What the integer engine's kernels mean, against float64 arithmetic and the library's own functions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from einops import rearrange
from torch import Tensor, nn

from quant.kernels import cpu, reference
from quant.kernels.choice import kernels_for
from quant.kernels.interface import Tokens
from quant.model import upstream

UNIT = 2.0**-24
"""Half the distance between 1 and the next float32."""


def values(tokens: Tokens) -> Tensor:
    return tokens.codes.double() * tokens.scale.double()


def stands_for(tokens: Tokens, exact: Tensor, slack: float = 1e-5) -> None:
    """Codes name the grid point nearest to ``exact`` (float64), but for ``slack`` of a step that float32 may lose."""
    assert tokens.codes.dtype == torch.int8
    assert tokens.codes.abs().max() <= 127
    distance = (values(tokens) - exact).abs()
    assert bool((distance <= tokens.scale.double() * (0.5 + slack)).all())


def test_cpu_has_kernels_of_its_own() -> None:
    assert kernels_for(torch.device("cpu")) is cpu
    assert kernels_for(torch.device("meta")) is reference


@pytest.mark.parametrize("limit", [127, 31, 1])
@pytest.mark.parametrize("shape", [(1, 7), (3, 1, 64), (2, 5, 33), (4, 1)])
def test_token_is_scaled_by_its_largest_magnitude(
    shape: tuple[int, ...], limit: int, generator: torch.Generator
) -> None:
    x = torch.randn(shape, generator=generator) * 10 ** torch.randn(*shape[:-1], 1, generator=generator)
    tokens = reference.quantize(x, None, limit=limit)
    assert tokens.codes.shape == shape
    assert tokens.scale.shape == (*shape[:-1], 1)
    assert torch.allclose(tokens.scale[..., 0].double() * limit, x.double().abs().amax(-1), rtol=4 * UNIT, atol=0)
    assert bool((tokens.codes.abs().amax(-1) == limit).all())
    stands_for(tokens, x.double())


def test_token_of_zeros_keeps_codes_of_zero(generator: torch.Generator) -> None:
    x = torch.randn(3, 16, generator=generator)
    x[1] = 0
    tokens = reference.quantize(x, None)
    assert not tokens.codes[1].any()
    assert float(tokens.scale[1]) == 0
    assert bool(tokens.scale.isfinite().all())


@pytest.mark.parametrize("largest", [127, 7])
def test_static_range_saturates(largest: int, generator: torch.Generator) -> None:
    static = torch.rand((), generator=generator) / 50 + 1e-3
    x = torch.randn(40, 31, generator=generator) * largest * static
    tokens = reference.quantize(x, static, limit=largest)
    limit = largest * static.double()
    beyond = x.double().abs() > limit
    assert beyond.any()
    assert not beyond.all()
    stands_for(tokens, x.double().clamp(-limit, limit))
    assert bool((tokens.codes[beyond] == largest * x[beyond].sign()).all())


def test_ties_go_to_even_codes() -> None:
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -2.5])
    assert reference.quantize(x, torch.ones(())).codes.tolist() == [0, 2, 2, 0, -2, -2]


def test_normalization_is_the_librarys(generator: torch.Generator) -> None:
    norm = upstream.stable_audio_tools("models.transformer").LayerNorm(48, bias=True).double().requires_grad_(False)
    norm.gamma.copy_(torch.randn(48, generator=generator))
    norm.beta.copy_(torch.randn(48, generator=generator))
    x = torch.randn(2, 9, 48, generator=generator) * 3 + 1
    tokens = reference.norm_quantize(x, norm.gamma.float(), norm.beta.float(), norm.eps, None)
    exact = torch.nn.functional.layer_norm(
        x.double(), (48,), norm.gamma.float().double(), norm.beta.float().double(), norm.eps
    )
    assert torch.allclose(norm(x.double()), exact, rtol=1e-5, atol=1e-5)
    stands_for(tokens, exact, slack=1e-3)


def test_gate_is_the_librarys(generator: torch.Generator) -> None:
    """The library's GLU on the values that product, scale and bias stand for; then the fold on its result."""
    width = 24
    glu = upstream.stable_audio_tools("models.transformer").GLU(8, width, nn.SiLU()).double().requires_grad_(False)
    y = torch.randn(2, 5, 2 * width, generator=generator)
    scale, bias = torch.rand(2, 5, 1, generator=generator) + 0.1, torch.randn(2 * width, generator=generator)
    fold = torch.rand(width, generator=generator) + 0.5
    # The layer in the library's GLU is made to hand on what it is given.
    glu.proj = nn.Identity()
    exact = glu(y.double() * scale.double() + bias.double()) * fold.double()
    stands_for(reference.swiglu_quantize(y, scale, bias, fold, None), exact, slack=1e-3)
    largest = exact.abs().max().float() / 127
    stands_for(reference.swiglu_quantize(y, scale, bias, fold, largest), exact, slack=1e-3)


def test_heads_are_joined_as_in_the_library(generator: torch.Generator) -> None:
    attended = torch.randn(2, 3, 7, 10, generator=generator)
    tokens = reference.merge_quantize(attended, None)
    assert tokens.codes.shape == (2, 7, 30)
    stands_for(tokens, rearrange(attended, "b h n d -> b n (h d)").double())


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("turned", [0, 8, 16])
def test_attention_gets_what_the_library_gives_it(normed: bool, turned: int, generator: torch.Generator) -> None:
    """Split, normalized and rotated by the library's own functions; rotation reaches all, half or none of a head."""
    library = upstream.stable_audio_tools("models.transformer")
    heads, d, length = 3, 16, 11
    y = torch.randn(2, length, 3 * heads * d, generator=generator)
    scale = torch.rand(2, length, 1, generator=generator) + 0.1
    norms = [nn.LayerNorm(d, eps=1e-6) for _ in range(2)]
    for norm in norms:
        norm.requires_grad_(False)
        norm.weight.copy_(torch.randn(d, generator=generator))
        norm.bias.copy_(torch.randn(d, generator=generator))
    q, k, v = rearrange(y * scale, "b n (p h d) -> p b h n d", p=3, h=heads)
    if normed:
        q, k = norms[0](q), norms[1](k)
    cos = sin = torch.zeros(length, 0)
    if turned:
        freqs, _ = library.RotaryEmbedding(turned).forward_from_seq_len(length)
        q, k = library.apply_rotary_pos_emb(q, freqs), library.apply_rotary_pos_emb(k, freqs)
        cos, sin = freqs.cos(), freqs.sin()
    head_norms = (norms[0].weight, norms[0].bias, norms[1].weight, norms[1].bias, 1e-6) if normed else None
    for found, expected in zip(
        reference.attention_inputs(y, scale, heads, cos, sin, head_norms), (q, k, v), strict=True
    ):
        assert torch.allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_product_is_exact_in_integers(generator: torch.Generator) -> None:
    codes = torch.randint(-127, 128, (2, 5, 1536), generator=generator, dtype=torch.int8)
    weight = torch.randint(-127, 128, (37, 1536), generator=generator, dtype=torch.int8)
    exact = codes.numpy().astype(np.int64) @ weight.numpy().astype(np.int64).T
    tokens = Tokens(codes, torch.ones(2, 5, 1))
    found = reference.product(tokens, reference.pack(weight), torch.ones(37), torch.float32)
    assert np.array_equal(found.numpy(), exact.astype(np.float32))
    scale = torch.rand(37, generator=generator)
    found = reference.product(tokens, weight, scale, torch.float32)
    assert np.array_equal(found.numpy(), exact.astype(np.float32) * scale.numpy())


def test_branch_and_residual_are_plain_sums(generator: torch.Generator) -> None:
    codes = torch.randint(-127, 128, (2, 5, 20), generator=generator, dtype=torch.int8)
    weight = torch.randint(-127, 128, (9, 20), generator=generator, dtype=torch.int8)
    x, bias, scale = (torch.randn(shape, generator=generator) for shape in ((2, 5, 9), (9,), (9,)))
    a, b = torch.randn(9, 4, generator=generator), torch.randn(20, 4, generator=generator)
    tokens = reference.quantize(codes.float(), torch.tensor(1.0), b)
    assert torch.equal(tokens.codes, codes)
    branch = codes.double() @ b.double() @ a.double().mT
    y = codes.double() @ weight.double().mT * scale.double() + branch
    found = reference.product(tokens, weight, scale, torch.float32, a)
    assert torch.allclose(found.double(), y, rtol=1e-5, atol=1e-3)
    tokens = tokens._replace(scale=torch.rand(2, 5, 1, generator=generator))
    full = x.double() + y * tokens.scale.double() + bias.double()
    added = reference.add(x, tokens, weight, scale, a, bias)
    assert torch.allclose(added.double(), full, rtol=1e-5, atol=1e-3)
    y = y.float()
    scaled = y.double() * tokens.scale.double()
    assert torch.allclose(reference.residual(x, y, tokens.scale, None).double(), x.double() + scaled, atol=1e-6)
    full = x.double() + scaled + bias.double()
    assert torch.allclose(reference.residual(x, y, tokens.scale, bias).double(), full, atol=1e-6)


def test_codes_of_a_weight_are_those_of_the_smoothed_one(generator: torch.Generator) -> None:
    weight, factor = torch.randn(12, 30, generator=generator), torch.rand(30, generator=generator) + 0.2
    smoothed = weight.double() * factor.double()
    scale = (smoothed.abs().amax(1, keepdim=True) / 127).float()
    codes = reference.weight_codes(weight, factor, scale)
    assert codes.dtype == torch.int8
    assert bool(((codes.double() * scale.double() - smoothed).abs() <= scale.double() * 0.50001).all())
    assert bool((codes.abs().amax(1) == 127).all())
