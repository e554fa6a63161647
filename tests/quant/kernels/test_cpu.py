"""Kernels of the CPU compute what the reference kernels say, in each way that processors multiply int8 codes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from quant.kernels import cpu, passes, paths, reference, tiles
from quant.kernels.interface import HeadNorms, Tokens
from quant.kernels.native import library

ROOT = Path(__file__).parents[3]


def signed(codes: Tensor) -> Tensor:
    """Codes as int8, whichever way they are kept."""
    return (codes.int() - 128).to(torch.int8) if codes.dtype == torch.uint8 else codes


def same(found: Tokens, expected: Tokens, method: str) -> None:
    assert found.codes.dtype == (torch.uint8 if method == "unsigned" else torch.int8)
    assert torch.equal(signed(found.codes), expected.codes)
    assert torch.equal(found.scale, expected.scale)


def near(found: Tokens, expected: Tokens) -> None:
    """Where sums are made in another order, the scale may round otherwise, and a value at a border between codes."""
    assert torch.allclose(found.scale, expected.scale, rtol=1e-6, atol=0)
    apart = (signed(found.codes).int() - expected.codes.int()).abs()
    assert apart.max() <= 1
    assert int(apart.sum()) <= max(1, 1e-4 * apart.numel())


def random_codes(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(-127, 128, shape, generator=generator, dtype=torch.int8)


def as_tokens(codes: Tensor, method: str) -> Tokens:
    kept = (codes.int() + 128).to(torch.uint8) if method == "unsigned" else codes
    return Tokens(kept, torch.ones(*codes.shape[:-1], 1))


SHAPES = [(1, 1, 1), (1, 1, 64), (2, 7, 33), (1, 50, 96), (3, 1, 130)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("static", [False, True])
def test_codes_are_the_references_bit_for_bit(
    method: str, shape: tuple[int, ...], static: bool, generator: torch.Generator
) -> None:
    x = torch.randn(shape, generator=generator) * 10 ** torch.randn(*shape[:-1], 1, generator=generator)
    x[..., 0] = x[..., 0].abs().clamp_min(1e-3)
    if shape[1] > 1:
        x[0, 1] = 0
    scale = torch.rand((), generator=generator) / 50 + 1e-3 if static else None
    same(cpu.quantize(x, scale), reference.quantize(x, scale), method)
    same(cpu.quantize(x, scale, limit=31), reference.quantize(x, scale, limit=31), method)
    same(cpu.quantize(x.bfloat16(), scale), reference.quantize(x.bfloat16(), scale), method)


@pytest.mark.parametrize("static", [False, True])
def test_joined_heads_have_the_references_codes(method: str, static: bool, generator: torch.Generator) -> None:
    attended = torch.randn(2, 3, 11, 10, generator=generator)
    scale = torch.rand((), generator=generator) / 50 + 1e-3 if static else None
    for limit in (127, 7):
        found = cpu.merge_quantize(attended, scale, limit=limit)
        same(found, reference.merge_quantize(attended, scale, limit=limit), method)


def test_norm_and_gate_have_the_references_codes(method: str, generator: torch.Generator) -> None:
    x, gamma, beta = (torch.randn(shape, generator=generator) for shape in ((2, 9, 48), (48,), (48,)))
    normed = (x, gamma, beta, 1e-5, None)
    for limit in (127, 7):
        found = cpu.norm_quantize(*normed, limit=limit)
        near(found, reference.norm_quantize(*normed, limit=limit))
    y, bias, fold = (torch.randn(shape, generator=generator) for shape in ((2, 9, 48), (48,), (24,)))
    scale = torch.rand(2, 9, 1, generator=generator)
    given = (y, scale, bias, fold, torch.tensor(0.01))
    for limit in (127, 7):
        found = cpu.swiglu_quantize(*given, limit=limit)
        near(found, reference.swiglu_quantize(*given, limit=limit))


def test_codes_at_the_ends_are_kept(method: str) -> None:
    x = torch.tensor([[-127.0, 127.0, 0.0, -1.0, 1.0, -128.4, 1e9, -1e9]])
    assert signed(cpu.quantize(x, torch.ones(())).codes).tolist() == [[-127, 127, 0, -1, 1, -127, 127, -127]]


def exact_product(codes: Tensor, weight: Tensor) -> np.ndarray:
    """By numpy, in 64-bit integers."""
    return codes.numpy().astype(np.int64) @ weight.numpy().astype(np.int64).T


@pytest.mark.parametrize(
    ("rows", "inputs", "outputs"),
    [
        *(((1,), 1, 1), ((2, 7), 33, 5), ((1, 50), 130, 97), ((3,), 257, 1), ((1,), 1040, 19)),
        *(((1, 1), 64, 64), ((1, 9), 64, 192), ((2, 9), 256, 64), ((40,), 128, 128)),
        *(((2, 225), 4200, 200), ((3, 16), 520, 96)),  # more than a cache holds; whole tiles
    ],
)
def test_product_is_exact_in_integers(
    method: str, rows: tuple[int, ...], inputs: int, outputs: int, generator: torch.Generator
) -> None:
    codes, weight = random_codes((*rows, inputs), generator), random_codes((outputs, inputs), generator)
    tokens, packed = as_tokens(codes, method), cpu.pack(weight)
    exact = exact_product(codes, weight)
    found = cpu.product(tokens, packed, torch.ones(outputs), torch.float32)
    assert found.shape == exact.shape
    assert np.array_equal(found.numpy(), exact)
    scale = torch.rand(outputs, generator=generator)
    found = cpu.product(tokens, packed, scale, torch.float32)
    assert np.array_equal(found.numpy(), exact.astype(np.float32) * scale.numpy())
    rounded = cpu.product(tokens, packed, scale, torch.bfloat16)
    assert torch.equal(rounded, found.bfloat16())


def test_stream_is_kept_unless_it_may_be_written_over(method: str, generator: torch.Generator) -> None:
    codes, weight = random_codes((2, 9, 64), generator), random_codes((96, 64), generator)
    given = as_tokens(codes, method), cpu.pack(weight), torch.rand(96, generator=generator)
    x, bias = (torch.randn(*shape, 96, generator=generator) for shape in ((2, 9), ()))
    before = x.clone()
    expected = cpu.add(x, *given, bias=bias)
    assert torch.equal(x, before)
    exact = torch.from_numpy(exact_product(codes, weight)) * given[2].double() * given[0].scale + before.double() + bias
    assert torch.allclose(expected.double(), exact, rtol=1e-5, atol=1e-3)
    assert torch.equal(cpu.add(x, *given, bias=bias, over=True), expected)


@pytest.mark.parametrize(("outputs", "inputs"), [(64, 64), (192, 128), (128, 256), (70, 96), (5, 33), (90, 1100)])
def test_codes_of_one_group_after_another_are_packed(
    method: str, outputs: int, inputs: int, generator: torch.Generator
) -> None:
    """What a group's codes are multiplied to is what they are multiplied to when packed by themselves."""
    weight = torch.randn(outputs, inputs, generator=generator).half()
    packer = cpu.GroupPacker(weight)
    tokens = as_tokens(random_codes((7, inputs), generator), method)
    for _ in range(3):
        factor = torch.rand(inputs, generator=generator) + 0.3
        scale = (weight.float() * factor).abs().amax(1, keepdim=True) / 127
        codes = reference.weight_codes(weight, factor, scale)
        plain = as_tokens(signed(tokens.codes), "signed").codes
        for once in (False, True):
            packed = packer.pack(factor, scale, once)
            found = cpu.product(tokens, packed, torch.ones(outputs), torch.float32)
            assert np.array_equal(found.numpy(), exact_product(plain, codes)), once


@pytest.mark.parametrize(("left", "right"), [(127, 127), (-127, 127), (127, -127), (-127, -127)])
def test_extreme_codes_neither_saturate_nor_overflow(method: str, left: int, right: int) -> None:
    """16-bit sums of products, as some processors have them, would saturate here."""
    for inputs in (1040, 6144):
        codes = torch.full((3, inputs), left, dtype=torch.int8)
        weight = torch.full((17, inputs), right, dtype=torch.int8)
        found = cpu.product(as_tokens(codes, method), cpu.pack(weight), torch.ones(17), torch.float32)
        if method == "float" and inputs > 1040:
            # Float32 holds sums up to 2^24 exactly, and adds no more than half a step per term to larger ones.
            assert np.allclose(found.numpy(), exact_product(codes, weight), rtol=inputs * 2.0**-24, atol=0)
        else:
            assert np.array_equal(found.numpy(), exact_product(codes, weight).astype(np.float32))


def test_wide_layers_sum_exactly_beyond_what_float32_holds(method: str, generator: torch.Generator) -> None:
    """All products of one sign: sums of 30 million, where float32 counts by twos."""
    codes = torch.randint(40, 128, (5, 6144), generator=generator, dtype=torch.int8)
    weight = torch.randint(40, 128, (9, 6144), generator=generator, dtype=torch.int8)
    exact = exact_product(codes, weight)
    assert exact.min() > 2**24
    found = cpu.product(as_tokens(codes, method), cpu.pack(weight), torch.ones(9), torch.float32)
    if method == "float":
        assert np.allclose(found.numpy(), exact, rtol=6144 * 2.0**-24, atol=0)
    else:
        assert np.array_equal(found.numpy(), exact.astype(np.float32))


def test_no_tokens_give_no_results(method: str, generator: torch.Generator) -> None:
    weight = random_codes((12, 32), generator)
    for shape in ((0, 32), (2, 0, 32)):
        tokens = cpu.quantize(torch.zeros(shape), None)
        found = cpu.product(tokens, cpu.pack(weight), torch.ones(12), torch.float32)
        assert found.shape == (*shape[:-1], 12)


def test_tokens_of_zeros_multiply_to_zero(method: str, generator: torch.Generator) -> None:
    """Codes that are shifted by 128 must be shifted back."""
    packed = cpu.pack(random_codes((13, 70), generator))
    for static in (None, torch.tensor(0.1)):
        tokens = cpu.quantize(torch.zeros(2, 5, 70), static)
        assert not cpu.product(tokens, packed, torch.ones(13), torch.float32).any()


def test_processor_decides_how_codes_are_multiplied(method: str) -> None:
    found = torch.cpu.get_capabilities()
    wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    amx, vnni = wide and found.get("amx_int8"), wide and found.get("avx512_vnni")
    expected = "amx" if amx else "avx512_vnni" if vnni else "avx_vnni" if found.get("avx_vnni") else "avx2"
    if not library.compiles():
        expected = "signed" if amx else "unsigned" if vnni else "float"
    assert method == expected
    halves = wide and bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    assert cpu.activation_dtype() == (torch.bfloat16 if halves else torch.float32)


def test_environment_can_forbid_wide_vectors() -> None:
    """In a process of its own, as torch asks the environment when it starts."""
    code = (
        "import torch; from quant.kernels import cpu;"
        "x = torch.arange(-8., 8.).view(1, 16); w = torch.arange(-64, 64, dtype=torch.int8).view(8, 16);"
        "y = cpu.product(cpu.quantize(x, torch.ones(())), cpu.pack(w), torch.ones(8), torch.float32);"
        "print(cpu.method(), cpu.activation_dtype(), *map(int, y.flatten()))"
    )
    environment = os.environ | {"ATEN_CPU_CAPABILITY": "avx2"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    name, dtype, *numbers = done.stdout.split()
    assert name in (("avx2", "avx_vnni") if library.compiles() else ("float",))
    assert dtype == "torch.float32"
    assert list(map(int, numbers)) == (np.arange(-8, 8) @ np.arange(-64, 64).reshape(8, 16).T).tolist()


def compiled_calls(generator: torch.Generator) -> dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple]]:
    """By name: a pass on tensors as large as a model's, the same pass of the reference, and its arguments."""
    tokens, width, heads = 256, 1024, 16
    x = torch.randn(1, tokens, width, generator=generator)
    y = torch.randn(1, tokens, 3 * width, generator=generator)
    scale = torch.rand(1, tokens, 1, generator=generator) + 0.1
    vectors = [torch.randn(width, generator=generator) for _ in range(3)]
    angles = torch.rand(tokens, 32, generator=generator) * 100
    norms: HeadNorms = (*(torch.randn(64, generator=generator) for _ in range(4)), 1e-6)
    attended = torch.randn(1, heads, tokens, width // heads, generator=generator)
    weight, small = torch.randn(512, width, generator=generator), torch.rand(512, 1, generator=generator) / 30 + 0.01
    factor = torch.rand(width, generator=generator) + 0.5
    static = torch.tensor(0.02)
    calls: dict[str, tuple[str, tuple[object, ...]]] = {
        "quantize": ("quantize", (x, None)),
        "merge_quantize": ("merge_quantize", (attended, static)),
        "weight_codes": ("weight_codes", (weight, factor, small)),
        "attention_inputs": ("attention_inputs", (y, scale, heads, angles.cos(), angles.sin(), norms)),
        "heads that are not normalized": ("attention_inputs", (y, scale, heads, angles.cos(), angles.sin(), None)),
        "norm_quantize": ("norm_quantize", (x, vectors[0], vectors[1], 1e-5, None)),
        "swiglu_quantize": (
            "swiglu_quantize",
            (y[..., : 2 * width], scale, torch.cat(vectors[:2]), vectors[2], static),
        ),
    }
    return {name: (getattr(cpu, kind), getattr(reference, kind), given) for name, (kind, given) in calls.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_large_passes_equal_the_references(dtype: torch.dtype, generator: torch.Generator) -> None:
    for name, (compiled, plain, given) in compiled_calls(generator).items():
        if name not in ("norm_quantize", "weight_codes"):
            given = (given[0].to(dtype), *given[1:])
        found, expected = compiled(*given), plain(*given)
        if name in ("quantize", "merge_quantize"):
            same(found, expected, cpu.method())
        elif isinstance(expected, Tokens):
            near(found, expected)
        elif name == "weight_codes":
            assert torch.equal(found, expected)
        else:
            rounding = 1e-5 if dtype == torch.float32 else 2.0**-7
            for one, other in zip(found, expected, strict=True):
                assert one.dtype == other.dtype == dtype
                assert torch.allclose(one.float(), other.float(), rtol=rounding, atol=1e-5), name


def results(generator: torch.Generator) -> list[Tensor]:
    """Of every pass and of attention, in both dtypes."""
    out: list[Tensor] = []
    for name, (compiled, _, given) in compiled_calls(generator).items():
        for dtype in (torch.float32, torch.bfloat16):
            if name != "weight_codes":
                found = compiled(given[0].to(dtype), *given[1:])
                out += [signed(found.codes), found.scale] if isinstance(found, Tokens) else list(found)
    q, k, v = (torch.randn(2, 3, tokens, 40, generator=generator) for tokens in (77, 101, 101))
    out.append(cpu.attention(q, k, v))
    scale, bias = torch.rand(2, 3, 77, 1, generator=generator), torch.randn(40, generator=generator)
    return [*out, cpu._residual(q, q.flip(0), scale, bias)]


def test_any_number_of_threads_and_width_of_vectors_gives_the_same(
    generator: torch.Generator, monkeypatch: pytest.MonkeyPatch, forget: Callable[[], None]
) -> None:
    if paths.compiled() is None:
        pytest.skip("no compiled passes on this machine")
    seed, found = generator.initial_seed(), []
    try:
        for threads, vectors in ((1, "native"), (2, "native"), (1, "AVX2")):
            monkeypatch.setattr(passes, "_threads", lambda _, threads=threads: threads)
            if vectors == "AVX2":
                monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
            forget()
            found.append(results(generator.manual_seed(seed)))
    finally:
        monkeypatch.undo()
        forget()
    for other in found[1:]:
        assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))


def test_what_is_no_number_stays_none(method: str, generator: torch.Generator) -> None:
    x = torch.randn(1, 2, 4, 16, generator=generator)
    x[0, 0, 1, 3] = torch.nan
    assert cpu.quantize(x, None).scale.isnan().sum() == 1
    assert cpu.attention(torch.ones_like(x), x, x)[0, 0].isnan().any(-1).all()
    assert not cpu.attention(torch.ones_like(x), x, x)[0, 1].isnan().any()


@pytest.mark.parametrize(("outputs", "inputs"), [(32, 64), (96, 320), (48, 64), (32, 96), (5, 7)])
def test_codes_of_a_file_multiply_as_plain_ones(
    method: str, outputs: int, inputs: int, generator: torch.Generator
) -> None:
    """In tiles they are of 16 outputs, four inputs of each side by side; what fills no pair of tiles stays plain."""
    codes = torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8, generator=generator)
    kept = tiles.in_tiles(codes)
    assert (kept.ndim == 4) == (outputs % 32 == 0 and inputs % 64 == 0)
    if kept.ndim == 4:
        assert all(
            kept[output // 16, k // 4, output % 16, k % 4] == codes[output, k]
            for output in range(outputs)
            for k in range(inputs)
        )
    assert torch.equal(tiles.plain(kept), codes)
    tokens = cpu.quantize(torch.randn(9, inputs, generator=generator), None)
    for kernels in (cpu, reference):
        given = tokens if kernels is cpu else tokens._replace(codes=signed(tokens.codes))
        found, plain = (
            kernels.product(given, kernels.pack(one), torch.ones(outputs), torch.float32) for one in (kept, codes)
        )
        assert torch.equal(found, plain)
