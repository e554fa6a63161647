"""The processor's own peak, measured: int8 products from registers, and reading memory; compiled when asked for."""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.common.rounds import THREADS
from quant.kernels.native.library import COMMON, LEVELS
from quant.kernels.paths import method

SOURCE = Path(__file__).with_name("peak.cpp")
REPEATS, BYTES = 20_000_000, 512 * 2**20


@functools.cache
def _compiled() -> ctypes.CDLL | None:
    """The loop in the instructions that this process multiplies codes with; None without them or a compiler."""
    compiler = next((found for name in ("g++", "clang++", "c++") if (found := shutil.which(name))), None)
    options = LEVELS.get("amx" if method() == "signed" else method())
    if compiler is None or options is None:
        return None
    # The OpenMP runtime of torch, whose threads are then shared.
    openmp = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "peak.so"
        command = [compiler, *COMMON, *options, "-shared", str(SOURCE), *map(str, openmp[:1]), "-o", str(made)]
        subprocess.run(command, check=True)
        library = ctypes.CDLL(str(made))
    library.earmark_peak_int8.argtypes = [ctypes.c_int, ctypes.c_int64]
    library.earmark_peak_read.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int]
    library.earmark_peak_int8.restype = library.earmark_peak_read.restype = ctypes.c_double
    return library


def peaks(threads: int = THREADS) -> dict[str, Callable[[], float]]:
    """What measures the peak, by the figure's name: 10^12 int8 operations, and 10^9 bytes read, a second."""
    library = _compiled()
    if library is None:
        return {}
    memory = torch.ones(BYTES, dtype=torch.uint8)
    repeats = REPEATS // (20 if method() in ("amx", "signed") else 1)
    return {
        "peak_int8_tops": lambda: float(library.earmark_peak_int8(threads, repeats)) / 1e12,
        "peak_read_gb_s": lambda: float(library.earmark_peak_read(memory.data_ptr(), BYTES, threads)) / 1e9,
    }
