"""Precision: what a file's tensors are stored in, widened to float32 and looked through for what is no number."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor

from quant.errors import ModelError

FLOATS = (
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
)
"""Storage whose values are the weights, each exact in float32 but float64's."""

SCALES = ("scale_weight", "weight_scale")
"""Names beside ``weight`` of what it is multiplied by: ComfyUI's until 2025, and its own and compressed-tensors' since.

Source: ``comfy/ops.py`` of ComfyUI, where a layer's weight is ``weight * scale_weight``; the second is that of
``_quantization_metadata``. A number for the whole weight or one for each of its outputs.
"""

OF_INPUTS = ("scale_input", "input_scale", "comfy_quant")
"""Names beside ``weight`` of what is for the products of 8 bits that the file was made for: not used here."""

MARK = "scaled_fp8"
"""Name of the tensor that says that a file has scales."""


def _scaled(name: str, value: Tensor, scale_name: str, scale: Tensor, path: Path) -> Tensor:
    """Multiply a weight of shape (outputs, ...) by its scale in float32."""
    shape = tuple(scale.shape)
    rows = (value.shape[0], *(1 for _ in range(value.ndim - 1))) if value.ndim else ()
    if not scale.is_floating_point() or (scale.numel() != 1 and shape not in ((value.shape[0],), rows)):
        raise ModelError(
            f"{path}: {scale_name} is of shape {list(shape)} for {name} of {list(value.shape)}; "
            "only one scale a weight or one an output is read, give the file it was made from"
        )
    wide = scale.float()
    return value.float() * (wide.reshape(()) if scale.numel() == 1 else wide.reshape(rows))


def widened(state: dict[str, Tensor], wanted: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Widen the tensors that the model has to float32, each multiplied by the scale that lies beside it.

    ``wanted`` is the model's own state dict. Integers stay what they are, and so does what the model does not have.

    Raises
    ------
    ModelError
        If a weight is stored as something else than numbers with a point, or with a scale that is not understood.

    Examples
    --------
    >>> state = {"a.weight": torch.ones(2, 2).to(torch.float8_e4m3fn), "a.scale_weight": torch.tensor(0.5)}
    >>> widened(state, {"a.weight": torch.zeros(2, 2)}, Path("model.safetensors"))
    {'a.weight': tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])}
    """
    found = dict(state)
    used = {MARK} - wanted.keys()
    for name, like in wanted.items():
        if name not in state:
            continue
        value = state[name]
        if like.is_floating_point() and value.dtype not in FLOATS:
            raise ModelError(
                f"{path}: {name} is stored as {_kind(value)}, rounded by another tool; give the file it was made from"
            )
        if value.is_floating_point() and not like.is_floating_point():
            raise ModelError(
                f"{path}: {name} is stored as {_kind(value)}, but counts something; save it as {_kind(like)}"
            )
        if value.layout != torch.strided or value.is_meta:
            raise ModelError(f"{path}: {name} is sparse or has no values; save it as a plain tensor")
        scales = _scales_of(name, state, wanted)
        scale = next((one for one in scales if one.rpartition(".")[2] in SCALES), None)
        unknown = [one for one in scales if one.rpartition(".")[2] not in (*SCALES, *OF_INPUTS)]
        if unknown:
            raise ModelError(f"{path}: {unknown[0]} is a scale that is not understood; give the file it was made from")
        used |= set(scales)
        if scale:
            found[name] = _scaled(name, value, scale, state[scale], path)
        elif like.is_floating_point():
            found[name] = value.float()
    return {name: value for name, value in found.items() if name not in used}


def _scales_of(name: str, state: Collection[str], wanted: Collection[str]) -> list[str]:
    """Names of a weight's scales in a file, which the model does not have."""
    module, _, last = name.rpartition(".")
    if last != "weight":
        return []
    beside = ("scale", "weight.scale", "scale_inv", "weight_scale_inv", "weight_scale_2", "weight_scalar")
    candidates = (f"{module}.{one}" for one in (*SCALES, *OF_INPUTS, *beside))
    return [one for one in candidates if one in state and one not in wanted]


def _kind(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def check_finite(state: dict[str, Tensor], path: Path) -> None:
    """Refuse weights that are no numbers: one pass over each tensor, which makes no copy.

    Raises
    ------
    ModelError
        If one holds NaN or infinity.

    Examples
    --------
    >>> try:
    ...     check_finite({"a": torch.tensor([1.0, float("nan"), float("inf")])}, Path("model.safetensors"))
    ... except ModelError as error:
    ...     print(str(error).partition(";")[0])
    model.safetensors: a holds 2 values of 3 that are NaN or infinite
    """
    bad = [name for name, value in state.items() if value.is_floating_point() and not _finite(value)]
    if not bad:
        return
    first = state[bad[0]]
    count = int((~first.isfinite()).sum())
    others = f", and so do {len(bad) - 1} tensors more" if len(bad) > 1 else ""
    raise ModelError(
        f"{path}: {bad[0]} holds {count} values of {first.numel()} that are NaN or infinite{others}; "
        "take a checkpoint from before training broke down, or save it in float32 where float16 cannot hold it"
    )


def _finite(value: Tensor) -> bool:
    # The least and the greatest are NaN if one value is.
    return value.numel() == 0 or all(torch.isfinite(bound) for bound in torch.aminmax(value))
