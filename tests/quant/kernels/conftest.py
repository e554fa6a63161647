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


@pytest.fixture(params=["native", "avx512_vnni", "avx2", "unsigned", "float"])
def method(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, forget: Callable[[], None]
) -> Iterator[str]:
    """The processor as it is, without AMX, without AVX-512; and the last two again without a compiler."""
    found = dict(torch.cpu.get_capabilities()) | {"amx_int8": False, "amx_bf16": False}
    lacking = request.param in ("avx512_vnni", "unsigned") and not found.get("avx512_vnni")
    if lacking or (request.param in ("avx512_vnni", "avx2") and not library.compiles()):
        pytest.skip("this processor has no AVX512-VNNI, or this machine no compiler")
    if request.param != "native":
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found | {"avx_vnni": False})
    if request.param in ("avx2", "float"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    if request.param in ("unsigned", "float"):
        monkeypatch.setattr(library, "_compiler", lambda: None)
    forget()
    name = cpu.method()
    assert request.param in ("native", name)
    yield name
    forget()
