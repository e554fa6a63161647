"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from quant.errors import QuantError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` fill a temporary file beside ``path``, flush it to the disk and rename it into place.

    Raises
    ------
    QuantError
        If the folder cannot be written or the disk is full; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        temporary.chmod(0o644)  # safetensors makes its files private to their owner
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise QuantError(f"{path}: cannot be written ({reason}); check the folder and the disk") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def save_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write a safetensors file whose metadata holds ``header`` as JSON under the key ``earmark``."""
    contiguous = {key: value.contiguous() for key, value in tensors.items()}
    metadata = {"earmark": json.dumps(header, sort_keys=True)}
    write_atomically(path, lambda temporary: save_file(contiguous, temporary, metadata=metadata))
