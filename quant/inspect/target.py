"""Target: what of a model would be quantized, what not and why, and the bytes of each variant's checkpoint.

Told of a loaded model before anything is quantized or calibrated.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from quant.engine.block import obstacle
from quant.engine.checkpoint import DIT
from quant.engine.convert import EXACT, kept_layers, put_shells
from quant.engine.layer import KeptLinear, Site
from quant.engine.reference import linear_layers
from quant.engine.registry import engine_named
from quant.inspect.sensitivity import layer_kind
from quant.method.timesteps import CurrentStep
from quant.method.variants import Variant
from quant.model.loading import AudioModel, shared_copy

QUANTIZED, KEPT, OUTSIDE, OTHER = "quantized", "kept by --keep", "outside the blocks", "no linear layer"
"""What becomes of a layer, and if it is not quantized, why."""


@dataclass(frozen=True)
class LayerKind:
    """Layers of the DiT that are alike: ``shape`` is that of the weight, ``weights`` counts the values of all.

    ``fate`` is :data:`QUANTIZED` or the reason why not.

    Examples
    --------
    >>> LayerKind("ff.ff.2", (256, 1024), 6, 6 * 256 * 1024, QUANTIZED).weights
    1572864
    """

    name: str
    shape: tuple[int, ...]
    count: int
    weights: int
    fate: str


def layer_kinds(dit: Any, keep: Sequence[str] = ()) -> list[LayerKind]:
    """Sort all layers of a DiT that have values of their own by kind, linear ones of the blocks first.

    Linear layers are told apart by name and shape, others by their class.

    Raises
    ------
    VariantError
        If an entry of ``keep`` names no linear layer of the blocks.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> kinds = layer_kinds(load_model("mini").dit, ["ff.ff.2"])
    >>> [(kind.name, kind.shape, kind.count, kind.fate) for kind in kinds if kind.name.startswith("ff")]
    [('ff.ff.0.proj', (2048, 256), 6, 'quantized'), ('ff.ff.2', (256, 1024), 6, 'kept by --keep')]
    """
    inside = linear_layers(dit)
    kept = kept_layers(inside, keep)
    found: dict[tuple[str, str, tuple[int, ...]], list[int]] = {}
    for name, module in dit.named_modules():
        values = [value.numel() for value in module.parameters(recurse=False)]
        if not values:
            continue
        if name in inside:
            key = (KEPT if name in kept else QUANTIZED, layer_kind(name), tuple(module.weight.shape))
        elif isinstance(module, nn.Linear):
            key = (OUTSIDE, name, tuple(module.weight.shape))
        else:
            key = (OTHER, type(module).__name__, ())
        found.setdefault(key, []).append(sum(values))
    order = (QUANTIZED, KEPT, OUTSIDE, OTHER)
    kinds = [LayerKind(name, shape, len(sizes), sum(sizes), fate) for (fate, name, shape), sizes in found.items()]
    return sorted(kinds, key=lambda kind: order.index(kind.fate))


def parameters(model: AudioModel) -> dict[str, int]:
    """Count the parameters of a model by part: its DiT, its autoencoder, and each conditioner by its id.

    A text encoder that is not in the weight file counts, too.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> sorted(parameters(load_model("mini")))
    ['DiT', 'autoencoder', 'prompt', 'seconds_start', 'seconds_total']
    """
    parts = {"DiT": model.dit, "autoencoder": model.wrapper.pretransform, **model.wrapper.conditioner.conditioners}
    return {name: _size(part) for name, part in parts.items() if part is not None}


def _size(part: nn.Module) -> int:
    # A text encoder is hidden from the module that holds it, so that it is not saved with it.
    hidden = [value for value in (*vars(part).values(), getattr(part, "encoder", None)) if isinstance(value, nn.Module)]
    return sum({id(value): value.numel() for one in (part, *hidden) for value in one.parameters()}.values())


def fused_blocks(model: AudioModel, variant: Variant) -> tuple[int, dict[int, str]]:
    """Count the blocks that the integer engine fuses, and say of the others, by number from 0, what stands against it.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> fused_blocks(load_model("mini"), Variant("mine", "static", keep=("layers.1.ff.ff.2",)))
    (5, {1: 'ff.ff.2 is not in integers'})
    """
    copy = shared_copy(model.wrapper)
    with torch.device("meta"):
        put_shells(copy, variant, "integer", 0.5, torch.zeros(1, dtype=torch.int64, device="cpu"))
    blocks = copy.model.model.transformer.layers
    against = {number: obstacle(block) for number, block in enumerate(blocks)}
    return sum(not reason for reason in against.values()), {n: reason for n, reason in against.items() if reason}


def checkpoint_bytes(model: AudioModel, variant: Variant, steps: int = 100) -> int:
    """Bytes of the file that :func:`quant.engine.checkpoint.save_checkpoint` writes, from shapes alone.

    Exact but for some of its header, which names who made it from what.

    Parameters
    ----------
    steps
        Calibrated denoising steps.

    Examples
    --------
    >>> from quant.method.variants import VARIANTS
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> checkpoint_bytes(model, VARIANTS["sqs-w4a8"]) < checkpoint_bytes(model, VARIANTS["sqs-w8a8"])
    True
    """
    tensors = dict(_stored(model, variant, steps))
    described = {
        name: {"dtype": "F16", "shape": list(value.shape), "data_offsets": [10**8, 10**8]}
        for name, value in tensors.items()
    }
    said = json.dumps(json.dumps({"variant": asdict(variant), "model_config": model.config, "model": model.name}))
    header = len(json.dumps(described, separators=(",", ":"))) + len(said)
    return header + sum(value.numel() * value.itemsize for value in tensors.values())


def _stored(model: AudioModel, variant: Variant, steps: int) -> Iterable[tuple[str, Tensor]]:
    """Yield the tensors of a checkpoint by name, without values."""
    layers = linear_layers(model.dit)
    kept = kept_layers(layers, variant.keep)
    scheme = engine_named("integer").schemes[variant.scheme]
    groups = torch.arange(steps) % variant.groups
    step = CurrentStep(torch.zeros(steps), model.objective, groups)
    for name in layers:
        site = Site(model.dit, name, step, variant, 0.5)
        with torch.device("meta"):
            shell = KeptLinear(*site.shape) if name in kept else scheme.empty(site)
        yield from ((f"{DIT}{name}.{key}", _narrow(key, value)) for key, value in shell.state_dict().items())
    for name, value in model.wrapper.state_dict().items():
        # Normalized weights are stored by their values.
        if name.removeprefix(DIT).rpartition(".")[0] not in layers and not name.endswith(".weight_g"):
            yield name, _narrow(name, value)
    yield from ((f"{DIT}current_step.{key}", value) for key, value in step.state_dict().items())


def _narrow(name: str, value: Tensor) -> Tensor:
    """Narrow, without its values, what the integer engine stores in 16 bits."""
    half = value.dtype == torch.float32 and name.rpartition(".")[2] not in EXACT
    return torch.empty_like(value, dtype=torch.float16 if half else value.dtype, device="meta")


def storage(weights: Mapping[str, Tensor]) -> dict[str, int]:
    """Bytes of the tensors of a weight file by their dtype, what there is most of first.

    Examples
    --------
    >>> storage({"a": torch.zeros(3), "b": torch.zeros(9).half(), "c": torch.zeros(1)})
    {'float16': 18, 'float32': 16}
    """
    found: Counter[str] = Counter()
    for value in weights.values():
        found[str(value.dtype).removeprefix("torch.")] += value.nbytes
    return dict(found.most_common())
