"""JSON files of a model's folder: read with a limit, and refused by what is wrong with them. Imports no torch."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from quant.errors import ModelError, reason
from quant.pretrained import header

LIMIT = 20_000_000
"""Bytes; the index of a model of a thousand shards has a few hundred thousand."""

MARKS = {
    codecs.BOM_UTF8: "begins with a byte order mark",
    codecs.BOM_UTF16_LE: "is UTF-16",
    codecs.BOM_UTF16_BE: "is UTF-16",
}


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    ModelError
        If it is not there, not readable, not JSON, or not plain UTF-8.

    Examples
    --------
    >>> from quant.pretrained.folder import MINI_FOLDER
    >>> read_json(MINI_FOLDER / "model_config.json")["model_type"]
    'diffusion_cond'
    """
    size = header.regular_size(path)
    if size == 0:
        raise ModelError(f"{path}: empty; copy or download it again")
    if size > LIMIT:
        raise ModelError(f"{path}: has {size:,} bytes, which is no configuration; copy or download it again")
    start = header.first_bytes(path)
    found = next((text for mark, text in MARKS.items() if start.startswith(mark)), None)
    if found:
        raise ModelError(f"{path}: not readable as JSON (it {found}); save it as UTF-8 without a byte order mark")
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not readable as JSON ({reason(error)}); correct it or download it again") from error
