"""Names of CLAP's weights: from those of laion-clap's checkpoints to those of ``transformers.ClapModel``.

laion-clap holds query, key and value of an audio layer as one matrix, its text branch is a ``RobertaModel``, and it has
parts that no embedding comes from: the heads of classes, the layers behind the projections, and the front end of models
without fusion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

UNUSED = re.compile(
    r"(text|audio)_transform\.|audio_branch\.(spectrogram_extractor|logmel_extractor|tscam_conv|head)\.|.*\.attn_mask$"
)
COMPUTED = ("position_ids", "token_type_ids", "relative_position_index")
"""Last parts of names of what a model computes itself, which some files hold, too."""

RULES = [
    (re.compile(pattern), new)
    for pattern, new in (
        (r"^text_branch\.", "text_model."),
        (r"^(text|audio)_projection\.0\.", r"\1_projection.linear1."),
        (r"^(text|audio)_projection\.2\.", r"\1_projection.linear2."),
        (r"^audio_branch\.bn0\.", "audio_branch.batch_norm."),
        (r"^(audio_branch\.layers\.\d+\.blocks\.\d+)\.norm1\.", r"\1.layernorm_before."),
        (r"^(audio_branch\.layers\.\d+\.blocks\.\d+)\.norm2\.", r"\1.layernorm_after."),
        (r"^(audio_branch\.layers\.\d+\.blocks\.\d+)\.attn\.proj\.", r"\1.attention.output.dense."),
        (r"^(audio_branch\.layers\.\d+\.blocks\.\d+)\.attn\.", r"\1.attention.self."),
        (r"^(audio_branch\.layers\.\d+\.blocks\.\d+)\.mlp\.fc1\.", r"\1.intermediate.dense."),
        (r"^(audio_branch\.layers\.\d+\.blocks\.\d+)\.mlp\.fc2\.", r"\1.output.dense."),
        (r"^audio_branch\.", "audio_model.audio_encoder."),
    )
]


def transformers_names(stored: Mapping[str, Any]) -> dict[str, Tensor]:
    """Name the weights of a file as ``transformers.ClapModel`` does, whichever of the two wrote it.

    Parameters
    ----------
    stored
        What the file holds: weights by name, or a checkpoint of laion-clap, which has them under ``state_dict``, where
        training on several devices put ``module.`` before each name.

    Examples
    --------
    >>> import torch
    >>> stored = {"module.audio_branch.layers.0.blocks.1.attn.qkv.bias": torch.tensor([1.0, 2.0, 3.0])}
    >>> for name, value in transformers_names({"state_dict": stored}).items():
    ...     print(name, value.tolist())
    audio_model.audio_encoder.layers.0.blocks.1.attention.self.query.bias [1.0]
    audio_model.audio_encoder.layers.0.blocks.1.attention.self.key.bias [2.0]
    audio_model.audio_encoder.layers.0.blocks.1.attention.self.value.bias [3.0]
    """
    state = stored.get("state_dict", stored)
    found: dict[str, Tensor] = {}
    for full, value in state.items():
        name = full.removeprefix("module.")
        if UNUSED.match(name) or name.rpartition(".")[2] in COMPUTED:
            continue
        for pattern, new in RULES:
            name = pattern.sub(new, name)
        if ".attention.self.qkv." in name:
            for part, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                found[name.replace(".qkv.", f".{part}.")] = third
        else:
            found[name] = value
    return found
