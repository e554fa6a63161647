"""Which way this process multiplies int8 codes on its processor, decided by what will happen and not by its name."""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from quant.kernels.native.library import LEVELS, library

log = logging.getLogger(__name__)

_HELD = {"AVX512_CORE_VNNI", "AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX512_CORE_AMX", "AVX512_CORE_AMX_FP16"}
_NARROW = {"SSE41", "AVX", "AVX2", "AVX512_CORE"}
"""Values of ``ONEDNN_MAX_CPU_ISA`` under which AVX512-VNNI is still used, and under which VNNI is not."""


@functools.cache
def method() -> str:
    """How this process multiplies int8 codes; said once in the log.

    ``amx``, ``avx512_vnni``, ``avx_vnni`` or ``avx2``: our own products; ``signed`` and ``unsigned``: oneDNN with AMX
    and with AVX512-VNNI, where nothing can be compiled; ``float``: in float32. ``ATEN_CPU_CAPABILITY`` and
    ``ONEDNN_MAX_CPU_ISA`` hold it to less. What oneDNN would do is tried with a small product.

    Examples
    --------
    >>> method() in ("amx", "avx512_vnni", "avx_vnni", "avx2", "signed", "unsigned", "float")
    True
    """
    has, own = _has(), compiled()
    if own:
        name = own
    elif has["amx"] and _trusted(torch.int8):
        name = "signed"
    else:
        name = "unsigned" if has["avx512_vnni"] and _trusted(torch.uint8) else "float"
    log.info("int8 products on this processor: %s", name)
    return name


@functools.cache
def compiled() -> str | None:
    """The widest instruction set of this process for which C++ of ours could be compiled, or None.

    Examples
    --------
    >>> compiled() in ("amx", "avx512_vnni", "avx_vnni", "avx2", None)
    True
    """
    has, levels = _has(), ("amx", "avx512_vnni", "avx_vnni", "avx2")
    return next((level for level in levels if has[level] and library(level)), None)


def _has() -> dict[str, bool]:
    """Which instruction sets the processor has and the environment allows."""
    found = torch.cpu.get_capabilities()
    wide = torch.backends.cpu.get_cpu_capability()  # less if the user restricts it by environment
    held = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    free = held in ("", "ALL", "DEFAULT")
    return {
        "amx": wide == "AVX512" and bool(found.get("amx_int8")) and (free or "AMX" in held),
        "avx512_vnni": wide == "AVX512" and bool(found.get("avx512_vnni")) and (free or held in _HELD),
        "avx_vnni": wide in ("AVX2", "AVX512") and bool(found.get("avx_vnni")) and held not in _NARROW,
        "avx2": wide in ("AVX2", "AVX512") and held not in ("SSE41", "AVX"),
    }


def _trusted(dtype: torch.dtype) -> bool:
    """Whether oneDNN's product of codes of ``dtype`` has exact sums here and is not many times slower than float32."""
    if not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(0)
    codes, weight = (torch.randint(-127, 128, (64, 256), dtype=torch.int8, generator=generator) for _ in range(2))
    codes[0], weight[0] = 127, 127
    given = codes if dtype == torch.int8 else (codes.int() + 128).to(torch.uint8)
    scale = torch.ones(64)
    try:
        packed = torch.ops.onednn.qlinear_prepack(weight, None)
        exact = torch.equal(by_onednn(given, packed, scale, torch.float32), codes.float() @ weight.float().mT)
        left, right = codes.float(), weight.float()
        taken = _least(lambda: by_onednn(given, packed, scale, torch.float32))
        return exact and taken < 20 * _least(lambda: left @ right.mT) + 1e-3
    except (AttributeError, RuntimeError, TypeError):
        return False


def _least(run: Callable[[], object]) -> float:
    """Seconds of the fastest of five calls."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def multiplies() -> str:
    """See :meth:`Kernels.multiplies`.

    Examples
    --------
    >>> "int8" in multiplies() or "float32" in multiplies()
    True
    """
    known = {"signed": "oneDNN int8", "unsigned": "oneDNN uint8 by int8", "float": "float32 products of codes"}
    return f"{known.get(method(), 'compiled int8')}, branch in {branch()}"


def branch() -> str:
    """In what the low-rank branch is multiplied.

    Integers of 16 and 14 bits by our own products; with AMX the second half in sums of two numbers in bfloat16.
    Without a compiler, float32, or bfloat16 where only that is fast (AMX).

    Examples
    --------
    >>> branch() in ("integers", "bfloat16 pairs", "bfloat16", "float32")
    True
    """
    if method() in LEVELS:
        return "bfloat16 pairs" if method() == "amx" else "integers"
    return "bfloat16" if method() == "signed" and activation_dtype() == torch.bfloat16 else "float32"


@functools.cache
def activation_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it, float32 elsewhere.

    Examples
    --------
    >>> activation_dtype() in (torch.bfloat16, torch.float32)
    True
    """
    found = torch.cpu.get_capabilities()
    wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.bfloat16 if wide and (found.get("avx512_bf16") or found.get("amx_bf16")) else torch.float32


def by_onednn(codes: Tensor, packed: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Codes (rows, in), signed or shifted by 128, times what oneDNN packed, times ``scale`` (out,): (rows, out).

    Examples
    --------
    >>> weight = torch.ones(16, 64, dtype=torch.int8)
    >>> packed = torch.ops.onednn.qlinear_prepack(weight, None)
    >>> by_onednn(torch.full((1, 64), 129, dtype=torch.uint8), packed, torch.ones(16), torch.float32)[0, 0].item()
    64.0
    """
    zero = 128 if codes.dtype == torch.uint8 else 0
    found = torch.ops.onednn.qlinear_pointwise(
        codes, 1.0, zero, packed, scale, _zeros(len(scale)), None, 1.0, 0, dtype, "none", [], ""
    )
    return cast(Tensor, found)


@functools.cache
def _zeros(count: int) -> Tensor:
    return torch.zeros(count, dtype=torch.int64)
