"""Headers: whether a weight file is what its name says, told from its first and last bytes. Imports no torch.

A file that was cut off, a page saved in its place or a pointer to it is refused before anything slow is imported.
"""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from quant.errors import ModelError, reason

SAFETENSORS = ".safetensors"
INDEX = ".safetensors.index.json"
PICKLES = (".ckpt", ".pt", ".pth", ".bin")
"""Suffixes that ``torch.save`` is used with."""

ZIP, PICKLE = b"PK\x03\x04", b"\x80"
"""How a file of ``torch.save`` begins, and how it did before torch 1.6."""

STRANGERS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the file; run git lfs pull there",
    b"GGUF": "a GGUF file, whose layers are rounded already; give the safetensors it was made from",
    b"Rar!": "a RAR archive; unpack it",
    b"\x1f\x8b": "compressed with gzip; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"\x93NUMPY": "an array of numpy, not a model; give the safetensors or .ckpt of the whole model",
}
"""What is found in a weight file's place, by its first bytes."""

FOLDERS = {
    "zero_to_fp32.py": "a checkpoint of DeepSpeed in a folder; run the zero_to_fp32.py in it and give what that writes",
    ".metadata": "a distributed checkpoint in a folder; give what torch.distributed's dcp_to_torch_save makes of it",
}
"""Checkpoints that are folders, by a file in them."""


def regular_size(path: Path) -> int:
    """Bytes of a regular file; a link to one, as in Hugging Face's cache, will do.

    Raises
    ------
    ModelError
        If there is none at that place, or something else than a file.

    Examples
    --------
    >>> from quant.pretrained.folder import MINI_FOLDER
    >>> regular_size(MINI_FOLDER / "model.safetensors") > 1_000_000
    True
    """
    try:
        link = path.is_symlink()
        found = path.stat()
    except FileNotFoundError as error:
        if link:
            raise ModelError(f"{path}: a link to {path.readlink()}, which is not there; put the file itself") from error
        raise ModelError(f"{path}: no such file; put it there or download it again") from error
    except OSError as error:
        raise ModelError(f"{path}: not readable ({error.strerror}); check the file and your rights to it") from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        to = f"a link to {path.readlink()}, " if link else ""
        raise ModelError(f"{path}: {to}{kind}; put the file itself there")
    return found.st_size


def first_bytes(path: Path, count: int = 512) -> bytes:
    """First bytes of a file, fewer if it is shorter.

    Raises
    ------
    ModelError
        If it cannot be read.

    Examples
    --------
    >>> from quant.pretrained.folder import MINI_FOLDER
    >>> first_bytes(MINI_FOLDER / "model_config.json", 1)
    b'{'
    """
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise ModelError(f"{path}: not readable ({error.strerror}); check your rights to it") from error


def check(path: Path) -> None:
    """Refuse a weight file that cannot be one: by what lies there, its beginning, and its length.

    Raises
    ------
    ModelError
        If it is not there, empty, cut off, or another kind of file.

    Examples
    --------
    >>> from quant.pretrained.folder import MINI_FOLDER
    >>> check(MINI_FOLDER / "model.safetensors")
    >>> try:
    ...     check(MINI_FOLDER / "model_config.json")
    ... except ModelError as error:
    ...     print(str(error).rpartition("/")[2])
    model_config.json: not a weight file; give a .safetensors or .ckpt
    """
    for member, what in FOLDERS.items():
        if os.path.exists(path / member):
            raise ModelError(f"{path}: {what}")
    size = regular_size(path)
    if path.suffix not in (SAFETENSORS, *PICKLES):
        raise ModelError(f"{path}: not a weight file; give a .safetensors or .ckpt")
    start = first_bytes(path)
    if size == 0:
        raise ModelError(f"{path}: damaged or truncated (it is empty); copy or download it again")
    if not start.strip(b"\0"):
        raise ModelError(f"{path}: damaged or truncated (it begins with zeros); copy or download it again")
    for mark, what in STRANGERS.items():
        if start.startswith(mark):
            raise ModelError(f"{path}: {what}")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise ModelError(f"{path}: a web page, not weights; download the file itself, signed in if the model is gated")
    if path.suffix == SAFETENSORS:
        _check_safetensors(path, start)
    else:
        _check_pickle(path, start)


def _check_safetensors(path: Path, start: bytes) -> None:
    if start.startswith(ZIP) or _is_old_pickle(start):
        raise ModelError(f"{path}: a file of torch.save, not safetensors; rename it to {path.stem}.ckpt")
    try:
        with safe_open(path, framework="numpy") as file:
            count, made_by = len(file.keys()), (file.metadata() or {}).get("earmark")
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: damaged or truncated ({reason(error)}); copy or download it again") from error
    if made_by is not None:
        raise ModelError(f"{path}: written by Earmark, no model's own weights; name the model that it was made from")
    if not count:
        raise ModelError(f"{path}: holds no tensors; copy or download it again")


def _is_old_pickle(start: bytes) -> bool:
    # The length of a safetensors' header may begin with the same byte; the header follows it.
    return start.startswith(PICKLE) and start[8:9] != b"{"


def _check_pickle(path: Path, start: bytes) -> None:
    if start[8:9] == b"{" and not start.startswith(ZIP):
        raise ModelError(f"{path}: safetensors by the name of a checkpoint; rename it to {path.stem}.safetensors")
    if _is_old_pickle(start):
        return
    if not start.startswith(ZIP):
        raise ModelError(f"{path}: damaged, or not a file of torch.save; copy or download it again")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ModelError(f"{path}: damaged or truncated ({reason(error)}); copy or download it again") from error
    if not any(name.count("/") == 1 and name.endswith("/data.pkl") for name in names):
        raise ModelError(f"{path}: a zip archive, not a file of torch.save; unpack it")
    if any(name.endswith("/constants.pkl") for name in names):
        raise ModelError(f"{path}: a TorchScript program, not weights; give the checkpoint it was made from")


def made_here(path: Path) -> bool:
    """Whether Earmark wrote a file: a quantized checkpoint or a calibration.

    Examples
    --------
    >>> from quant.pretrained.folder import MINI_FOLDER
    >>> made_here(MINI_FOLDER / "model.safetensors")
    False
    """
    if path.suffix != SAFETENSORS:
        return False
    try:
        with safe_open(path, framework="numpy") as file:
            return "earmark" in (file.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return False
