"""A quantized model in one safetensors file that loads without the original weights."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from quant.configuration.identity import computed_sha256
from quant.engine.block import compute_in_
from quant.engine.convert import finish_, in_16_bits, put_shells, too_large
from quant.engine.layer import QuantizedLinear
from quant.engine.reference import linear_layers
from quant.engine.registry import engine_named
from quant.errors import CheckpointError, VariantError
from quant.files import LINE, save_tensors
from quant.kernels.tiles import in_tiles
from quant.method.timesteps import STEP_NAME
from quant.method.variants import EngineName, Variant
from quant.model.autoencoder import CONVOLUTIONS, keep_narrow_, plain_weights_, without_weight_norm
from quant.model.loading import AudioModel, build, shared_copy
from quant.model.memory import give_back, let_go
from quant.model.text_encoder import map_text_encoders_

log = logging.getLogger(__name__)

FORMAT = 5
DIT = "model.model."

TOGETHER = 8
"""Layers that are read of a file before it is opened anew, which takes a millisecond."""


def save_checkpoint(
    path: Path,
    model: AudioModel,
    variant: Variant,
    *,
    alpha: float | None,
    made_by: str,
    calibration_sha256: str = "",
    engine: EngineName = "integer",
) -> None:
    """Write a model that :func:`quant.engine.convert.quantize_` converted, atomically.

    What is not quantized, the autoencoder among it, is stored in 16 bits, but for the scales and smoothing factors, and
    for tensors with numbers too large for that, which ``float32`` in the header names.

    Examples
    --------
    >>> from quant.mini.example import quantized
    >>> model, variant = quantized()
    >>> save_checkpoint(Path("model.safetensors"), model, variant, alpha=0.5, made_by="me")
    >>> read_header(Path("model.safetensors"))["earmark"], load_checkpoint(Path("model.safetensors"))[1].name
    ('me', 'sqs-w8a8')
    """
    tensors = stored(model.wrapper.state_dict(), engine)
    wide = too_large(tensors) if engine_named(engine).narrow else []
    if wide:
        log.warning(
            "%s: %d tensors stay in float32, as 16 bits cannot hold their largest numbers: %s", path, len(wide), wide[0]
        )
    header = {
        "format": FORMAT,
        "kind": "checkpoint",
        "engine": engine,
        "variant": asdict(variant),
        "alpha": alpha,
        "model": model.name,
        "model_config": model.config,
        "model_sha256": model.sha256,
        "adapters": model.adapters,
        "calibration_sha256": calibration_sha256,
        "earmark": made_by,
        "float32": wide,
    }
    save_tensors(path, tensors, header)


def stored(state: dict[str, Tensor], engine: EngineName) -> dict[str, Tensor]:
    """Tensors as a checkpoint holds them; the reference engine, which is a yardstick, rounds nothing.

    Codes are in tiles, of which a processor that has such multiplies them in the file itself.

    Examples
    --------
    >>> state = {"to_out.weight": torch.ones(1), "to_out.codes": torch.ones(32, 64, dtype=torch.int8)}
    >>> stored(state, "integer")["to_out.weight"].dtype, stored(state, "reference")["to_out.weight"].dtype
    (torch.float16, torch.float32)
    >>> stored(state, "integer")["to_out.codes"].shape
    torch.Size([2, 16, 16, 4])
    """
    if not engine_named(engine).narrow:
        return state
    codes = {name: in_tiles(value) for name, value in state.items() if name.endswith(".codes")}
    return state | in_16_bits(state) | codes


def read_header(path: Path) -> dict[str, Any]:
    """Read what a checkpoint says of itself, without its tensors.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, foreign, or of another format version.

    Examples
    --------
    >>> from quant.mini.example import quantized
    >>> model, variant = quantized()
    >>> save_checkpoint(Path("model.safetensors"), model, variant, alpha=0.5, made_by="me")
    >>> header = read_header(Path("model.safetensors"))
    >>> header["model"], header["engine"], header["alpha"]
    ('mini', 'integer', 0.5)
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("earmark", "null"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file; run earmark quantize first") from error
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: damaged or truncated ({error}); remove it and run earmark quantize") from error
    if not isinstance(header, dict) or header.get("kind") != "checkpoint":
        raise CheckpointError(f"{path}: not a checkpoint of Earmark; earmark quantize makes one")
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format {header.get('format')}, but this version reads format {FORMAT}; run earmark quantize again"
        )
    return header


def variant_in(header: dict[str, Any]) -> Variant:
    """The variant that a checkpoint's header names.

    Examples
    --------
    >>> header = {"variant": asdict(Variant("mine", "dynamic", keep=("ff.2",)))}
    >>> variant_in(json.loads(json.dumps(header))).keep
    ('ff.2',)
    """
    return Variant(**{**header["variant"], "keep": tuple(header["variant"]["keep"])})


def load_checkpoint(path: Path, device: str = "cpu") -> tuple[AudioModel, Variant]:
    """Load a quantized model from its file alone, ready to render.

    Codes in the processor's own order (AMX) and the decoder's weights stay in the file and are mapped. Other layers are
    read one by one, and those that have one group of timesteps are packed for the processor and their plain codes let
    go, so that no more than one layer is in memory twice. The autoencoder's encoder is left out.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, foreign, of another version, or its tensors do not fit its header.

    Examples
    --------
    >>> from quant.mini.example import quantized
    >>> model, variant = quantized()
    >>> save_checkpoint(Path("model.safetensors"), model, variant, alpha=0.5, made_by="me")
    >>> loaded, variant = load_checkpoint(Path("model.safetensors"))
    >>> loaded.sample_rate, variant.scheme
    (22050, 'static')
    """
    header = read_header(path)
    with _damage_named(path):
        narrow = engine_named(header["engine"]).narrow
        with without_weight_norm() if narrow else nullcontext():
            wrapper = build(header["model_config"], header["model"], values=False)
        if narrow:
            plain_weights_(wrapper)  # of autoencoders that the library takes from elsewhere
        shells = _shells(wrapper, header, path)
        _fill(path, wrapper, shells, device)
        finish_(wrapper.model.model, header["engine"])
        wrapper.requires_grad_(False).eval()
        if device == "cpu":
            map_text_encoders_(wrapper.conditioner)
        made_of = tuple(header.get("adapters", ()))
        loaded = AudioModel(header["model"], header["model_config"], wrapper, header["model_sha256"], made_of)
        return loaded, variant_in(header)


def load_beside(path: Path, source: AudioModel) -> tuple[AudioModel, Variant]:
    """Load the quantized layers of a checkpoint alone; all else is ``source``, the full-precision model itself.

    So what is rendered differs from ``source`` by its quantized layers and by nothing else: the prompt's path, norms,
    embeddings, biases and the decoder are the same values in the same dtype, and what lies between integer products,
    attention among it, is computed in float32. ``source`` stays as it is, and its memory is shared.

    Raises
    ------
    CheckpointError
        As :func:`load_checkpoint`, or if the checkpoint was made of another model.

    Examples
    --------
    >>> from quant.mini.example import quantized
    >>> from quant.model.loading import load_model
    >>> model, variant = quantized()
    >>> save_checkpoint(Path("model.safetensors"), model, variant, alpha=0.5, made_by="me")
    >>> loaded, variant = load_beside(Path("model.safetensors"), load_model("mini"))
    >>> loaded.sample_rate, variant.scheme
    (22050, 'static')
    """
    header = read_header(path)
    if header.get("model_sha256") != source.sha256:
        raise CheckpointError(
            f"{path}: made from a model with sha256 {str(header.get('model_sha256'))[:12]}, but {source.name} has "
            f"{source.sha256[:12]}; run earmark quantize again"
        )
    if computed_sha256(header.get("model_config") or {}) != source.config_sha256:
        raise CheckpointError(
            f"{path}: made with another model_config.json than that of {source.name}; run earmark quantize again"
        )
    wrapper = shared_copy(source.wrapper)
    layers = linear_layers(wrapper.model.model)
    biases = {name: layer.bias for name, layer in layers.items()}
    let_go(layer.weight for layer in layers.values())  # nothing of what is rendered next reads them
    with _damage_named(path):
        shells = _shells(wrapper, header, path)
        device = str(next(source.dit.parameters()).device)
        _fill_layers(path, _by_layer(_names(path)), shells, device, biases)
        step = wrapper.model.model.get_submodule(STEP_NAME)
        step.load_state_dict({key: _read(path, f"{DIT}{STEP_NAME}.{key}") for key in step.state_dict()})
        finish_(wrapper.model.model, header["engine"])
        compute_in_(wrapper.model.model, torch.float32)
        wrapper.requires_grad_(False).eval()
        return AudioModel(source.name, source.config, wrapper, source.sha256, source.adapters), variant_in(header)


def _shells(wrapper: Any, header: dict[str, Any], path: Path) -> dict[str, QuantizedLinear]:
    """Put the layers that a checkpoint holds, without their values, in the place of the linear ones; by name."""
    groups = _read(path, f"{DIT}{STEP_NAME}.groups")
    return put_shells(wrapper, variant_in(header), header["engine"], header["alpha"], groups)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Say of which file it is that its tensors do not fit its header."""
    try:
        yield
    except (SafetensorError, KeyError, TypeError, RuntimeError, OSError, VariantError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"{path}: damaged ({reason}); remove it and run earmark quantize") from error


def _read(path: Path, name: str) -> Tensor:
    with safe_open(path, framework="pt") as file:
        value: Tensor = file.get_tensor(name)
        return value.clone()


def _fill(path: Path, wrapper: Any, shells: dict[str, QuantizedLinear], device: str) -> None:
    """Give every tensor of ``wrapper`` its value, those of one quantized layer after the other."""
    own = _by_layer(_names(path))
    quantized = {f"{DIT}{name}": layer for name, layer in shells.items()}
    packed = {f"{prefix}.{key}" for prefix, layer in quantized.items() for key in layer.state_dict()}
    _fill_layers(path, own, shells, device, {})
    rest = set().union(*(names for prefix, names in own.items() if prefix not in quantized))
    encoder = getattr(getattr(wrapper.pretransform, "model", None), "encoder", None)
    if encoder is not None:
        wrapper.pretransform.model.encoder = None
        rest = {name for name in rest if not name.startswith("pretransform.model.encoder.")}
    missing = set(wrapper.state_dict()) - packed - rest
    if missing:
        raise KeyError(f"lacks {min(missing)}")
    keep = {name for name, value in wrapper.state_dict().items() if value.dtype == torch.float16}
    parts, mapped = dict(wrapper.named_modules()), []
    with safe_open(path, framework="pt") as file:
        for name, value in _tensors(file, rest):
            parent, _, own_name = name.rpartition(".")
            part = parts.get(parent)
            weight = own_name == "weight" and name.startswith("pretransform.") and isinstance(part, CONVOLUTIONS)
            wide = value.dtype == torch.float16 and not weight and name not in keep
            value = value.float() if wide else value if weight else value.clone()
            mapped += [value] if weight else []
            if part is None or part.load_state_dict({own_name: value}, strict=False, assign=True).unexpected_keys:
                raise KeyError(f"holds {name}, which the model does not have")
    if wrapper.pretransform is not None:
        keep_narrow_(wrapper.pretransform)
    wrapper.to(device)
    let_go(mapped)  # the decoder, until it is used
    give_back()


def _fill_layers(
    path: Path,
    own: dict[str, set[str]],
    layers: dict[str, QuantizedLinear],
    device: str,
    biases: Mapping[str, Tensor | None],
) -> None:
    """Give layers, by name, their values, which ``own`` names by layer."""
    names = list(layers)
    for first in range(0, len(names), TOGETHER):
        # The file is opened anew now and then: what was read of it would count as memory while it is open.
        with safe_open(path, framework="pt") as file:
            for name in names[first : first + TOGETHER]:
                _fill_layer(file, own.get(f"{DIT}{name}", set()), layers[name], device, biases.get(name))
        give_back()


def _fill_layer(file: Any, names: set[str], layer: QuantizedLinear, device: str, bias: Tensor | None) -> None:
    """Give one layer its values, with ``bias`` for the rounded one of the file, and pack its codes."""
    values = {name.rpartition(".")[2]: value for name, value in _tensors(file, names)}
    if layer.bias is not None:
        rounded = values["bias"].to(torch.float32, copy=True)
        values["bias"] = rounded if bias is None else bias
    codes = values.get("codes")
    if codes is not None and codes.data_ptr() % LINE:  # another program wrote the file anew
        values["codes"] = codes.clone()
    layer.load_state_dict(values, assign=True)
    layer.to(device)
    layer.release_codes()
    # Codes are multiplied where they lie in the file, or were packed from there; the rest is copied, so that its pages
    # can go.
    stays = {name: value.clone() for name, value in layer.state_dict().items() if name != "bias"}
    layer.load_state_dict(stays, strict=False, assign=True)


def _names(path: Path) -> set[str]:
    with safe_open(path, framework="pt") as file:
        return set(file.keys())


def _by_layer(names: set[str]) -> dict[str, set[str]]:
    """Names of tensors by the module that they are of."""
    found: dict[str, set[str]] = {}
    for name in names:
        found.setdefault(name.rpartition(".")[0], set()).add(name)
    return found


def _tensors(file: Any, names: set[str]) -> Iterator[tuple[str, Tensor]]:
    """Read tensors of an open file, where they lie until they are copied."""
    for name in sorted(names):
        value = file.get_tensor(name)
        # Codes cannot pass it on: it would change the clip and not be seen. 0 times infinity is NaN.
        if value.is_floating_point() and not bool((value * 0).sum() == 0):
            raise KeyError(f"{name} holds NaN or infinity")
        yield name, value
