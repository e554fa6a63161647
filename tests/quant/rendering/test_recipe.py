"""What a clip depends on: its key is that of what is rendered, and what renders it is told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from quant.kernels import cpu, paths
from quant.kernels.native import library
from quant.rendering.recipe import Recipe, environment
from quant.rendering.sampling import Sampling

RECIPE = Recipe("a" * 64, "b" * 64, "rain", 1000, Sampling())


def test_recipe_key_is_stable() -> None:
    assert RECIPE.key == Recipe("a" * 64, "b" * 64, "rain", 1000, Sampling()).key
    assert len(RECIPE.key) == 32
    assert int(RECIPE.key, 16) >= 0


def test_recipe_key_changes_with_every_field() -> None:
    others = [
        replace(RECIPE, model_sha256="c" * 64),
        replace(RECIPE, config_sha256="c" * 64),
        replace(RECIPE, checkpoint_sha256="c" * 64),
        replace(RECIPE, checkpoint_sha256=None),
        replace(RECIPE, prompt="rain "),
        replace(RECIPE, seed=1001),
        *(
            replace(RECIPE, sampling=replace(Sampling(), **change))
            for change in (
                {"sampler": "dpmpp-2m"},
                {"steps": 99},
                {"cfg_scale": 7.5},
                {"sigma_min": 0.2},
                {"sigma_max": 100.0},
                {"seconds": 9.0},
            )
        ),
    ]
    keys = {recipe.key for recipe in (RECIPE, *others)}
    assert len(keys) == 1 + len(others) == 13
    assert RECIPE.key != hashlib.sha256(b"").hexdigest()[:32]


def forget() -> None:
    for function in (cpu.method, cpu.activation_dtype, paths.compiled, library.library):
        function.cache_clear()


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """To make torch say that this processor is another one."""
    forget()
    yield monkeypatch
    monkeypatch.undo()
    forget()


def test_environment_says_what_changes_the_numbers() -> None:
    found = environment("cpu", "integer", "1.2.3")
    assert found["device"] == "cpu"
    assert found["processor"].startswith(torch.backends.cpu.get_cpu_capability())
    assert found["dtype"] == "float32"
    assert found["torch"] == torch.__version__
    assert found["earmark"] == "1.2.3"


def test_each_way_to_multiply_has_a_name_of_its_own(processor: pytest.MonkeyPatch) -> None:
    """Full precision, the paper's simulation, and integers as each kind of processor multiplies them."""
    found = {environment("cpu", engine, "1")["kernel_path"] for engine in (None, "reference")}
    real = dict(torch.cpu.get_capabilities()) | {"amx_int8": False, "amx_bf16": False, "avx_vnni": False}
    processor.setattr(torch.cpu, "get_capabilities", lambda: real)
    compiler = library._compiler
    for capability, compiles in (("AVX512", True), ("AVX512", False), ("AVX2", True), ("AVX2", False)):
        processor.setattr(torch.backends.cpu, "get_cpu_capability", lambda capability=capability: capability)
        processor.setattr(library, "_compiler", compiler if compiles else lambda: None)
        forget()
        found.add(environment("cpu", "integer", "1")["kernel_path"])
    expected = {"torch float32", "torch float32, simulated integers", "float32 products of codes, branch in float32"}
    if compiler() is not None:  # our own products have the same bits whatever the processor
        expected.add("compiled int8, branch in integers")
    if real.get("avx512_vnni"):
        expected.add("oneDNN uint8 by int8, branch in float32")
    assert found == expected


def test_the_processors_limits_are_part_of_it(processor: pytest.MonkeyPatch) -> None:
    here = environment("cpu", None, "1")
    processor.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert environment("cpu", None, "1") != here
    processor.delenv("ONEDNN_MAX_CPU_ISA")
    processor.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "NEON")
    assert environment("cpu", None, "1")["processor"] == "NEON"


def test_the_number_of_threads_is_no_part_of_it() -> None:
    threads, before = torch.get_num_threads(), environment("cpu", "integer", "1")
    torch.set_num_threads(2 if threads == 1 else 1)
    try:
        assert environment("cpu", "integer", "1") == before
    finally:
        torch.set_num_threads(threads)
