"""Giving memory back to the operating system."""

import ctypes
import functools
import mmap
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
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


DONTNEED = 4
"""``MADV_DONTNEED`` of Linux: pages leave this process; those of a file come from it again where they are touched."""

PRESENT, SWAPPED, OF_FILE = (np.uint64(1 << bit) for bit in (63, 62, 61))
"""What ``/proc/self/pagemap`` says of a page. One of a private mapping that was written to is no longer the file's."""


def let_go(tensors: Iterable[Tensor]) -> int:
    """Let tensors that are mapped from files leave memory, where the operating system can; their values stay.

    The next to touch one finds it in the system's cache, or reads it from its file again. What was changed since it was
    mapped stays, as all does that lies in memory alone, and as everything does on other systems than Linux. Returns how
    many bytes are no longer in memory.

    Examples
    --------
    >>> import torch
    >>> let_go([torch.zeros(3)])  # lies in memory alone, and stays there
    0
    """
    advise = getattr(_libc(), "madvise", None)
    try:
        pagemap = os.open("/proc/self/pagemap", os.O_RDONLY)
    except OSError:
        return 0
    gone = 0
    try:
        for tensor in tensors:
            first = -(-tensor.data_ptr() // mmap.PAGESIZE)
            count = (tensor.data_ptr() + tensor.nbytes) // mmap.PAGESIZE - first
            if advise is None or tensor.device.type != "cpu" or count < 1:
                continue
            pages = np.frombuffer(os.pread(pagemap, 8 * count, 8 * first), np.uint64)
            kept = (pages & SWAPPED != 0) | ((pages & PRESENT != 0) & (pages & OF_FILE == 0))
            ends = np.flatnonzero(np.diff(np.concatenate(([True], kept, [True]))))
            for begin, end in ends.reshape(-1, 2):
                start, size = (first + int(begin)) * mmap.PAGESIZE, int(end - begin) * mmap.PAGESIZE
                if advise(ctypes.c_void_p(start), ctypes.c_size_t(size), ctypes.c_int(DONTNEED)) == 0:
                    gone += size
    finally:
        os.close(pagemap)
    return gone
