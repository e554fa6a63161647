"""Adapters: a LoRA or DoRA file, with what its tensors do not say of themselves. Reads no tensors, imports no torch.

The rank can be seen in a tensor; how the product is scaled, and of which kind the adapter is, cannot:

- stable-audio-tools and Stable Audio 3 (``models/lora/utils.py``) write ``lora_config`` (``rank``, ``alpha``,
  ``adapter_type``) into the header of a ``.safetensors``, or beside ``state_dict`` in a ``.ckpt``;
- PEFT writes ``adapter_config.json`` beside ``adapter_model.safetensors`` (``peft/tuners/lora/config.py``);
- kohya's and ComfyUI's files hold a tensor ``alpha`` for every layer, and LoRAW's nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quant.errors import ModelError
from quant.pretrained import header
from quant.pretrained.jsonfile import read_json

WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin", "pytorch_lora_weights.safetensors")
SUFFIXES = (header.SAFETENSORS, *header.PICKLES)
PEFT_CONFIG = "adapter_config.json"
# How PEFT may have filled an adapter before training, leaving the base model as it was; the others change it.
PLAIN_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")
# Options of PEFT under which an adapter is no sum on a weight.
OTHER_SUMS = ("layer_replication", "alora_invocation_tokens", "target_parameters", "trainable_token_indices")


@dataclass(frozen=True)
class Adapter:
    """An adapter that is merged into a model: a file, or PEFT's folder, and how strongly; 1 is as trained, 0 nothing.

    Examples
    --------
    >>> Adapter(Path("rain.safetensors")).strength
    1.0
    """

    path: Path
    strength: float = 1.0


@dataclass(frozen=True)
class Training:
    """What an adapter's tensors do not say of themselves.

    ``kind``: stable-audio-tools' ``adapter_type``. ``alpha``: the product's factor times its rank; None if not said.
    ``alphas``: those of PEFT's ``alpha_pattern``. ``root``: whether alpha is divided by the rank's root (rsLoRA).
    ``whole``: endings of layers that PEFT saved as they are. ``biases``: whether biases too. ``config``: the file that
    says so, if it is one of its own.
    """

    kind: str = ""
    alpha: float | None = None
    alphas: Mapping[str, float] = field(default_factory=dict)
    root: bool = False
    whole: tuple[str, ...] = ()
    biases: bool = False
    config: Path | None = None

    def scale(self, layer: str, rank: int, alpha: float | None = None) -> float:
        """Factor of a layer's product: ``alpha`` (its own, the pattern's, the adapter's, else the rank) over the rank.

        A pattern names the end of a layer, as ``peft.utils.other.get_pattern_key`` reads it.

        Examples
        --------
        >>> Training(alpha=16).scale("to_q", rank=4), Training(alpha=16, root=True).scale("to_q", rank=4)
        (4.0, 8.0)
        >>> Training(alpha=16, alphas={"to_q": 2}).scale("self_attn.to_q", rank=4), Training().scale("to_q", rank=4)
        (0.5, 1.0)
        """
        if alpha is None:
            patterns = (one for key, one in self.alphas.items() if re.fullmatch(rf"(.*\.)?({key})", layer))
            alpha = next(patterns, self.alpha)
        if alpha is None:
            return 1.0
        return float(alpha) / (rank**0.5 if self.root else rank)


def weight_file(path: Path) -> Path:
    """Find the file of an adapter's tensors.

    Raises
    ------
    ModelError
        If there is none, or a folder holds several.

    Examples
    --------
    >>> Path("rain").mkdir()
    >>> Path("rain/adapter_model.safetensors").touch()
    >>> weight_file(Path("rain")).name
    'adapter_model.safetensors'
    """
    if path.is_file():
        if path.suffix not in SUFFIXES:
            raise ModelError(f"{path}: not the name of an adapter's file; it ends in {', '.join(SUFFIXES)}")
        return path
    if not path.is_dir():
        raise ModelError(f"{path}: no such adapter; name a file, or a folder with {WEIGHTS[0]}")
    found = [path / name for name in WEIGHTS if (path / name).is_file()]
    found = found or sorted(one for one in path.iterdir() if one.suffix in SUFFIXES and one.is_file())
    if not found:
        raise ModelError(f"{path}: holds no adapter; name a file, or a folder with {WEIGHTS[0]}")
    if len(found) > 1 and found[0].name not in WEIGHTS:
        names = ", ".join(one.name for one in found[:4])
        raise ModelError(f"{path}: holds {len(found)} files that may be the adapter ({names}); name one of them")
    return found[0]


def peft_training(file: Path) -> Training:
    """Read ``adapter_config.json`` beside an adapter's (or a model's) file.

    Raises
    ------
    ModelError
        If it is missing or damaged, or if PEFT does more with the adapter than add products to weights.

    Examples
    --------
    >>> Path("adapter_config.json").write_text('{"peft_type": "LORA", "r": 8, "lora_alpha": 16}') > 0
    True
    >>> peft_training(Path("adapter_model.safetensors")).alpha
    16.0
    """
    path = file.parent / PEFT_CONFIG
    if not path.is_file():
        raise ModelError(
            f"{file}: lacks {PEFT_CONFIG} beside it, whose lora_alpha says how strong the adapter is; put it there"
        )
    config = read_json(path)
    alpha = config.get("lora_alpha", config.get("r")) if isinstance(config, dict) else None
    if not isinstance(alpha, (int, float)):
        raise ModelError(f"{path}: says no lora_alpha; PEFT writes it for every LoRA adapter")
    kind = str(config.get("peft_type", "LORA")).upper()
    if kind != "LORA":
        raise ModelError(f"{path}: peft_type is {kind}; Earmark merges LORA, with or without use_dora")
    if (start := config.get("init_lora_weights")) not in PLAIN_STARTS:
        raise ModelError(
            f"{path}: init_lora_weights is {start!r}, which changes the base model too; "
            "convert it with save_pretrained(path_initial_model_for_weight_conversion=...)"
        )
    if others := [key for key in OTHER_SUMS if config.get(key)]:
        raise ModelError(f"{path}: {others[0]} is set, which no merged weight can hold; train without it")
    alphas = _numbers(config.get("alpha_pattern"), path)
    return Training(
        alpha=float(alpha),
        alphas=alphas,
        root=config.get("use_rslora") is True,
        whole=tuple(map(str, config.get("modules_to_save") or ())),
        biases=config.get("bias") in ("all", "lora_only"),
        config=path,
    )


def own_training(config: object, file: Path) -> Training:
    """Read a ``lora_config`` of stable-audio-tools; nothing is known if there is none.

    Raises
    ------
    ModelError
        If it is none.

    Examples
    --------
    >>> own_training({"rank": 8, "alpha": 16, "adapter_type": "dora-rows"}, Path("rain.safetensors"))
    Training(kind='dora-rows', alpha=16.0, alphas={}, root=False, whole=(), biases=False, config=None)
    """
    if config is None:
        return Training()
    if not isinstance(config, dict) or not isinstance(config.get("alpha", 1), (int, float)):
        raise ModelError(f"{file}: its lora_config is damaged; export the adapter again")
    alpha = config.get("alpha", config.get("rank"))
    return Training(kind=str(config.get("adapter_type", "")), alpha=None if alpha is None else float(alpha))


def _numbers(found: object, path: Path) -> dict[str, float]:
    if not found:
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, (int, float)) for value in found.values()):
        raise ModelError(f"{path}: alpha_pattern is no mapping of numbers; save the adapter again")
    for key in found:
        try:
            re.compile(key)
        except re.error as error:
            raise ModelError(
                f"{path}: alpha_pattern: {key!r} is no pattern ({error}); save the adapter again"
            ) from error
    return {str(key): float(value) for key, value in found.items()}


def recorded(adapter: Adapter) -> dict[str, Any]:
    """Say which adapter it is: its file's name, strength and sha256, and that of PEFT's configuration if it has one.

    Raises
    ------
    ModelError
        If there is no such file.

    Examples
    --------
    >>> Path("rain.safetensors").write_bytes(b"") == 0
    True
    >>> recorded(Adapter(Path("rain.safetensors"), 0.5))["strength"]
    0.5
    """
    file = weight_file(adapter.path)
    made: dict[str, Any] = {"file": file.name, "strength": adapter.strength, "sha256": _sha256(file)}
    config = file.parent / PEFT_CONFIG
    return made | ({"config_sha256": _sha256(config)} if config.is_file() else {})


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def merged_sha256(weights: str, adapters: Sequence[Mapping[str, Any]]) -> str:
    """Sha256 that stands for weights with adapters merged into them: theirs alone if nothing is merged.

    Examples
    --------
    >>> merged_sha256("a1", [{"strength": 0.0, "sha256": "b2"}])
    'a1'
    >>> merged_sha256("a1", [{"strength": 1.0, "sha256": "b2"}])[:8]
    '397e1f9f'
    """
    parts = [[one["sha256"], one["strength"], one.get("config_sha256")] for one in adapters if one["strength"] != 0]
    if not parts:
        return weights
    return hashlib.sha256(json.dumps([weights, *parts]).encode()).hexdigest()
