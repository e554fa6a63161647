"""In ggml: products with Q8_0 weights, which is all of a transformer that its libraries have without a program around.

ggml keeps weights as int8 in blocks of 32 under a 16-bit scale, and quantizes each token likewise when it multiplies.
"""

import ctypes
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.common.rounds import ROUNDS, THREADS, say, side_by_side
from benchmarks.common.stable_audio import Step
from quant.kernels import cpu

WIDTH = 1536
SHAPES = {(3 * WIDTH, WIDTH): 1, (WIDTH, WIDTH): 3, (8 * WIDTH, WIDTH): 1, (WIDTH, 4 * WIDTH): 1}
"""Products of a block, (out, in), and how many it has of each."""

F32, Q8_0 = 0, 8

NOTES = {"products_vs_ggml": "a block's products with quantization of tokens, against ggml's of Q8_0 weights"}


class _Parameters(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("without_data", ctypes.c_bool)]


def libraries() -> tuple[Any, Any] | None:
    """Ggml's base and its products for the CPU, of the package libggml-python; None if it is not there."""
    found = importlib.util.find_spec("libggml")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "lib64"
    base, products = (
        ctypes.CDLL(str(folder / f"libggml-{name}.so"), mode=ctypes.RTLD_GLOBAL) for name in ("base", "cpu")
    )
    at, whole = ctypes.c_void_p, ctypes.c_int64
    for name, given, back in (
        ("ggml_init", [_Parameters], at),
        ("ggml_free", [at], None),
        ("ggml_new_tensor_2d", [at, ctypes.c_int, whole, whole], at),
        ("ggml_get_data", [at], at),
        ("ggml_mul_mat", [at, at, at], at),
        ("ggml_new_graph", [at], at),
        ("ggml_build_forward_expand", [at, at], None),
        ("ggml_quantize_chunk", [ctypes.c_int, at, at, whole, whole, whole, at], ctypes.c_size_t),
    ):
        function = getattr(base, name)
        function.argtypes, function.restype = given, back
    products.ggml_graph_compute_with_ctx.argtypes = [at, at, ctypes.c_int]
    products.ggml_graph_compute_with_ctx.restype = ctypes.c_int
    products.ggml_cpu_init()
    return base, products


class Product:
    """A product of tokens (rows, in), float32, with a weight (out, in) that is kept as Q8_0."""

    def __init__(self, weight: Tensor, x: Tensor, threads: int = THREADS) -> None:
        found = libraries()
        assert found
        self._base, self._products = found
        self._threads, (outputs, inputs), rows = threads, weight.shape, len(x)
        size = 4 * (outputs * inputs + rows * (3 * inputs + outputs)) + 2**24
        self._context = self._base.ggml_init(_Parameters(size, None, False))
        kept = self._base.ggml_new_tensor_2d(self._context, Q8_0, inputs, outputs)
        given = self._base.ggml_new_tensor_2d(self._context, F32, inputs, rows)
        weight, x = weight.float().contiguous(), x.float().contiguous()
        self._base.ggml_quantize_chunk(
            Q8_0, weight.data_ptr(), self._base.ggml_get_data(kept), 0, outputs, inputs, None
        )
        ctypes.memmove(self._base.ggml_get_data(given), x.data_ptr(), x.nbytes)
        result = self._base.ggml_mul_mat(self._context, kept, given)
        self._graph = self._base.ggml_new_graph(self._context)
        self._base.ggml_build_forward_expand(self._graph, result)
        at = (ctypes.c_float * (rows * outputs)).from_address(self._base.ggml_get_data(result))
        self.result = torch.frombuffer(at, dtype=torch.float32).view(rows, outputs)
        """What :meth:`run` fills, (rows, out)."""

    def run(self) -> Tensor:
        """Multiply."""
        status = self._products.ggml_graph_compute_with_ctx(self._context, self._graph, self._threads)
        assert status == 0, status
        return self.result

    def close(self) -> None:
        """Let go of the memory, :attr:`result` with it."""
        self._base.ggml_free(self._context)


def ours(weight: Tensor, x: Tensor) -> Callable[[], Tensor]:
    """The same product by our kernels, the tokens' quantization with it."""
    scale = weight.abs().amax(1, keepdim=True) / 127
    packed = cpu.pack((weight / scale).round().to(torch.int8))

    def run() -> Tensor:
        tokens = cpu.quantize(x, None)
        return cpu.product(tokens, packed, scale[:, 0], torch.float32) * tokens.scale

    return run


def products(rounds: int = ROUNDS) -> tuple[dict[str, float], dict[str, str]]:
    """Compare the products of a block, both halves of guidance, by ours and by ggml in turn."""
    if libraries() is None:
        return {}, {"products_vs_ggml": "libggml is not installed: see requirements-bench.txt"}
    generator = torch.Generator().manual_seed(4)
    rows = 2 * (Step().x.shape[-1] + 1)
    taken = {"ours": 0.0, "ggml": 0.0}
    for (outputs, inputs), count in SHAPES.items():
        weight, x = (torch.randn(size, inputs, generator=generator) for size in (outputs, rows))
        theirs, mine = Product(weight, x), ours(weight, x)
        found = side_by_side({"ours": mine, "ggml": theirs.run}, rounds)
        exact = x @ weight.mT
        for result in (mine(), theirs.result):
            assert (result - exact).norm() < 0.02 * exact.norm()  # else the same was not measured
        theirs.close()
        say(f"peers: {rows} x {inputs} x {outputs}: " + ", ".join(f"{k} {v * 1000:.1f} ms" for k, v in found.items()))
        for name in taken:
            taken[name] += count * found[name]
    return {"products_vs_ggml": taken["ggml"] / taken["ours"]}, {}
