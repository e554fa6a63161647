"""Weights: where a network's published weights are found, and read without running what is in them."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import try_to_load_from_cache
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from analysis.errors import WeightsError


def find_weights(
    network: str, folder: Path | None, files: Sequence[str], hub: Mapping[str, str] | None = None, remedy: str = ""
) -> Path:
    """Find a weight file: in ``folder`` under one of the names, else in a cache. Nothing is downloaded.

    The caches are that of ``torch.hub``, where packages such as hear21passt put theirs, and Hugging Face's.

    Parameters
    ----------
    hub
        Files in repositories, by repository.
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
    for repository, name in (hub or {}).items():
        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    where = "the caches of torch and Hugging Face" + (f" or in {folder}" if folder is not None else "; no folder named")
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
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, SafetensorError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0][:120]
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
