"""Training's names: what trainers put before a tensor's name, and their moving average of the weights.

Sources: ``DiffusionCondTrainingWrapper`` of stable-audio-tools 0.0.19 keeps the model as ``diffusion`` and the average
of ``diffusion.model`` as ``diffusion_ema.ema_model``; its ``export_model`` puts the second in the place of the first.
``torch.compile``, DistributedDataParallel, FSDP, DeepSpeed and activation checkpoints each add a level of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from quant.errors import ModelError

WRAPPERS = {"module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""Levels that wrap a module without changing it, wherever they stand in a name."""

AVERAGE = re.compile(r"(^|_)ema(_|$)", re.IGNORECASE)
"""A level that holds a moving average."""

BESIDE_AVERAGE = ("initted", "step", "decay", "num_updates")
"""Last parts of the names of what an average counts."""

COPY = re.compile(r"online_model|teacher|discriminator", re.IGNORECASE)
"""A level that holds a copy of the model which is not what was trained: an average's source, or another of its size."""

DEPTH = 4
"""Levels that a trainer may put before the model's own."""

PARTS = ("", "model.", "model.model.", "pretransform.", "pretransform.model.")
"""What a file's names lack if it holds a part of the model alone: the DiT, or the autoencoder."""


@dataclass(frozen=True)
class Names:
    """What a file's tensors are called in the model.

    ``own`` maps a new name to the file's; ``averaged`` of them are of the moving average, called ``average``.
    """

    own: dict[str, str]
    averaged: int = 0
    average: str = ""


def plain(name: str) -> str:
    """Take the levels that only wrap out of a name.

    Examples
    --------
    >>> plain("module.diffusion.model._orig_mod.model.weight")
    'diffusion.model.model.weight'
    """
    return ".".join(level for level in name.split(".") if level not in WRAPPERS)


def _fits(names: Collection[str], wanted: Collection[str]) -> list[tuple[int, str, str]]:
    """Ways to make names of the model of ``names``: (how many fit, what is taken off, what is added), the best first.

    Of ways that fit as many, the one that changes least comes first.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for name in names:
        levels = name.split(".")
        for cut in range(min(DEPTH, len(levels) - 1) + 1):
            rest, taken = ".".join(levels[cut:]), ".".join([*levels[:cut], ""])
            counts.update((taken, part) for part in PARTS if part + rest in wanted)
    found = [(count, taken, part) for (taken, part), count in counts.items()]
    return sorted(found, key=lambda way: (-way[0], len(way[1]) + len(way[2]), way[1:]))


def _is_average(prefix: str) -> bool:
    return any(map(AVERAGE.search, prefix.split(".")))


def own_names(names: Collection[str], wanted: Collection[str], parameters: Collection[str], path: Path) -> Names:
    """Find what a file's tensors are called in a model whose tensors are ``wanted``, ``parameters`` those it learns.

    What training put before the names is taken off. Where there is a moving average of the weights, its tensors take
    the place of those that it is made of. Names that fit nothing stay, as far as they go.

    Raises
    ------
    ModelError
        If the file holds the model twice, or an average of a part of it.

    Examples
    --------
    >>> wanted = ["model.model.a", "pretransform.b"]
    >>> file = ["diffusion.model.model.a", "diffusion.pretransform.b", "diffusion_ema.ema_model.model.a", "losses.c"]
    >>> found = own_names(file, wanted, wanted, Path("last.ckpt"))
    >>> found.own["model.model.a"], found.averaged, sorted(found.own)
    ('diffusion_ema.ema_model.model.a', 1, ['losses.c', 'model.model.a', 'pretransform.b'])
    """
    short = {plain(name): name for name in wanted}
    stored: dict[str, str] = {}
    for name in names:
        if plain(name) in stored:
            raise ModelError(
                f"{path}: holds {plain(name)} twice, as {stored[plain(name)]} and {name}; keep one of them"
            )
        stored[plain(name)] = name

    ways = [way for way in _fits(stored, short) if not COPY.search(way[1])]
    trained = [way for way in ways if not _is_average(way[1])]
    average = next((way for way in ways if _is_average(way[1])), None)
    if len(trained) > 1 and trained[0][0] == trained[1][0] and _differ(trained[0], trained[1], stored, short):
        first, second = (way[1] or "no prefix" for way in trained[:2])
        raise ModelError(f"{path}: holds the model twice, under {first} and {second}; keep one of them")

    own = _renamed(trained[0], stored, short) if trained else {}
    averaged = _renamed(average, stored, short) if average else {}
    _check_average(averaged, parameters, path)
    prefix = trained[0][1] if trained else ""
    known = {*own.values(), *averaged.values()}
    beside = _root(average[1]) if average else ""
    for name, full in stored.items():
        counted = beside and name.startswith(beside) and name.split(".")[-1] in BESIDE_AVERAGE
        if full in known or counted:
            continue
        new = name.removeprefix(prefix)
        if new in own:
            raise ModelError(f"{path}: holds {new} twice, as {own[new]} and {full}; keep one of them")
        own[new] = full
    return Names(own | averaged, len(averaged), average[1] if average else "")


def _renamed(way: tuple[int, str, str], stored: dict[str, str], short: dict[str, str]) -> dict[str, str]:
    _, taken, part = way
    return {
        short[part + name.removeprefix(taken)]: full
        for name, full in stored.items()
        if name.startswith(taken) and part + name.removeprefix(taken) in short
    }


def _differ(
    one: tuple[int, str, str], other: tuple[int, str, str], stored: dict[str, str], short: dict[str, str]
) -> bool:
    """Whether two ways give the same names of the model to different tensors."""
    first, second = _renamed(one, stored, short), _renamed(other, stored, short)
    return any(first[name] != second[name] for name in first.keys() & second.keys())


def _root(prefix: str) -> str:
    """Give the levels of a prefix up to the first that is of an average."""
    levels = prefix.split(".")
    last = next(number for number, level in enumerate(levels) if AVERAGE.search(level))
    return ".".join([*levels[: last + 1], ""])


def _check_average(averaged: dict[str, str], parameters: Collection[str], path: Path) -> None:
    parts = {name.split(".")[0] for name in averaged}
    meant = [name for name in parameters if name.split(".")[0] in parts]
    lacking = [name for name in meant if name not in averaged]
    if lacking:
        raise ModelError(
            f"{path}: its moving average lacks {len(lacking)} of {len(meant)} weights, such as {lacking[0]}; "
            "save it again, or leave the average out"
        )
