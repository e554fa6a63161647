"""State dicts: the tensors of a model's weight files, read without running anything that a file may hold."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from quant.errors import ModelError, reason
from quant.files import file_sha256
from quant.pretrained import header, shards
from quant.pretrained.fitting import say

PLAIN = (
    "argparse.Namespace",
    "builtins.dict",
    "builtins.float",
    "builtins.int",
    "builtins.list",
    "builtins.object",
    "builtins.str",
    "builtins.tuple",
    "collections.defaultdict",
    "datetime.",
    "functools.partial",
    "lightning.",
    "lightning_fabric.",
    "numpy._core.multiarray.",
    "numpy.core.multiarray.",
    "numpy.dtype",
    "numpy.ndarray",
    "omegaconf.",
    "pathlib.",
    "pytorch_lightning.",
    "stable_audio_tools.",
    "torch.nn.modules.",
    "torch.optim.",
    "torch.torch_version.TorchVersion",
    "typing.",
)
"""What training keeps beside the weights, by names or, with a dot at the end, whole packages. Nothing of it is made."""

MODELS = ("state_dict", "model", "model_state_dict", "module", "generator", "net", "network", "params", "weights")
AVERAGES = ("ema", "ema_model", "ema_state_dict", "model_ema", "state_dict_ema", "params_ema")
"""Keys under which trainers keep a model's tensors, and those of its exponential moving average."""

LONGEST = 500
"""Letters of a tensor's name."""

AT_ONCE = 2**28
"""Bytes of tensors that share a mapping of a file."""

REMEDY = 'convert it to safetensors as docs/models.md says under "Weight files"'


class _Aside:
    """What takes the place of an object that is no tensor: it is given what that was made of, and forgets it."""

    def __new__(cls, *_: Any, **__: Any) -> _Aside:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class _Mapping:
    """The same for a kind of dict, which torch puts items into only if it is none but a dict."""

    def __new__(cls, *_: Any) -> Any:
        return {}


def _stand_in(name: str) -> tuple[type, str]:
    return (_Mapping if name.lower().endswith("dict") else _Aside), name


def _load(path: Path) -> Any:
    """Load a file of ``torch.save`` with stand-ins for the plain objects of training; others are refused."""
    if not header.first_bytes(path).startswith(header.ZIP):  # of before torch 1.6
        return torch.load(path, map_location="cpu", weights_only=True)
    names = sorted(get_unsafe_globals_in_checkpoint(path))
    with safe_globals([_stand_in(name) for name in names if _is_plain(name)]):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _is_plain(name: str) -> bool:
    return any(name == plain or (plain.endswith(".") and name.startswith(plain)) for plain in PLAIN)


def _is_state(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(key, str) and isinstance(item, Tensor) for key, item in value.items())
    )


def _flat(found: Any, path: Path) -> dict[str, Tensor]:
    """Find the state dict in what ``torch.save`` was given; an average beside it goes under its key and a dot."""
    if _is_state(found):
        return dict(found)
    _say_unread_averages(found, path)
    states = {key: value for key, value in found.items() if _is_state(value)} if isinstance(found, Mapping) else {}
    models, averages = ([key for key in keys if key in states] for keys in (MODELS, AVERAGES))
    if "state_dict" in models or not (models or averages):
        models = models[:1] or list(states)
    if len(models) > 1:
        raise ModelError(
            f"{path}: holds {len(models)} state dicts ({', '.join(map(str, models))}); keep one, as state_dict"
        )
    if not models and not averages:
        raise ModelError(f"{path}: holds no state dict of tensors; {REMEDY}")
    flat = {} if not models else dict(states[models[0]])
    return flat | {f"{key}.{name}": tensor for key in averages for name, tensor in states[key].items()}


def _say_unread_averages(found: Any, path: Path) -> None:
    """Say where an average of the weights lies that is not read: what is studied is then not what was listened to."""
    for key in AVERAGES if isinstance(found, Mapping) else ():
        if key in found and isinstance(found[key], Mapping | list | tuple) and not _is_state(found[key]):
            say(
                f"{path}: left out the moving average under {key}, which is no state dict of tensors; "
                "save the average's own state_dict if it is meant"
            )


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    """Map a file's tensors, a new mapping every so many bytes: its pages are free when the tensors in it are let go."""
    found: dict[str, Tensor] = {}
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
    while len(found) < len(names):
        read = 0
        with safe_open(path, framework="pt") as file:
            for name in names[len(found) :]:
                found[name] = file.get_tensor(name)
                read += found[name].nbytes
                if read > AT_ONCE:
                    break
    return found


def _read_file(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == header.SAFETENSORS:
            return _load_safetensors(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, about how a file was written; what matters is refused below
            found = _load(path)
    except SafetensorError as error:
        raise ModelError(f"{path}: damaged or truncated weight file ({reason(error)}); download it again") from error
    except UnpicklingError as error:
        # Its own message is a page of advice, with escape codes.
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = named[1] if named else "something"
        raise ModelError(
            f"{path}: not a plain checkpoint of tensors (it holds {what}, which would be run to be read); {REMEDY}"
        ) from error
    except Exception as error:
        # torch.load raises whatever its zip and pickle layers raise; none of it may end in a traceback.
        raise ModelError(
            f"{path}: not a plain checkpoint of tensors, or damaged ({reason(error)}); {REMEDY}"
        ) from error
    return _flat(found, path)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a model's tensors, by the names that the file gives them.

    ``path`` is a ``.safetensors``, the ``.safetensors.index.json`` of several, or a file of ``torch.save``, of which
    nothing is unpickled but tensors. A moving average that lies beside the state dict is read too, under its key.

    Raises
    ------
    ModelError
        If the file is missing, truncated, or holds anything but tensors and the plain objects of training.

    Examples
    --------
    >>> from quant.pretrained.folder import find
    >>> len(read_weights(find("mini").weights)) > 100
    True
    """
    if path.name.endswith(header.INDEX):
        found = {name: tensor for shard in shards.check(path) for name, tensor in _read_file(shard).items()}
    else:
        header.check(path)
        found = _read_file(path)
    for name in found:
        if not name.isprintable() or len(name) > LONGEST:
            raise ModelError(f"{path}: holds a tensor of no readable name ({name[:40]!r}); {REMEDY}")
    return found


def weights_sha256(path: Path) -> str:
    """Sha256 of a weight file; of shards, that of the list of their hashes, one a line in the order of their names.

    Examples
    --------
    >>> from quant.pretrained.folder import find
    >>> weights_sha256(find("mini").weights) == file_sha256(find("mini").weights)
    True
    """
    if not path.name.endswith(header.INDEX):
        return file_sha256(path)
    lines = "".join(f"{file_sha256(path.with_name(shard))}\n" for shard in shards.named(path))
    return hashlib.sha256(lines.encode()).hexdigest()
