"""Computing: where networks of metrics run, and as exactly as there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def device() -> torch.device:
    """Give the graphics processor where there is one, else the processor.

    Examples
    --------
    >>> device().type in ("cpu", "cuda")
    True
    """
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def exactly() -> Iterator[None]:
    """Compute without gradients and in whole float32: cuDNN would round what convolutions take to ten bits.

    Examples
    --------
    >>> with exactly():
    ...     torch.is_inference_mode_enabled()
    True
    """
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
