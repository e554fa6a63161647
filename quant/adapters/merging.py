"""Merging: adapters added to the weights that they were trained on, which are found by name.

Products are made in float64 and the weights rounded to float32 once, however many adapters there are. Adapters of one
weight are applied one after the other, as stable-audio-tools stacks them and PEFT merges them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from quant.adapters.changes import Change, Contents, changes_in, training_of
from quant.errors import ModelError
from quant.pretrained.fitting import say
from quant.pretrained.training import WRAPPERS

log = logging.getLogger(__name__)

# Parts of names that trainers put before a layer's, and wrappers that may stand anywhere in it.
BEFORE = frozenset(
    ("base", "model", "base_model", "diffusion", "diffusion_model", "lora", "unet", "te", "dit", "net", "transformer")
)
BETWEEN = WRAPPERS | {"base_layer"}
# Of weights that are not the model's own: parts of adapters, and of what wraps a weight while it is trained.
OF_AN_ADAPTER = re.compile(
    r"(^|[._/])(lora|dora|lokr|loha|hada|oft|boft|ia3|vera|M_xs|parametrizations|base_layer|modules_to_save)([._/]|$)"
)
WRAPPED = (
    (re.compile(r"\.parametrizations\.(\w+)\.original$"), r".\1"),  # torch.nn.utils.parametrize
    (re.compile(r"\.parametrizations\.weight\.original0$"), ".weight_g"),  # its weight_norm, where the library's
    (re.compile(r"\.parametrizations\.weight\.original1$"), ".weight_v"),  # models have the older one
    (re.compile(r"\.base_layer\.(\w+)$"), r".\1"),  # PEFT
    (re.compile(r"\.original_module\.(\w+)$"), r".\1"),  # LoRAW
)


def matched(names: Iterable[str], weights: Collection[str]) -> dict[str, str]:
    """Find the model's weight of each name that an adapter gives one; what has none, or several, is left out.

    Adapters name a layer from the root of what was trained, which may be a part of the model or a wrapper around it:
    a name stands for the one weight that ends in it, without ``model.`` and the like before it. Names of kohya's
    trainers have ``_`` in the place of every dot.

    Examples
    --------
    >>> weights = ["model.model.layers.0.to_q.weight", "conditioner.to_q.weight"]
    >>> matched(["base_model.model.layers.0.to_q.weight", "lora_unet_layers_0_to_q.weight", "to_q.weight"], weights)
    {'base_model.model.layers.0.to_q.weight': 'model.model.layers.0.to_q.weight', \
'lora_unet_layers_0_to_q.weight': 'model.model.layers.0.to_q.weight'}
    """
    found = {}
    for name in names:
        layer, _, of = name.replace("/", ".").rpartition(".")
        between = "." if "." in layer else "_"
        ends = {
            one: f"{between}{one.rpartition('.')[0].replace('.', between)}" for one in weights if one.endswith(f".{of}")
        }
        words = [word for word in layer.split(between) if word not in BETWEEN]
        for first in range(len(words)):
            if first and words[first - 1] not in BEFORE:
                break
            tail = between + between.join(words[first:])
            exact = [one for one, end in ends.items() if end == tail]
            several = exact or [one for one, end in ends.items() if end.endswith(tail)]
            if len(several) == 1:
                found[name] = several[0]
            if several:
                break
    return found


def merged(state: Mapping[str, Tensor], adapters: Sequence[Contents]) -> dict[str, Tensor]:
    """Add adapters to a model's weights; where none has a strength but 0, these are the model's own, to the bit.

    Raises
    ------
    ModelError
        If a name of an adapter matches no weight, or its shape is another.

    Examples
    --------
    >>> import torch
    >>> from quant.adapters.adapter import Adapter
    >>> change = Change(1.0, down=torch.ones(1, 2).double(), up=torch.ones(2, 1).double())
    >>> one = Contents(Adapter(Path("rain.safetensors"), 0.5), Path("rain.safetensors"), {"to_q.weight": [change]})
    >>> merged({"model.to_q.weight": torch.eye(2)}, [one])["model.to_q.weight"].tolist()
    [[1.5, 0.5], [0.5, 1.5]]
    """
    made, todo = dict(state), dict[str, list[tuple[Change, float]]]()
    files = " and ".join(str(one.file) for one in adapters)
    for one in adapters:
        names = _fitting(one, state)
        log.info("%s: an adapter of %s, strength %g", one.file, _counted(len(names), "weight"), one.adapter.strength)
        if one.adapter.strength == 0:
            continue
        for name, changes in one.changes.items():
            todo.setdefault(names[name], []).extend((change, one.adapter.strength) for change in changes)
        for name, value in one.whole.items():
            made[names[name]] = value
    for name, several in todo.items():
        made[name] = _applied(made[name], several, f"{files}: {name}")
    return made


def _applied(weight: Tensor, changes: Sequence[tuple[Change, float]], where: str) -> Tensor:
    """Apply changes and their strengths to a weight, rounded to float32 once."""
    original = made = weight.double()
    for change, strength in changes:
        made = change.applied(made, original, strength)
    if not made.float().isfinite().all():
        raise ModelError(f"{where} with its adapter is beyond float32 or NaN; lower the strength, or export it again")
    return made.float()


def _fitting(one: Contents, state: Mapping[str, Tensor]) -> dict[str, str]:
    """Names of the state's tensors by those of the adapter, all of which must match and fit."""
    wanted = [*one.changes, *one.whole]
    weights = [name for name, value in state.items() if value.is_floating_point() and value.ndim > 1]
    found = matched(one.changes, weights) | matched(one.whole, state)
    if strange := [name for name in wanted if name not in found]:
        raise ModelError(
            f"{one.file}: an adapter of another model: {len(found)} of its {len(wanted)} names match, "
            f"{' and '.join(strange[:2])} {'does' if len(strange) == 1 else 'do'} not; name the model it was trained on"
        )
    if len(set(found.values())) < len(found):
        raise ModelError(f"{one.file}: two of its names match one weight; export the adapter again")
    for name, changes in one.changes.items():
        for change in changes:
            if misfit := change.misfit(state[found[name]]):
                raise ModelError(
                    f"{one.file}: an adapter of another model: at {found[name]} {misfit}; "
                    "name the model it was trained on"
                )
    for name, value in one.whole.items():
        own = state[found[name]]
        if value.shape != own.shape:
            raise ModelError(
                f"{one.file}: an adapter of another model: its {name} is {' x '.join(map(str, value.shape))}, "
                f"the model's {' x '.join(map(str, own.shape))}; name the model it was trained on"
            )
    return found


def resolved(state: Mapping[str, Tensor], own: Collection[str], file: Path) -> dict[str, Tensor]:
    """Merge the adapters that a model's own weight file holds, and give its weights the names of the model.

    Such a file was saved while it was trained, or has an adapter beside its weights: without this, the base model would
    be taken for the tuned one. ``own`` are the model's names.

    Raises
    ------
    ModelError
        If anything of an adapter is left over, or the file holds nothing else.

    Examples
    --------
    >>> import torch
    >>> pair = {"to_q.lora_down.weight": torch.ones(1, 2), "to_q.lora_up.weight": torch.ones(2, 1)}
    >>> resolved({"to_q.weight": torch.eye(2), **pair}, ["to_q.weight"], Path("tuned.safetensors"))["to_q.weight"]
    tensor([[2., 1.],
            [1., 2.]])
    """
    if not any(OF_AN_ADAPTER.search(name) for name in state if name not in own):
        return dict(state)
    weights, others = {name: value for name, value in state.items() if name in own}, dict[str, Tensor]()
    for name, value in state.items():
        plain = _unwrapped(name)
        if name in weights:
            continue
        if plain in own and plain not in weights:
            weights[plain] = value.float() if value.is_floating_point() else value
        else:
            others[name] = value
    changes, rest = changes_in(others, training_of(others, file), file)
    if changes and not weights:
        raise ModelError(
            f"{file}: holds an adapter of {_counted(len(changes), 'weight')} and no model; "
            "name the model it was trained on, and this file as lora"
        )
    names = matched(changes, [name for name, value in weights.items() if value.is_floating_point() and value.ndim > 1])
    unfit = [
        name for name in changes if name not in names or any(one.misfit(weights[names[name]]) for one in changes[name])
    ]
    if left := [*unfit, *(name for name in rest if OF_AN_ADAPTER.search(name))]:
        raise ModelError(
            f"{file}: holds an adapter that is not merged, and {len(left)} of its "
            f"{len(changes) + len(left) - len(unfit)} parts match no weight, such as {left[0]}; "
            "merge it where it was trained, and save the model again"
        )
    for name, found in changes.items():
        weights[names[name]] = _applied(weights[names[name]], [(one, 1.0) for one in found], f"{file}: {name}")
    if changes:
        say(f"{file}: merged the adapter in it, which changes {_counted(len(changes), 'weight')}")
    return weights | rest


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _unwrapped(name: str) -> str:
    """Name of a weight without what wraps it in training."""
    for pattern, plain in WRAPPED:
        name = pattern.sub(plain, name)
    return name.removeprefix("base_model.model.")
