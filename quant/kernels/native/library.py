"""Compiling the C++ beside this file for a processor, once a machine, and loading it."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from quant.files import cache

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "source"

# Contraction is off: where a sum is fused, the source says so, and every instruction set rounds alike.
COMMON = ["-O3", "-std=c++17", "-fPIC", "-fopenmp", "-ffp-contract=off", "-fvisibility=hidden"]

_AVX512 = [
    *("-march=haswell", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni"),
    "-mprefer-vector-width=512",
]
LEVELS = {
    "amx": [*_AVX512, "-mamx-tile", "-mamx-int8", "-mamx-bf16", "-mavx512bf16"],
    "avx512_vnni": _AVX512,
    "avx_vnni": ["-march=haswell", "-mavxvnni"],
    "avx2": ["-march=haswell"],
    # The code of avx_vnni on processors that have its instruction in the wider set only: for tests.
    "half_vnni": [
        *("-march=haswell", "-mavx512vl", "-mavx512vnni"),
        *("-mprefer-vector-width=256", "-DEARMARK_HALF_VECTORS"),
    ],
}
"""Instruction sets from the widest down, with the compiler's options."""


def _compiler() -> str | None:
    return next((found for name in ("g++", "clang++", "c++") if (found := shutil.which(name))), None)


def compiles() -> bool:
    """Whether this machine has a C++ compiler.

    Examples
    --------
    >>> compiles() in (True, False)
    True
    """
    return _compiler() is not None


@functools.cache
def library(level: str) -> ctypes.CDLL | None:
    """Load the kernels for an instruction set, compiling them if this machine has not yet; None if it cannot.

    Whether the processor has the instructions is for the caller to know.

    Examples
    --------
    >>> found = library("avx2")
    >>> found is None or found.earmark_vector_bytes() == 32
    True
    """
    compiler = _compiler()
    if compiler is None or platform.machine() not in ("x86_64", "AMD64") or platform.system() != "Linux":
        return None
    try:
        found = ctypes.CDLL(str(_compiled(compiler, level)))
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", "") or str(error)
        log.warning("compiling kernels for %s failed (%s); torch computes instead", level, told.strip()[-200:])
        return None
    if level == "amx" and not found.earmark_tiles():
        log.warning("this system does not let processes use AMX")
        return None
    return found


def _compiled(compiler: str, level: str) -> Path:
    """The shared library of a level, compiled unless one of the same sources, compiler and options is kept."""
    sources = sorted(FOLDER.glob("*.cpp"))
    options = [*COMMON, *LEVELS[level]]
    version = subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True).stdout
    digest = hashlib.sha256("\0".join([version, *options]).encode())
    for path in sorted([*sources, *FOLDER.glob("*.h")]):
        digest.update(path.read_bytes())
    target = cache() / f"kernels-{level}-{digest.hexdigest()[:16]}.so"
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        target = Path(tempfile.mkdtemp(prefix="earmark-")) / target.name
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        made = Path(name) / target.name
        # The OpenMP runtime of torch, whose threads are then shared, and not a second one beside it.
        openmp = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
        linked = [*map(str, openmp[:1])]
        objects = [str(Path(name) / f"{path.stem}.o") for path in sources]
        each = [["-c", str(path), "-o", one] for path, one in zip(sources, objects, strict=True)]

        def run(arguments: list[str]) -> None:
            subprocess.run([compiler, *options, *arguments], check=True, capture_output=True, text=True)

        with ThreadPoolExecutor() as at_once:
            list(at_once.map(run, each))
        run(["-shared", *objects, *linked, "-o", str(made)])
        os.replace(made, target)
    return target
