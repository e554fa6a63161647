"""Changes: what an adapter does to which weight, read from the names that trainers give its tensors.

=========================== ======================================================================================
trainer                     names
=========================== ======================================================================================
stable-audio-tools, SA 3    ``X.parametrizations.weight.0.lora_A``, ``lora_B``, ``magnitude``, ``magnitude_r``,
                            ``magnitude_c``, ``M_xs`` (``models/lora/model.py``, which grew from minLoRA)
PEFT, diffusers             ``base_model.model.X.lora_A.weight``, ``lora_B.weight``, ``lora_magnitude_vector``
kohya, LyCORIS, ComfyUI     ``lora_unet_X.lora_down.weight``, ``lora_up.weight``, ``alpha``, ``dora_scale``
LoRAW                       ``X/lora_down.weight``, ``X/lora_up.weight`` (``loraw/network.py``)
=========================== ======================================================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from zipfile import is_zipfile

import torch
from safetensors import safe_open
from torch import Tensor

from quant.adapters.adapter import Adapter, Training, own_training, peft_training, weight_file
from quant.errors import ModelError
from quant.pretrained.fitting import say
from quant.pretrained.state import read_weights

NAMES = (
    re.compile(
        r"(?P<layer>.+)\.parametrizations\.(?P<of>\w+)\.(?P<which>\d+)\."
        r"(?P<role>lora_A|lora_B|M_xs|U|V|magnitude|magnitude_r|magnitude_c|lora_dropout_mask|lora_strength)"
    ),
    re.compile(
        r"(?P<layer>.+)[./](?P<role>lora_A|lora_B|lora_down|lora_up|lora\.down|lora\.up|lora_magnitude_vector)"
        r"(?:\.(?P<which>(?!weight$|bias$)\w+))?(?:\.weight)?"
    ),
    re.compile(r"(?P<layer>.+)\.(?P<role>alpha|dora_scale)"),
)
ROLES = {
    "lora_A": "down", "lora_down": "down", "lora.down": "down",
    "lora_B": "up", "lora_up": "up", "lora.up": "up",
    "lora_magnitude_vector": "magnitude", "dora_scale": "magnitude",
    "magnitude_r": "rows", "magnitude_c": "columns", "M_xs": "core", "U": "left", "V": "right",
}  # fmt: skip
IDLE = ("lora_dropout_mask", "lora_strength")  # of training, and 1 when it is over


@dataclass(frozen=True)
class Change:
    """What an adapter does to one weight, as float64 matrices.

    ``up`` (outputs, rank) times ``down`` (rank, inputs) times ``scale`` is added; with ``core`` (rank, rank), these are
    the weight's own first singular vectors unless they are given (LoRA-XS). Then rows are brought to the lengths
    ``rows`` (outputs,), and columns to ``columns`` (inputs,), where these are given (DoRA, BoRA). Inputs of a
    convolution are channels times kernel.

    Source: Hu et al. 2021 (LoRA), Liu et al. 2024 (DoRA), Bałazy et al. 2024 (LoRA-XS), Wang et al. 2024 (BoRA).
    """

    scale: float
    down: Tensor | None = None
    up: Tensor | None = None
    core: Tensor | None = None
    rows: Tensor | None = None
    columns: Tensor | None = None

    def misfit(self, weight: Tensor) -> str:
        """Say which shape does not go with a weight's; empty if all do.

        Examples
        --------
        >>> Change(1.0, down=torch.zeros(4, 8), up=torch.zeros(16, 4)).misfit(torch.zeros(16, 6))
        'its product is 16 x 8, the weight is 16 x 6'
        """
        outputs, inputs = len(weight), weight[0].numel()
        said = f"the weight is {' x '.join(map(str, weight.shape))}"
        rank = 0 if self.core is None else len(self.core)
        made = (outputs if self.up is None else len(self.up), inputs if self.down is None else self.down.shape[1])
        if made != (outputs, inputs):
            return f"its product is {made[0]} x {made[1]}, {said}"
        if rank > min(outputs, inputs):
            return f"its rank is {rank}, {said}"
        for lengths, expected in ((self.rows, outputs), (self.columns, inputs)):
            if lengths is not None and len(lengths) != expected:
                return f"it has {len(lengths)} magnitudes, {said}"
        return ""

    def applied(self, weight: Tensor, original: Tensor, strength: float) -> Tensor:
        """Change a weight, float64; ``original`` is the base model's, where ``weight`` has changes already.

        ``strength`` multiplies the product alone, in DoRA inside the direction, as PEFT's ``set_scale`` and
        stable-audio-tools' ``lora_strength`` do; 0 is no change at all.

        Examples
        --------
        >>> change = Change(2.0, down=torch.ones(1, 2).double(), up=torch.ones(2, 1).double())
        >>> change.applied(torch.eye(2).double(), torch.eye(2).double(), 0.5).tolist()
        [[2.0, 1.0], [1.0, 2.0]]
        """
        if strength == 0:
            return weight
        made = weight.flatten(1) + strength * self.scale * self._product(original.flatten(1))
        for lengths, along in ((self.rows, 1), (self.columns, 0)):
            if lengths is not None:
                made = made / (made.norm(dim=along, keepdim=True) + 1e-12) * lengths.unsqueeze(along)
        return made.reshape(weight.shape)

    def _product(self, original: Tensor) -> Tensor:
        if self.core is None:
            assert self.up is not None
            assert self.down is not None
            return self.up @ self.down
        up, down = self.up, self.down
        if up is None or down is None:
            left, _, right = torch.linalg.svd(original, full_matrices=False)
            # The sign of a singular vector is free: that of its largest entry is positive in stable-audio-tools.
            signs = left.gather(0, left.abs().argmax(dim=0, keepdim=True)).sign()
            rank = len(self.core)
            up, down = (left * signs)[:, :rank], (right * signs.T)[:rank]
        return up @ self.core @ down


@dataclass(frozen=True)
class Contents:
    """What an adapter's file holds: the changes by weight, in their order, and whole tensors, by the file's names."""

    adapter: Adapter
    file: Path
    changes: dict[str, list[Change]] = field(default_factory=dict)
    whole: dict[str, Tensor] = field(default_factory=dict)


def read_adapter(adapter: Adapter) -> Contents:
    """Read what an adapter changes.

    Raises
    ------
    ModelError
        If its file is missing or damaged, of a kind that is not known here, holds a number that is none, or does not
        say how it is scaled.

    Examples
    --------
    >>> from safetensors.torch import save_file
    >>> pair = {"to_q.lora_down.weight": torch.ones(1, 8), "to_q.lora_up.weight": torch.ones(4, 1)}
    >>> save_file(pair, "rain.safetensors")
    >>> list(read_adapter(Adapter(Path("rain.safetensors"))).changes)
    ['to_q.weight']
    """
    file = weight_file(adapter.path)
    tensors = read_weights(file)
    training = training_of(tensors, file)
    changes, rest = changes_in(tensors, training, file)
    whole = {name: _finite(name, value, file) for name, value in rest.items() if _saved(name, training)}
    strange = [name for name in rest if name not in whole]
    if strange or not changes:
        examples = " and ".join((strange or list(tensors) or ["nothing"])[:2])
        raise ModelError(
            f"{file}: {len(strange) or 'all'} of {len(tensors)} tensors are of no adapter that can be merged, "
            f"such as {examples}; export the adapter alone, or name a whole model as the model"
        )
    return Contents(adapter, file, changes, whole)


def _saved(name: str, training: Training) -> bool:
    """Whether PEFT saved a tensor as it is."""
    layer, _, of = name.rpartition(".")
    return (training.biases and of == "bias") or any(f".{layer}.".endswith(f".{one}.") for one in training.whole)


def training_of(tensors: Mapping[str, Tensor], file: Path) -> Training:
    """Find what the tensors of an adapter, alone or in a model's file, do not say of themselves.

    Raises
    ------
    ModelError
        If PEFT's configuration is missing, or either's is damaged.

    Examples
    --------
    >>> training_of({"to_q.lora_down.weight": torch.ones(1, 8)}, Path("rain.safetensors")) == Training()
    True
    """
    if any(".parametrizations." in name for name in tensors):
        return own_training(_own_config(file), file)
    if any(re.search(r"[./]lora_A(\.|$)", name) for name in tensors):
        return peft_training(file)
    return Training()


def _own_config(file: Path) -> object:
    """``lora_config`` of a file that has been read: from the header of safetensors, else beside the state dict."""
    if file.suffix != ".safetensors":
        try:
            found = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
        except UnpicklingError:  # a whole checkpoint of training: one that says lora_config holds nothing else
            return None
        return found.get("lora_config") if isinstance(found, dict) else None
    with safe_open(file, framework="pt") as opened:
        said = (opened.metadata() or {}).get("lora_config")
    try:
        return None if said is None else json.loads(said)
    except ValueError:
        return said


def changes_in(
    tensors: Mapping[str, Tensor], training: Training, file: Path
) -> tuple[dict[str, list[Change]], dict[str, Tensor]]:
    """Sort tensors into changes, by the name of the weight that they change, and the rest.

    Raises
    ------
    ModelError
        If a change lacks a part, its parts do not go together, or one is not finite.

    Examples
    --------
    >>> pair = {"to_q.lora_down.weight": torch.ones(1, 8), "to_q.lora_up.weight": torch.ones(4, 1)}
    >>> changes, rest = changes_in({**pair, "step": torch.zeros(1)}, Training(), Path("rain.safetensors"))
    >>> changes["to_q.weight"][0].up.shape, list(rest)
    (torch.Size([4, 1]), ['step'])
    """
    parts: dict[str, dict[str, dict[str, Tensor]]] = {}
    rest = {}
    for name, value in tensors.items():
        match = next(filter(None, (pattern.fullmatch(name) for pattern in NAMES)), None)
        if match is None:
            rest[name] = value
        elif (role := match["role"]) not in IDLE:
            groups = match.groupdict()
            weight = f"{match['layer']}.{groups.get('of') or 'weight'}"
            which = groups.get("which") or "0"
            parts.setdefault(weight, {}).setdefault(which, {})[ROLES.get(role, role)] = _finite(name, value, file)
    _refuse_halves(parts, file)
    for weight, found in parts.items():
        if len(found) > 1 and not all(which.isdecimal() for which in found):
            raise ModelError(f"{file}: {weight} has {len(found)} adapters ({', '.join(found)}); export one of them")
    if (
        parts
        and training.alpha is None
        and not any("alpha" in one for every in parts.values() for one in every.values())
    ):
        say(f"{file}: does not say its alpha; it is taken to be the rank, with which trainers begin")
    changes = {
        weight: [_change(weight, found[which], training, file) for which in sorted(found, key=_order)]
        for weight, found in parts.items()
    }
    return changes, rest


def _refuse_halves(parts: Mapping[str, Mapping[str, Mapping[str, Tensor]]], file: Path) -> None:
    halves = {
        weight: "lora_A (lora_down)" if "down" not in found else "lora_B (lora_up)"
        for weight, every in parts.items()
        for found in every.values()
        if "core" not in found and not found.keys() >= {"down", "up"}
    }
    if halves:
        weight, lacking = next(iter(halves.items()))
        raise ModelError(
            f"{file}: {len(halves)} of {len(parts)} weights have half an adapter: {weight} lacks its {lacking}; "
            "export it again"
        )


def _order(which: str) -> int:
    return int(which) if which.isdecimal() else 0


def _finite(name: str, value: Tensor, file: Path) -> Tensor:
    if not value.is_floating_point() and value.numel() > 1:
        raise ModelError(f"{file}: {name} holds whole numbers; export the adapter in floating point")
    wide = value.double()
    if not torch.isfinite(wide).all():
        raise ModelError(f"{file}: {name} holds NaN or infinity; export the adapter again, or train it anew")
    return wide


def _change(weight: str, parts: dict[str, Tensor], training: Training, file: Path) -> Change:
    core, (up, down) = parts.get("core"), (parts.get("up"), parts.get("down"))
    if core is not None:
        up, down = parts.get("left"), parts.get("right")
        down = None if down is None else down.T
    matrices = [one for one in (up, core, down) if one is not None]
    if any(one.ndim < 2 or not one.numel() for one in matrices):
        raise ModelError(f"{file}: {weight} has an adapter whose matrices are none; export it again")
    up, down = (None if one is None else one.flatten(1) for one in (up, down))
    ranks = {one.shape[1] for one in (up, core) if one is not None} | {
        len(one) for one in (core, down) if one is not None
    }
    if len(ranks) > 1:
        shapes = " and ".join(str(tuple(one.shape)) for one in matrices)
        raise ModelError(
            f"{file}: {weight} has an adapter of matrices that do not go together, {shapes}; export it again"
        )
    alpha = parts.get("alpha")
    if alpha is not None and alpha.numel() != 1:
        raise ModelError(f"{file}: {weight} has an alpha of {alpha.numel()} numbers; export the adapter again")
    rows, columns = parts.get("rows"), parts.get("columns")
    if (magnitude := parts.get("magnitude")) is not None:
        # Before it had names for both, stable-audio-tools wrote those of columns as (1, inputs).
        of_columns = training.kind.startswith("dora-cols") or (
            training.config is None and magnitude.ndim == 2 and len(magnitude) == 1 and magnitude.shape[1] > 1
        )
        rows, columns = (None, magnitude) if of_columns else (magnitude, None)
    layer = weight.rpartition(".")[0].removeprefix("base_model.model.")
    return Change(
        scale=training.scale(layer, ranks.pop(), None if alpha is None else float(alpha)),
        down=down,
        up=up,
        core=core,
        rows=None if rows is None else rows.flatten(),
        columns=None if columns is None else columns.flatten(),
    )
