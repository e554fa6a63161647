"""Shards: the files that one model's weights are cut into, by the index that names them. Imports no torch."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath, PureWindowsPath

from safetensors import safe_open

from quant.errors import ModelError
from quant.pretrained import header
from quant.pretrained.jsonfile import read_json


def named(index: Path) -> dict[str, set[str]]:
    """Names of the shards in ``*.safetensors.index.json``, each with those of the tensors that it should hold.

    Raises
    ------
    ModelError
        If the index is not readable, or names a file elsewhere.

    Examples
    --------
    >>> index = Path("model.safetensors.index.json")
    >>> _ = index.write_text('{"weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "2.safetensors"}}')
    >>> {shard: sorted(tensors) for shard, tensors in named(index).items()}
    {'1.safetensors': ['a'], '2.safetensors': ['b', 'c']}
    """
    found = read_json(index)
    places = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(places, dict) or not places:
        raise ModelError(f"{index}: no index of shards (it has no weight_map); save the model again")
    shards: defaultdict[str, set[str]] = defaultdict(set)
    for tensor, shard in places.items():
        plain = isinstance(shard, str) and PurePosixPath(shard).name == PureWindowsPath(shard).name == shard
        if not plain or not shard.endswith(header.SAFETENSORS):
            raise ModelError(
                f"{index}: {tensor!r} lies in {shard!r}, which is no .safetensors file beside it; save again"
            )
        shards[shard].add(tensor)
    return dict(sorted(shards.items()))


def check(index: Path) -> list[Path]:
    """Find the shards of an index, in the order of their names, and check that they hold just what it says.

    Raises
    ------
    ModelError
        If one is missing, damaged, or holds other tensors.

    Examples
    --------
    >>> index = Path("model.safetensors.index.json")
    >>> _ = index.write_text('{"weight_map": {"a": "model-1.safetensors"}}')
    >>> try:
    ...     check(index)
    ... except ModelError as error:
    ...     print(error)
    model-1.safetensors: no such file; put it there or download it again
    """
    paths = []
    for shard, tensors in named(index).items():
        path = index.with_name(shard)
        header.check(path)
        with safe_open(path, framework="numpy") as file:
            found = set(file.keys())
        if found != tensors:
            lacking, more = tensors - found, found - tensors
            first = sorted(lacking or more)[0]
            raise ModelError(
                f"{path}: not the shard of {index.name} (lacks {len(lacking)} of its tensors and has {len(more)} more, "
                f"such as {first!r}); copy or download it again"
            )
        paths.append(path)
    return paths
