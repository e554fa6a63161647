"""State dicts: the tensors of a weight file, read without unpickling."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from quant.errors import ModelError, reason


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from ``.safetensors`` or, without unpickling objects, from ``.ckpt``.

    Raises
    ------
    ModelError
        If the file is missing, truncated, or holds anything but tensors.

    Examples
    --------
    >>> from quant.pretrained.folder import find
    >>> len(read_weights(find("mini").weights)) > 100
    True
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise ModelError(f"{path}: no such weight file; put model.safetensors or model.ckpt beside model_config.json")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except SafetensorError as error:
        raise ModelError(f"{path}: damaged or truncated weight file ({error}); download it again") from error
    except Exception as error:
        # torch.load raises whatever its zip and pickle layers raise; none of it may end in a traceback.
        raise ModelError(
            f"{path}: not a plain checkpoint of tensors, or damaged ({reason(error)}); convert it to safetensors"
        ) from error
    state = found.get("state_dict", found) if isinstance(found, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ModelError(f"{path}: holds no state dict of tensors; convert it to safetensors")
    return state
