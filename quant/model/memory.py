"""Giving memory back to the operating system."""

import ctypes
import functools
from typing import Any


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
