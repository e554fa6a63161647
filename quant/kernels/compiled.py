"""Functions compiled by torch, whose compiler takes seconds to import: only where something is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

SHAPES = 64
"""Shapes that a function is compiled for, one after the other, before it runs as it is; torch's own number is 8."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` for each shape that it is called with; where that fails, it runs as it is.

    Examples
    --------
    >>> compiled(torch.add)  # doctest: +ELLIPSIS
    <function ...>
    """
    import torch._dynamo.config as settings

    settings.cache_size_limit = max(SHAPES, settings.cache_size_limit)
    settings.suppress_errors = True
    return torch.compile(function, dynamic=False)
