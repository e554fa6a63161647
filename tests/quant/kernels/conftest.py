"""This processor held to less than it has, in each of the ways that kernels of the CPU tell apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from quant.kernels import cpu, paths
from quant.kernels.native import library


@pytest.fixture
def forget() -> Callable[[], None]:
    """Have the kernels ask again what the processor can."""
    cached = (cpu.method, cpu.activation_dtype, cpu._template, library.library, paths.compiled)

    def clear() -> None:
        for function in cached:
            function.cache_clear()

    return clear


@pytest.fixture(params=["native", "signed", "avx512_vnni", "avx_vnni", "avx2", "unsigned", "float"])
def method(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, forget: Callable[[], None]
) -> Iterator[str]:
    """The processor as it is, without AMX, without AVX-512, without VNNI; and three of these without a compiler."""
    found, name = dict(torch.cpu.get_capabilities()), request.param
    needed = {"signed": "amx_int8", "unsigned": "avx512_vnni", "native": None, "float": None}.get(name, name)
    if (needed and not found.get(needed)) or (name in library.LEVELS and not library.compiles()):
        pytest.skip(f"this processor has no {needed}, or this machine no compiler")
    if name not in ("native", "signed"):
        found |= {"amx_int8": False, "amx_bf16": False, "avx_vnni": name == "avx_vnni"}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    if name in ("avx_vnni", "avx2", "float"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    if name in ("signed", "unsigned", "float"):
        monkeypatch.setattr(library, "_compiler", lambda: None)
    forget()
    assert name in ("native", cpu.method())
    yield cpu.method()
    forget()
