"""The only way to stable-audio-tools and k-diffusion: imports them where their full dependencies are absent.

Both packages import, at module level, things that inference never calls: ``torchaudio.transforms``,
``torchvision.transforms.functional`` and, in ``k_diffusion/__init__.py``, training code with more
dependencies. The wheels of torchaudio and torchvision need CUDA libraries that a CPU build of torch lacks.
Where the real packages import, they are used; elsewhere a stand-in that says what is missing when touched.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.util
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from quant.errors import ModelError

log = logging.getLogger(__name__)


_STAND_INS = {"torchaudio": ("transforms",), "torchvision": ("transforms", "transforms.functional")}


class _StandIn(ModuleType):
    """A module whose attributes can be imported but not used.

    Only stable-audio-tools and k-diffusion may see it: :func:`prepare` removes it when they are imported, because
    transformers would take its presence for the real package.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        module = self.__name__

        class Missing:
            """Raises when constructed or called."""

            def __init__(self, *args: object, **kwargs: object) -> None:
                raise ModelError(f"{module}.{name} is needed here; install {module.split('.')[0]} for your torch")

        return Missing


def _register(name: str) -> None:
    module = _StandIn(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, loader=None, is_package=True)
    module.__path__ = []
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def _imports(name: str) -> bool:
    before = set(sys.modules)
    try:
        importlib.import_module(name)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        log.debug("%s does not import (%s); using a stand-in", name, error)
        root = name.split(".")[0]
        for module in set(sys.modules) - before:
            if module.split(".")[0] == root:
                del sys.modules[module]
        return False
    return True


def _bare_k_diffusion() -> None:
    spec = importlib.util.find_spec("k_diffusion")
    if spec is None or spec.origin is None:
        raise ModelError("k-diffusion is not installed; run earmark once, it installs requirements-nodeps.txt")
    package = ModuleType("k_diffusion")
    package.__path__ = [str(Path(spec.origin).parent)]
    package.__spec__ = spec
    sys.modules["k_diffusion"] = package
    for child in ("utils", "sampling", "external"):
        setattr(package, child, importlib.import_module(f"k_diffusion.{child}"))


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep what the library prints and warns of from the terminal: what a user can mend, our own errors say.

    Examples
    --------
    >>> with quietly():
    ...     print("flash_attn not installed")
    """
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _without_compiler() -> Iterator[None]:
    """Keep torch's compiler from being imported for settings that the library gives it, and can do without.

    It takes seconds; :mod:`quant.kernels.compiled` gives it the same settings where something is compiled.
    """
    if "torch._dynamo" in sys.modules:
        yield
        return
    torch.__dict__["_dynamo"] = None  # the library tries, and goes on when that fails
    try:
        yield
    finally:
        del torch.__dict__["_dynamo"]


@cache
def prepare() -> None:
    """Make ``stable_audio_tools`` and ``k_diffusion`` importable; does its work once.

    Raises
    ------
    ModelError
        If either package is not installed.

    Examples
    --------
    >>> prepare()
    >>> "stable_audio_tools.models.factory" in sys.modules
    True
    """
    if importlib.util.find_spec("stable_audio_tools") is None:
        raise ModelError("stable-audio-tools is not installed; run earmark once, it installs requirements-nodeps.txt")
    absent = [name for name in _STAND_INS if not _imports(name)]
    for name in absent:
        _register(name)
        for child in _STAND_INS[name]:
            _register(f"{name}.{child}")
    if not _imports("k_diffusion"):
        _bare_k_diffusion()
    with quietly(), _without_compiler():  # it prints a line about flash_attn when that is absent
        for module in ("models.factory", "models.diffusion", "models.autoencoders", "inference.generation"):
            importlib.import_module(f"stable_audio_tools.{module}")
    for name in absent:
        for module in (name, *(f"{name}.{child}" for child in _STAND_INS[name])):
            del sys.modules[module]


def stable_audio_tools(module: str) -> ModuleType:
    """Import a module of stable-audio-tools by its name inside the package, such as ``models.factory``.

    Examples
    --------
    >>> stable_audio_tools("models.factory").__name__
    'stable_audio_tools.models.factory'
    """
    prepare()
    return importlib.import_module(f"stable_audio_tools.{module}")


def k_diffusion(module: str) -> ModuleType:
    """Import ``sampling``, ``external`` or ``utils`` of k-diffusion.

    Examples
    --------
    >>> k_diffusion("sampling").__name__
    'k_diffusion.sampling'
    """
    prepare()
    return importlib.import_module(f"k_diffusion.{module}")
