"""Fitting: whether a file's tensors are those of the model that its configuration describes, and what is left over."""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from torch import Tensor

from quant.errors import ModelError

log = logging.getLogger(__name__)

CALLED = {"model": "DiT", "pretransform": "autoencoder", "conditioner": "conditioners"}
"""The model's parts by the first level of their tensors' names."""


@functools.cache
def say(message: str) -> None:
    """Log a warning, once for however many times a model is loaded."""
    log.warning("%s", message)


def _such_as(names: Collection[str]) -> str:
    return " and ".join(sorted(names)[:2])


def _part(name: str) -> str:
    return name.split(".")[0]


def _lacking(missing: set[str], unexpected: set[str], wanted: Collection[str]) -> str:
    whole = [part for part in sorted({_part(name) for name in wanted}) if _is_all(part, missing, wanted)]
    if len(missing) == len(wanted):
        text = f", all {len(wanted)}, such as {_such_as(missing)}"
    else:
        text = f", {len(missing)} of {len(wanted)}, such as {_such_as(missing)}"
        if whole:
            text += f", the whole of its {' and '.join(CALLED.get(part, part) for part in whole)}"
    if unexpected:
        text += f"; holds {len(unexpected)} that it does not have, such as {_such_as(unexpected)}"
    return text


def _is_all(part: str, missing: set[str], wanted: Collection[str]) -> bool:
    return all(name in missing for name in wanted if _part(name) == part)


def fitted(
    state: dict[str, Tensor], wanted: dict[str, Tensor], parameters: Collection[str], path: Path, config: str
) -> dict[str, Tensor]:
    """Take the model's own tensors, ``wanted`` with the ``parameters`` among them, out of a file's, in float32.

    What is no part of the model, such as what a loss has learnt, is left aside and said with its count; so are buffers
    that the library does not need any more.

    Raises
    ------
    ModelError
        If tensors are lacking, are of another shape, are no numbers with a point where the model's are, or there are
        weights that the model has no place for.

    Examples
    --------
    >>> import torch
    >>> wanted = {"model.a.weight": torch.zeros(2, 3)}
    >>> try:
    ...     fitted({"model.a.weight": torch.zeros(4, 3)}, wanted, wanted, Path("last.ckpt"), "model_config.json")
    ... except ModelError as error:
    ...     print(str(error).partition(";")[0])
    last.ckpt: does not fit model_config.json, model.a.weight is 4×3 and should be 2×3
    """
    missing, unexpected = set(wanted) - set(state), set(state) - set(wanted)
    if missing:
        raise ModelError(
            f"{path}: lacks tensors of {config}{_lacking(missing, unexpected, wanted)}; "
            "take the whole model's weights, and the configuration that it was trained with"
        )
    parts = {_part(name) for name in wanted}
    learnt = {name.rpartition(".")[2] for name in parameters}
    weights = {
        name
        for name in unexpected
        if _part(name) in parts and (state[name].ndim > 1 or name.rpartition(".")[2] in learnt)
    }
    if weights:
        raise ModelError(
            f"{path}: does not fit {config}, which has no place for {len(weights)} of its weights, "
            f"such as {_such_as(weights)}; take the configuration that it was trained with"
        )
    odd = [name for name in wanted if state[name].shape != wanted[name].shape]
    if odd:
        first = sorted(odd)[0]
        others = f", and {len(odd) - 1} more are of other shapes" if len(odd) > 1 else ""
        raise ModelError(
            f"{path}: does not fit {config}, {first} is {_size(state[first])} and should be {_size(wanted[first])}"
            f"{others}; take the configuration that it was trained with"
        )
    for name, like in wanted.items():
        if state[name].is_floating_point() != like.is_floating_point():
            kind = str(state[name].dtype).removeprefix("torch.")
            raise ModelError(f"{path}: {name} is stored as {kind}; give the file it was made from")
    _say_left(unexpected, parts, path)
    # What came to its name after the file was widened is widened here.
    return {name: state[name].float() if like.is_floating_point() else state[name] for name, like in wanted.items()}


def _say_left(unexpected: set[str], parts: set[str], path: Path) -> None:
    beside = Counter(_part(name) for name in unexpected if _part(name) not in parts)
    if beside:
        counts = ", ".join(f"{part} {count}" for part, count in sorted(beside.items()))
        first = min(name for name in unexpected if _part(name) not in parts)
        say(f"{path}: left out tensors of training that are no part of the model ({counts}), such as {first}")
    buffers = [name for name in unexpected if _part(name) in parts]
    if buffers:
        say(
            f"{path}: left out tensors that the model does not have, {len(buffers)} in all, "
            f"the first is {sorted(buffers)[0]}"
        )


def _size(value: Tensor) -> str:
    return "×".join(map(str, value.shape)) or "a single number"
