"""The low-rank branch beside a product, in each way that processors multiply it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from quant.kernels import cpu, paths
from quant.kernels.native import library, products


def halves(shape: tuple[int, int, int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """``b`` (in, r) and ``a`` (out, r), whose ranks differ in size as singular values do."""
    inputs, outputs, rank = shape
    sizes = 10 ** torch.linspace(0, -2, rank)
    return (torch.randn(width, rank, generator=generator) * sizes for width in (inputs, outputs))


def bound(left: np.ndarray, b: np.ndarray, a: np.ndarray, products: np.ndarray) -> np.ndarray:
    """What the branch of codes ``left``, added to ``products``, may be off by."""
    size = np.abs(left) @ np.abs(b) @ np.abs(a).T
    # A sum of n terms rounds n times, and that over the ranks may begin with what it is added to.
    floats = 2.0**-24 * (sum(b.shape) + 2) * (size + np.abs(products))
    if paths.branch() == "bfloat16":
        return floats + 2.0**-7 * size  # both halves, and what each makes, have 8 bits
    if paths.branch() == "float32":
        return floats
    # b is rounded to steps of each rank.
    step = np.abs(b).max(0) / (127 * 256)
    down, down_off = np.abs(left @ b) / step, np.abs(left).sum(-1, keepdims=True) / 2
    back = np.abs(a) * step
    if paths.branch() == "bfloat16 pairs":  # two numbers of 8 bits leave no more than this of each half
        return floats + down_off * back.sum(1) + 2.0**-15 * (down + down_off) @ back.T
    # Its product with codes is rounded to steps of each token, a to steps of each output.
    token, output = (down + down_off).max(-1, keepdims=True) / 8191 / 2, back.max(1) / 8191 / 2
    return floats + (down_off + token) * back.sum(1) + (down + down_off + token).sum(-1, keepdims=True) * output


@pytest.mark.parametrize(
    ("rows", "inputs", "outputs", "rank"),
    [((2, 5), 70, 13, 6), ((1, 1), 1, 1, 1), ((3,), 64, 130, 32), ((50,), 130, 97, 33), ((7,), 33, 64, 64)],
)
def test_branch_is_added_to_the_product(
    method: str, rows: tuple[int, ...], inputs: int, outputs: int, rank: int, generator: torch.Generator
) -> None:
    codes, weight = (
        torch.randint(-127, 128, shape, generator=generator, dtype=torch.int8)
        for shape in ((*rows, inputs), (outputs, inputs))
    )
    b, a = halves((inputs, outputs, rank), generator)
    packed_b, packed_a = cpu.pack_branch(b, a)
    tokens, packed = cpu.quantize(codes.float(), torch.tensor(1.0), packed_b), cpu.pack(weight)
    left, right, plain = (x.double().numpy() for x in (codes, b, a))
    products = left @ weight.double().numpy().T
    exact = products + left @ right @ plain.T
    allowed = bound(left, right, plain, products)
    found = cpu.product(tokens, packed, torch.ones(outputs), torch.float32, packed_a)
    assert found.dtype == torch.float32
    assert bool((np.abs(found.double().numpy() - exact) <= allowed).all())
    rounded = cpu.product(tokens, packed, torch.ones(outputs), torch.bfloat16, packed_a)
    assert rounded.dtype == torch.bfloat16
    allowed += 2.0**-8 * (np.abs(left) @ np.abs(right) @ np.abs(plain).T + np.abs(products))
    assert bool((np.abs(rounded.double().numpy() - exact) <= allowed).all())
    without = cpu.product(tokens, packed, torch.ones(outputs), torch.float32)
    assert np.array_equal(without.numpy(), products)


def test_branch_is_at_least_as_near_as_in_fp16(method: str, generator: torch.Generator) -> None:
    if paths.branch() == "bfloat16":
        return  # what AMX multiplies fast has 8 bits
    codes = torch.randint(-127, 128, (40, 640), generator=generator, dtype=torch.int8)
    b, a = (torch.randn(width, 32, generator=generator).half() for width in (640, 200))
    exact = (codes.double() @ b.double() @ a.double().mT).numpy()
    packed_b, packed_a = cpu.pack_branch(b.float(), a.float())
    tokens = cpu.quantize(codes.float(), torch.tensor(1.0), packed_b)
    nothing = cpu.pack(torch.zeros(200, 640, dtype=torch.int8))
    found = cpu.product(tokens, nothing, torch.ones(200), torch.float32, packed_a)
    between = (codes.double() @ b.double() / 128).half().double() * 128  # its size is within what fp16 holds
    halved = (between @ a.double().mT / 1024).half().double() * 1024
    error, other = (float(np.linalg.norm(x.double().numpy() - exact)) for x in (found, halved))
    assert error <= other


def test_branch_of_zeros_adds_nothing(method: str, generator: torch.Generator) -> None:
    """A rank, a token or an output without size has no scale to be divided by."""
    codes = torch.randint(-127, 128, (9, 40), generator=generator, dtype=torch.int8)
    codes[2] = 0
    b, a = halves((40, 70, 8), generator)
    b[:, 3], a[5], a[:, 6] = 0, 0, 0
    for down, back in ((b, a), (torch.zeros_like(b), a), (b, torch.zeros_like(a))):
        packed_b, packed_a = cpu.pack_branch(down, back)
        tokens = cpu.quantize(codes.float(), torch.tensor(1.0), packed_b)
        nothing = cpu.pack(torch.zeros(70, 40, dtype=torch.int8))
        found = cpu.product(tokens, nothing, torch.ones(70), torch.float32, packed_a)
        assert not found[2].any()
        assert not found[:, 5].any()
        assert bool(found.any()) == (down is b and back is a)


def test_branch_of_largest_numbers_does_not_overflow(method: str) -> None:
    codes = torch.full((3, 64), 127, dtype=torch.int8)
    for rank in (32, 64):
        packed_b, packed_a = cpu.pack_branch(torch.ones(64, rank), -torch.ones(70, rank))
        tokens = cpu.quantize(codes.float(), torch.tensor(1.0), packed_b)
        found = cpu.product(
            tokens, cpu.pack(torch.zeros(70, 64, dtype=torch.int8)), torch.ones(70), torch.float32, packed_a
        )
        assert torch.allclose(found, torch.full((3, 70), -127.0 * 64 * rank), rtol=2.0**-8, atol=0)


def test_every_instruction_set_has_the_same_bits(generator: torch.Generator) -> None:
    """Also the one whose code is only run by processors with narrower vectors."""
    has = torch.cpu.get_capabilities()
    levels = ["avx512_vnni", "half_vnni"] * has.get("avx512_vnni", False) + ["avx_vnni"] * has.get("avx_vnni", False)
    codes, weight = (
        torch.randint(-127, 128, (width, 130), generator=generator, dtype=torch.int8) for width in (13, 97)
    )
    b, a = halves((130, 97, 40), generator)
    found = []
    for level in [*levels, *["avx2"] * has.get("avx2", False)] * library.compiles():
        packed_b, packed_a = products.pack_branch(level, b, a)
        down = products.down_product(level, codes, packed_b)
        packed, out = products.pack(level, weight), torch.empty(13, 97)
        found.append(products.product(level, codes, packed, torch.ones(97), out, down, packed_a))
    assert all(torch.equal(one, found[0]) for one in found)
