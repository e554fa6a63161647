"""Files: written whole or not at all, and known by their hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

import atomic
from quant.errors import QuantError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` fill a temporary file, which then takes the place of ``path``.

    Raises
    ------
    QuantError
        If the folder cannot be written or the disk is full; nothing is left behind.
    """
    try:
        with atomic.replacing(path) as temporary:
            write(temporary)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise QuantError(f"{path}: cannot be written ({reason}); check the folder and the disk") from error


def file_sha256(path: Path) -> str:
    """Sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write a safetensors file whose metadata holds ``header`` as JSON under the key ``earmark``."""
    contiguous = {key: value.contiguous() for key, value in tensors.items()}
    metadata = {"earmark": json.dumps(header, sort_keys=True)}
    write_atomically(path, lambda temporary: save_file(contiguous, temporary, metadata=metadata))
