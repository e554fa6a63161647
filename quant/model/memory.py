"""Giving memory back to the operating system."""

import ctypes
import functools
import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor


@functools.cache
def _libc() -> Any:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows
        return None


def give_back() -> None:
    """Return what was freed to the operating system, where the C library can (glibc); elsewhere nothing happens.

    It keeps freed blocks otherwise, and they count as this process's memory.

    Examples
    --------
    >>> give_back()  # nothing is to be seen of it
    """
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)


PAGEOUT = 21
"""``MADV_PAGEOUT`` of Linux 5.4: what is not needed for now may leave memory, and comes back where it is touched."""


def let_go(tensors: Iterable[Tensor]) -> None:
    """Let tensors that are mapped from files leave memory, where the operating system can; their values stay.

    The next to touch one reads it from its file again. Of others, and of other systems than Linux, nothing is let go.

    Examples
    --------
    >>> import torch
    >>> let_go([torch.zeros(3)])  # lies in memory alone, and stays there
    """
    advise, maps = getattr(_libc(), "madvise", None), Path("/proc/self/maps")
    if advise is None or not maps.is_file():
        return
    mapped = []
    for line in maps.read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].startswith("/"):
            first, last = (int(address, 16) for address in fields[0].split("-"))
            mapped.append((first, last))
    for tensor in tensors:
        first = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
        last = (tensor.data_ptr() + tensor.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
        if first < last and any(low <= first and last <= high for low, high in mapped):
            advise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), ctypes.c_int(PAGEOUT))
