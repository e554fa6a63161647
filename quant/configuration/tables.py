"""Tables of options: those of the transformer, of what conditions it, and of what makes audio of its latents.

Each follows the constructors of the pinned library, named above it; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quant.configuration.options import (
    Rule,
    counts,
    given,
    names,
    number,
    odd,
    one_of,
    only,
    or_null,
    positive,
    renames,
    section,
    switch,
    text,
    whole,
    window,
)

TOP: dict[str, Rule] = {"sample_rate": whole(1, 1_000_000), "sample_size": whole(), "audio_channels": whole()}

MODEL: dict[str, Rule] = {
    "io_channels": whole(),
    "pretransform": or_null(section),
    "conditioning": section,
    "diffusion": section,
}

OBJECTIVE = one_of("v", "rectified_flow", "rf_denoiser")

# ConditionedDiffusionModelWrapper, as create_diffusion_cond_from_config calls it
DIFFUSION: dict[str, Rule] = {
    "type": text,
    "config": section,
    "diffusion_objective": OBJECTIVE,
    "distribution_shift_options": or_null(section),
    "cross_attention_cond_ids": names,
    "global_cond_ids": names,
    "input_concat_ids": names,
    "prepend_cond_ids": names,
}

# DistributionShift
SHIFT: dict[str, Rule] = {
    "base_shift": number,
    "max_shift": number,
    "max_length": whole(),
    "min_length": whole(),
    "use_sine": switch,
}

# DiffusionTransformer, and what it hands on to ContinuousTransformer and TransformerBlock
DIT: dict[str, Rule] = {
    "io_channels": whole(),
    "patch_size": whole(),
    "embed_dim": whole(),
    "cond_token_dim": whole(0),
    "project_cond_tokens": switch,
    "global_cond_dim": whole(0),
    "project_global_cond": switch,
    "input_concat_dim": whole(0),
    "prepend_cond_dim": whole(0),
    "depth": whole(1, 1000),
    "num_heads": whole(),
    "transformer_type": one_of("continuous_transformer"),
    "global_cond_type": one_of("prepend", "adaLN"),
    "timestep_cond_type": only("global", "the library's own forward fails on it; train with 'global'"),
    "timestep_embed_dim": or_null(whole()),
    "diffusion_objective": given,
    "final_cross_attn_ix": whole(-1),
    "causal": switch,
    "rotary_pos_emb": switch,
    "zero_init_branch_outputs": switch,
    "conformer": switch,
    "use_sinusoidal_emb": switch,
    "use_abs_pos_emb": switch,
    "abs_pos_emb_max_length": whole(),
    "num_memory_tokens": whole(0),
    "sliding_window": or_null(window),
    "remove_norms": switch,
    "add_rope": switch,
    "layer_scale": switch,
    "attn_kwargs": section,
    "ff_kwargs": section,
    "norm_kwargs": section,
    **dict.fromkeys(("dim", "dim_in", "dim_out", "dim_heads", "cross_attend", "dim_context", "layer_ix"), given),
}

DEFAULTS: Mapping[str, Any] = {
    "io_channels": 32,
    "patch_size": 1,
    "embed_dim": 768,
    "cond_token_dim": 0,
    "project_cond_tokens": True,
    "global_cond_dim": 0,
    "project_global_cond": True,
    "input_concat_dim": 0,
    "prepend_cond_dim": 0,
    "num_heads": 8,
    "rotary_pos_emb": True,
    "add_rope": False,
    "use_sinusoidal_emb": False,
    "use_abs_pos_emb": False,
    "abs_pos_emb_max_length": 10000,
    "global_cond_type": "prepend",
}
"""What the library takes where a configuration says nothing, of the options that must fit each other."""

# Attention, FeedForward, LayerNorm
ATTENTION: dict[str, Rule] = {
    "qk_norm": one_of("none", "l2", "ln", "dyt"),
    "differential": switch,
    "feat_scale": switch,
    **dict.fromkeys(("dim", "dim_heads", "dim_context", "causal", "zero_init_output"), given),
}
FEED_FORWARD: dict[str, Rule] = {
    "mult": positive,
    "no_bias": switch,
    "glu": switch,
    "use_conv": switch,
    "conv_kernel_size": odd,
    "dim_out": only(None, "what it gives is added to what it got"),
    **dict.fromkeys(("dim", "zero_init_output"), given),
}
NORM: dict[str, Rule] = {"bias": switch, "fix_scale": switch, "force_fp32": switch, "eps": positive, "dim": given}

# create_multi_conditioner_from_conditioning_config
CONDITIONING: dict[str, Rule] = {
    "cond_dim": whole(),
    "configs": lambda value: None if isinstance(value, list) and value else "it must be a list of conditioners",
    "default_keys": renames,
    "pre_encoded_keys": only([], "Earmark encodes prompts itself"),
}
CONDITIONER: dict[str, Rule] = {"id": text, "type": text, "config": section}

T5_MODELS = (
    *(f"t5-{size}" for size in ("small", "base", "large", "3b", "11b")),
    *(f"google/flan-t5-{size}" for size in ("small", "base", "large", "xl", "xxl")),
    "google/t5-v1_1-xl",
    "google/t5-v1_1-xxl",
)

# T5Conditioner, TokenizerLUTConditioner, NumberConditioner, IntConditioner; sentence is the embedded model's
CONDITIONERS: dict[str, dict[str, Rule]] = {
    "t5": {
        "output_dim": whole(),
        "t5_model_name": one_of(*T5_MODELS),
        "max_length": whole(),
        "enable_grad": switch,
        "project_out": switch,
    },
    "lut": {
        "tokenizer_name": text,
        "output_dim": whole(),
        "max_length": whole(),
        "use_abs_pos_emb": switch,
        "project_out": switch,
        "special_tokens": names,
    },
    "number": {"output_dim": whole(), "min_val": number, "max_val": number},
    "int": {"output_dim": whole(), "min_val": whole(0), "max_val": whole(0)},
    "sentence": {"output_dim": whole(), "max_length": whole()},
}
REFUSED_CONDITIONERS = {
    "clap_text": "CLAP's weights are pickled, and nothing is unpickled here; train with a t5 conditioner",
    "clap_audio": "it wants audio, and a study has prompts alone",
    "list": "it knows no prompts but its own options; train with a t5 conditioner",
    "phoneme": "it spells speech out; train with a t5 conditioner",
    "pretransform": "it wants audio, and a study has prompts alone",
    "source_mix": "it wants audio, and a study has prompts alone",
}

# create_pretransform_from_config
PRETRANSFORM: dict[str, Rule] = {
    "type": text,
    "config": section,
    "scale": positive,
    "model_half": switch,
    "iterate_batch": switch,
    "chunked": switch,
    "enable_grad": switch,
}
REFUSED_PRETRANSFORMS = {
    "wavelet": "it needs PyWavelets, which is no part of Earmark",
    "pqmf": "the library's own does not import with the SciPy of today",
    "dac_pretrained": "its codec is another project's, and the package called dac is not it",
    "audiocraft_pretrained": "it has no decoder for latents that are not codes",
}

# AudioAutoencoder, as create_autoencoder_from_config calls it
AUTOENCODER: dict[str, Rule] = {
    "encoder": section,
    "decoder": section,
    "bottleneck": or_null(section),
    "latent_dim": whole(),
    "downsampling_ratio": whole(),
    "io_channels": whole(),
    "in_channels": or_null(whole()),
    "out_channels": or_null(whole()),
    "pretransform": only(None, "an autoencoder in another is not built here"),
}
CODER: dict[str, Rule] = {"type": text, "config": section, "requires_grad": switch, "soft_clip": switch}

# OobleckEncoder, OobleckDecoder
OOBLECK: dict[str, dict[str, Rule]] = {
    "encoder": {
        "in_channels": whole(),
        "channels": whole(),
        "latent_dim": whole(),
        "c_mults": counts,
        "strides": counts,
        "use_snake": switch,
        "antialias_activation": switch,
    },
    "decoder": {
        "out_channels": whole(),
        "channels": whole(),
        "latent_dim": whole(),
        "c_mults": counts,
        "strides": counts,
        "use_snake": switch,
        "antialias_activation": switch,
        "use_nearest_upsample": switch,
        "final_tanh": switch,
    },
}
DECODER_DEFAULTS: Mapping[str, Any] = {
    "out_channels": 2,
    "latent_dim": 32,
    "c_mults": [1, 2, 4, 8],
    "strides": [2, 4, 8, 8],
}

# create_bottleneck_from_config; TanhBottleneck and WassersteinBottleneck have options
BOTTLENECK: dict[str, Rule] = {"type": text, "config": section, "requires_grad": switch}
BOTTLENECKS: dict[str, dict[str, Rule]] = {
    "vae": {},
    "l2_norm": {},
    "tanh": {"scale": number},
    "wasserstein": {
        "noise_augment_dim": only(0, "its noise would differ from clip to clip"),
        "bypass_mmd": switch,
        "use_tanh": switch,
        "tanh_scale": positive,
    },
}

# PatchedPretransform
PATCHED: dict[str, Rule] = {
    "channels": whole(),
    "patch_size": whole(),
    "oversampling": only(1, "resampling needs torchaudio, which is no part of Earmark"),
}

# LogMelPretransform, the embedded model's
LOG_MEL: dict[str, Rule] = {
    "n_fft": whole(1, 1_000_000),
    "hop": whole(),
    "bands": whole(),
    "patch": whole(),
    "channels": whole(),
    "floor": positive,
    "iterations": whole(0),
}
