"""Weights: where a network's published weights are found, and read without running what is in them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import try_to_load_from_cache
from safetensors.torch import load_file
from torch import Tensor, nn

from analysis.errors import WeightsError

_SCALAR: Any = np.float64(0).__reduce__()[0]
NUMBERS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    *((_SCALAR, f"numpy.{room}.multiarray.scalar") for room in ("core", "_core")),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "?")),
]
"""numpy's numbers, such as a loss, which may stand beside the weights in files of torch."""


def find_weights(
    network: str,
    folder: Path | None,
    files: Sequence[str],
    hub: Mapping[str, str | Sequence[str]] | None = None,
    remedy: str = "",
) -> Path:
    """Find a weight file: in ``folder`` under one of the names, else in a cache. Nothing is downloaded.

    The caches are that of ``torch.hub``, where packages such as hear21passt put theirs, and Hugging Face's.

    ``folder`` may be a cache of Hugging Face itself.

    Parameters
    ----------
    hub
        Files in repositories, by repository; of several names the first that is there.
    remedy
        Where the weights can be had, the end of a sentence.

    Raises
    ------
    WeightsError
        If there is none, with where it was looked for.

    Examples
    --------
    >>> Path("clap.pt").touch()
    >>> find_weights("clap", Path("."), ["clap.pt"]).name
    'clap.pt'
    """
    if folder is not None:
        if not folder.is_dir():
            raise WeightsError(f"{network}: {folder} is no folder; give the one that holds the weights of metrics")
        for name in files:
            if (folder / name).is_file():
                return folder / name
    for name in files:
        if (downloaded := Path(torch.hub.get_dir()) / "checkpoints" / name).is_file():
            return downloaded
    for cache in (None,) if folder is None else (folder, None):
        for repository, names in (hub or {}).items():
            for name in (names,) if isinstance(names, str) else names:
                found = try_to_load_from_cache(repository, name, cache_dir=cache)
                if isinstance(found, str):
                    return Path(found)
    caches = "the caches of torch and Hugging Face"
    where = f"{folder} or in {caches}" if folder is not None else f"{caches}, and no folder was named"
    raise WeightsError(f"{network}: no weights ({', '.join(files)}) in {where}{'; ' + remedy if remedy else ''}")


def file_sha256(path: Path) -> str:
    """Hash a file.

    Examples
    --------
    >>> _ = Path("empty").write_bytes(b"")
    >>> file_sha256(Path("empty"))[:8]
    'e3b0c442'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_tensors(path: Path) -> dict[str, Any]:
    """Read a file of safetensors, or a pickle of torch that holds nothing but tensors and plain data.

    Raises
    ------
    WeightsError
        If it is damaged, or holds code.

    Examples
    --------
    >>> torch.save({"weight": torch.ones(2)}, "net.pt")
    >>> read_tensors(Path("net.pt"))["weight"].tolist()
    [1.0, 1.0]
    """
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        # Mapped, not read: what trained a model may lie beside its weights, at twice their size.
        with torch.serialization.safe_globals(NUMBERS):
            stored = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # a damaged file fails anywhere within the library
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise WeightsError(f"{path}: cannot be read as weights ({reason}); get the file again") from error
    if not isinstance(stored, dict):
        raise WeightsError(f"{path}: holds a {type(stored).__name__}, no named weights; get the file again")
    return stored


def fill(module: nn.Module, state: Mapping[str, Tensor], path: Path, what: str) -> None:
    """Load named weights into a network, all of them.

    Raises
    ------
    WeightsError
        If names or shapes are another model's.

    Examples
    --------
    >>> fill(nn.Linear(2, 1), {"weight": torch.ones(1, 3), "bias": torch.ones(1)}, Path("net.pt"), "a small net")
    Traceback (most recent call last):
        ...
    analysis.errors.WeightsError: net.pt: not the weights of a small net (weight is (1, 3), not (1, 2))
    """
    wanted = module.state_dict()
    missing, extra = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    wrong = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in state and state[name].shape != value.shape
    ]
    if faults := [f"{name} is missing" for name in missing] + [f"{name} is unknown" for name in extra] + wrong:
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise WeightsError(f"{path}: not the weights of {what} ({faults[0]}{more})")
    module.load_state_dict(dict(state))
