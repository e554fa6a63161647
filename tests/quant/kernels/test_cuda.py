"""Kernels for GPUs compute what the reference kernels say: on a GPU, or in Triton's interpreter without one.

What a kernel does not write is NaN or the largest integer, so that a row or column it forgets shows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

pytest.importorskip("triton")

from quant.kernels import cuda, reference
from quant.kernels.interface import Entry, Tokens

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Of bfloat16, which Triton's interpreter does not round but cuts off.
ROUNDING = 2.0**-8 if DEVICE == "cuda" else 2.0**-7
# Rows and columns that no tile divides, one of each, and those of Stable Audio Open's narrowest layer.
SHAPES = [(2, 5, 70), (1, 1, 1), (1, 3, 64), (2, 17, 300), (1, 33, 1536)]


@pytest.fixture(autouse=True)
def poisoned() -> Iterator[None]:
    """Fill what torch leaves uninitialized."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def here(*values: Tensor | None) -> tuple[Tensor | None, ...]:
    return tuple(None if value is None else value.to(DEVICE) for value in values)


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator)


def random_codes(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(-127, 128, shape, generator=generator, dtype=torch.int8)


def same(found: Tokens, expected: Tokens) -> None:
    assert found.codes.dtype == torch.int8
    assert torch.equal(found.codes.cpu(), expected.codes)
    assert torch.equal(found.scale.cpu(), expected.scale)


def alike(found: Tokens, expected: Tokens) -> None:
    """What is computed before the rounding may differ in its last bits, and a code in a tie by one."""
    assert torch.allclose(found.scale.cpu(), expected.scale, rtol=1e-5, atol=1e-12)
    apart = (found.codes.cpu().int() - expected.codes.int()).abs()
    assert int(apart.max()) <= 1
    assert float((apart > 0).float().mean()) <= 1e-3 or int((apart > 0).sum()) <= 1


def branch_of(tokens: Tokens, b: Tensor) -> Tensor:
    """The codes times ``b`` in float64."""
    return tokens.codes.double().cpu() @ b.double()


def half_of(width: int, generator: torch.Generator, rank: int = 6) -> Tensor:
    return normal((width, rank), generator).bfloat16()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_tokens_are_the_references(shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator) -> None:
    x = normal(shape, generator).mul(3).to(dtype)
    static = x.float().abs().max() / 100  # some values clip
    for limit in (127, 31):
        same(cuda.quantize(*here(x, None), limit=limit), reference.quantize(x, None, limit=limit))
        same(cuda.quantize(*here(x, static), limit=limit), reference.quantize(x, static, limit=limit))


def test_extreme_values_are_quantized_as_by_the_reference(generator: torch.Generator) -> None:
    x = normal((6, 70), generator)
    x[0], x[1], x[2], x[3] = 0.0, x[1] * 1e30, x[2] * 1e-30, 3.0e38
    x[4, 5], x[5] = -1e6, torch.arange(70) - 34.5  # ties: halves at a scale of one
    x[5, 0] = 127.0
    same(cuda.quantize(*here(x, None)), reference.quantize(x, None))
    one = torch.tensor(1.0)
    same(cuda.quantize(*here(x, one)), reference.quantize(x, one))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("static", [None, torch.tensor(0.5)], ids=["dynamic", "static"])
def test_row_that_holds_no_number_is_none(value: float, static: Tensor | None, generator: torch.Generator) -> None:
    x = normal((5, 70), generator)
    x[2, 9] = value
    scale = cuda.quantize(*here(x, static)).scale.cpu().flatten()
    assert scale.isnan().tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("rank", [1, 8, 32, 70])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_branch_meets_the_codes(shape: tuple[int, ...], rank: int, generator: torch.Generator) -> None:
    x, b = normal(shape, generator), half_of(shape[-1], generator, rank)
    found, expected = cuda.quantize(*here(x, None, b)), reference.quantize(x, None, b)
    same(found, expected)
    assert found.down is not None
    exact = branch_of(expected, b)
    size = expected.codes.double().abs() @ b.double().abs()
    assert bool(((found.down.double().cpu() - exact).abs() <= ROUNDING * (exact.abs() + 1e-3 * size)).all())


@pytest.mark.parametrize("with_branch", [False, True])
@pytest.mark.parametrize("shape", SHAPES[:1] + SHAPES[2:], ids=str)
def test_normalization_is_the_references(shape: tuple[int, ...], with_branch: bool, generator: torch.Generator) -> None:
    x = normal(shape, generator) * 5 + 2
    gamma, beta = normal(shape[-1:], generator), normal(shape[-1:], generator)
    b = half_of(shape[-1], generator) if with_branch else None
    for static in (None, torch.tensor(0.02)):
        at, *rest = here(x, gamma, beta)
        for limit in (127, 31):
            found = cuda.norm_quantize(at, *rest, 1e-5, *here(static, b), limit)
            alike(found, reference.norm_quantize(x, gamma, beta, 1e-5, static, b, limit))


@pytest.mark.parametrize("with_branch", [False, True])
@pytest.mark.parametrize("per_token", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gated_activation_is_the_references(
    shape: tuple[int, ...], per_token: bool, with_branch: bool, generator: torch.Generator
) -> None:
    y = normal((*shape[:-1], 2 * shape[-1]), generator).to(torch.float32 if per_token else torch.bfloat16)
    scale = torch.rand((*shape[:-1], 1), generator=generator) if per_token else torch.tensor(0.7)
    bias, fold = normal((2 * shape[-1],), generator), torch.rand(shape[-1:], generator=generator) + 0.1
    b = half_of(shape[-1], generator) if with_branch else None
    for static in (None, torch.tensor(0.02)):
        for limit in (127, 31):
            found = cuda.swiglu_quantize(*here(y, scale, bias, fold, static, b), limit)
            alike(found, reference.swiglu_quantize(y, scale, bias, fold, static, b, limit))


@pytest.mark.parametrize(("dtype", "limit"), [(torch.bfloat16, 127), (torch.float32, 31)])
@pytest.mark.parametrize("layout", ["heads first", "tokens first"])
def test_joined_heads_are_the_references(
    layout: str, dtype: torch.dtype, limit: float, generator: torch.Generator
) -> None:
    attended = normal((2, 3, 7, 20), generator).to(dtype)
    if layout == "tokens first":
        attended = attended.transpose(1, 2).contiguous().transpose(1, 2)
    b = half_of(60, generator)
    for static in (None, torch.tensor(0.02)):
        found = cuda.merge_quantize(*here(attended, static, b), limit)
        same(found, reference.merge_quantize(attended, static, b, limit))


@pytest.mark.parametrize(
    ("rows", "outputs", "width"), [(1, 1, 1), (5, 13, 70), (65, 130, 300), (17, 64, 1536), (70, 40, 128)]
)
def test_products_are_exact_in_integers(rows: int, outputs: int, width: int, generator: torch.Generator) -> None:
    codes, weight = random_codes((rows, width), generator), random_codes((outputs, width), generator)
    tokens = Tokens(*here(codes, torch.ones(rows, 1)))
    packed = cuda.pack(weight.to(DEVICE))
    exact = codes.numpy().astype(np.int64) @ weight.numpy().astype(np.int64).T
    found = cuda.product(tokens, packed, torch.ones(outputs, device=DEVICE), torch.float32)
    assert np.array_equal(found.cpu().numpy(), exact.astype(np.float32))
    scale = torch.rand(outputs, generator=generator)
    found = cuda.product(tokens, packed, *here(scale), torch.float32)
    assert np.array_equal(found.cpu().numpy(), exact.astype(np.float32) * scale.numpy())
    rounded = cuda.product(tokens, packed, *here(scale), torch.bfloat16)
    if DEVICE == "cpu":  # Triton's interpreter cuts the bits off
        assert torch.equal(rounded, (found.view(torch.int32) & -65536).view(torch.float32).bfloat16())
    else:
        assert torch.equal(rounded, found.bfloat16())


def test_largest_codes_do_not_overflow() -> None:
    width = 6144
    codes, weight = (torch.full((4, width), sign * 127, dtype=torch.int8) for sign in (1, -1))
    tokens = Tokens(*here(codes, torch.ones(4, 1)))
    found = cuda.product(tokens, weight.to(DEVICE), torch.ones(4, device=DEVICE), torch.float32)
    assert torch.equal(found.cpu(), torch.full((4, 4), -float(127 * 127 * width)))


@pytest.mark.parametrize("rank", [1, 8, 32, 70])
def test_branch_is_added_to_the_product(rank: int, generator: torch.Generator) -> None:
    codes, weight = random_codes((2, 9, 70), generator), random_codes((37, 70), generator)
    scale, b = torch.rand(37, generator=generator), half_of(70, generator, rank)
    a = normal((rank, 37), generator).bfloat16().mT
    down = (codes.bfloat16() @ b).bfloat16()
    expected = reference.product(
        Tokens(codes, torch.ones(2, 9, 1), down.double()), weight, scale, torch.float32, a.double()
    )
    tokens = Tokens(*here(codes, torch.ones(2, 9, 1), down))
    found = cuda.product(tokens, *here(weight, scale), torch.float32, *here(a))
    size = down.double().abs() @ a.double().abs().mT
    assert bool(((found.cpu() - expected).abs() <= 1e-5 * (size + expected.abs())).all())


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("per_token", [False, True])
@pytest.mark.parametrize("with_branch", [False, True])
def test_result_is_added_to_the_stream(
    per_token: bool, with_bias: bool, with_branch: bool, generator: torch.Generator
) -> None:
    codes, weight = random_codes((2, 9, 70), generator), random_codes((37, 70), generator)
    x, scale = normal((2, 9, 37), generator), torch.rand(37, generator=generator)
    token_scale = torch.rand(2, 9, 1, generator=generator) if per_token else torch.tensor(0.3)
    bias = normal((37,), generator) if with_bias else None
    a = normal((6, 37), generator).bfloat16().mT if with_branch else None
    down = normal((2, 9, 6), generator).bfloat16() if with_branch else None
    expected = reference.add(x, Tokens(codes, token_scale, down), weight, scale, a, bias)
    before = x.clone()
    found = cuda.add(*here(x), Tokens(*here(codes, token_scale, down)), *here(weight, scale, a, bias))
    # The reference rounds the branch to bfloat16 before it is added; the kernel does not.
    unit = 2.0**-8 if with_branch else 1e-6
    assert torch.allclose(found.cpu(), expected, rtol=unit, atol=unit * 8)
    assert torch.equal(x, before)


@pytest.mark.parametrize("static", [None, 0.05])
@pytest.mark.parametrize(("width", "block"), [(48, 1), (300, 1), (48, 16)])
def test_carried_channels_are_the_references(
    width: int, block: int, static: float | None, generator: torch.Generator
) -> None:
    """Taken out before the scale; what is carried is rounded to bfloat16."""
    channels = torch.randperm(width, generator=generator)[:5]
    entry, there = Entry.of(channels, width, block), Entry.of(channels.to(DEVICE), width, block)
    fixed = None if static is None else torch.tensor(static)
    x, gamma, beta, fold = (normal(size, generator) for size in ((2, 7, width), (width,), (width,), (width,)))
    for large in (x, gamma, fold):
        large[..., channels] *= 50
    x[0, 1] = 0
    x[0, 2], x[0, 2, channels[0]] = 0, 3
    y, bias = normal((2, 7, 2 * width), generator), normal((2 * width,), generator)
    calls = {
        "quantize": (x, fixed),
        "merge_quantize": (x.view(2, 7, 3, width // 3).transpose(1, 2), fixed),
        "norm_quantize": (x, gamma, beta, 1e-5, fixed),
        "swiglu_quantize": (y, torch.rand(2, 7, 1, generator=generator), bias, fold, fixed),
    }
    for name, given in calls.items():
        moved = (value if isinstance(value, float) else here(value)[0] for value in given)
        found = getattr(cuda, name)(*moved, entry=there)
        expected = getattr(reference, name)(*given, entry=entry)
        alike(found, expected)
        assert block > 1 or not found.codes[..., channels].any()
        assert torch.allclose(found.down.float().cpu(), expected.down, rtol=2 * ROUNDING, atol=1e-6), name
