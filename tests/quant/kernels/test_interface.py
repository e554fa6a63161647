"""Every set of kernels has every function of the interface, with the same parameters."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType

import pytest

from quant.kernels.interface import Kernels, Packer

FUNCTIONS = [name for name, member in vars(Kernels).items() if inspect.isfunction(member) and not name.startswith("_")]


@pytest.fixture(params=["reference", "cpu", "cuda"])
def kernels(request: pytest.FixtureRequest) -> ModuleType:
    if request.param == "cuda":
        pytest.importorskip("triton")
    return importlib.import_module(f"quant.kernels.{request.param}")


def parameters(function: object) -> list[tuple[str, object, object]]:
    """Names, kinds and defaults, without self."""
    found = inspect.signature(function).parameters.values()
    return [(one.name, one.kind, one.default) for one in found if one.name != "self"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_what_the_interface_says(kernels: ModuleType, name: str) -> None:
    assert parameters(getattr(kernels, name)) == parameters(getattr(Kernels, name))


def test_constants_and_packers_are_there(kernels: ModuleType) -> None:
    assert isinstance(kernels.RESIDENT, bool)
    assert parameters(kernels.GroupPacker.pack) == parameters(Packer.pack)
