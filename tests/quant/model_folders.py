"""Model folders of the kinds that people have, each with a small random model: what is in it, and what comes of it.

``docs.tables`` reads the list without running it: the first two arguments and ``refused`` of a folder are written out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from folder_makers import (
    Make,
    adapted,
    averaged,
    beats,
    beside,
    captioned,
    checkpoint,
    compiled,
    configured,
    diffusers,
    dit,
    in_file,
    length_prepended,
    lightning,
    of_type,
    parametrized,
    plain,
    prepended,
    renamed,
    shards,
    stored_in,
    taae,
    u_net,
    unheard,
    with_value,
    without,
    without_length,
)


@dataclass(frozen=True)
class Folder:
    """A kind of folder: its name, what is in it, and who makes one of a seed and says what should be loaded of it.

    ``refused``: words of the refusal.
    """

    name: str
    kind: str
    make: Make
    refused: str = ""


FOLDERS = (
    Folder("plain", "`model.safetensors` under the library's own names", plain),
    Folder("checkpoint", "`model.ckpt` with a `state_dict`", checkpoint),
    Folder("bare-checkpoint", "`model.ckpt` of the tensors alone", in_file("model.ckpt")),
    Folder("float16", "weights in float16", stored_in(torch.float16)),
    Folder("bfloat16", "weights in bfloat16", stored_in(torch.bfloat16)),
    Folder("float8", "weights in float8 (e4m3)", stored_in(torch.float8_e4m3fn)),
    Folder("lightning", "`model.ckpt` of training: `diffusion.` before each name, an optimizer beside them", lightning),
    Folder("average", "the same with a moving average (EMA), which is taken", averaged),
    Folder("module", "`module.` before each name (DDP)", renamed(lambda name: f"module.{name}")),
    Folder("compiled", "`_orig_mod.` in the names (`torch.compile`)", renamed(compiled)),
    Folder("own-name", "a weight file of its own name, alone in its folder", in_file("infinite_pianos.safetensors")),
    Folder("shards", "safetensors in shards, with their index", shards),
    Folder("large-weight", "a weight beyond float16, which stays in float32", with_value(1e5)),
    Folder("lora-beside", "a LoRA beside the weights, which is merged", adapted(beside)),
    Folder("lora-inside", "a LoRA as it is trained (`parametrizations`), which is merged", adapted(parametrized)),
    Folder("rectified-flow", "`diffusion_objective: rectified_flow`", dit("rectified_flow")),
    Folder("rf-denoiser", "`diffusion_objective: rf_denoiser`", dit("rf_denoiser")),
    Folder("adaln", "`global_cond_type: adaLN`", dit(global_cond_type="adaLN")),
    Folder("qk-l2", "`attn_kwargs: {qk_norm: l2}`", dit(attn_kwargs={"qk_norm": "l2"})),
    Folder("qk-ln", "`attn_kwargs: {qk_norm: ln}`", dit(attn_kwargs={"qk_norm": "ln"})),
    Folder("qk-dyt", "`attn_kwargs: {qk_norm: dyt}`", dit(attn_kwargs={"qk_norm": "dyt"})),
    Folder("differential", "`attn_kwargs: {differential: true}`", dit(attn_kwargs={"differential": True})),
    Folder("feat-scale", "`attn_kwargs: {feat_scale: true}`", dit(attn_kwargs={"feat_scale": True})),
    Folder("memory-tokens", "`num_memory_tokens: 8`", dit(num_memory_tokens=8)),
    Folder("absolute", "`use_abs_pos_emb: true`", dit(rotary_pos_emb=False, use_abs_pos_emb=True)),
    Folder("sinusoidal", "`use_sinusoidal_emb: true`", dit(use_sinusoidal_emb=True)),
    Folder("add-rope", "`add_rope: true`", dit(rotary_pos_emb=False, add_rope=True)),
    Folder("no-positions", "`rotary_pos_emb: false`", dit(rotary_pos_emb=False)),
    Folder("conformer", "`conformer: true`", dit(conformer=True)),
    Folder("layer-scale", "`layer_scale: true`", dit(layer_scale=True)),
    Folder("dyt-norms", "`remove_norms: true`", dit(remove_norms=True)),
    Folder("no-glu", "`ff_kwargs: {glu: false}`", dit(ff_kwargs={"glu": False})),
    Folder("ff-conv", "`ff_kwargs: {use_conv: true}`", dit(ff_kwargs={"use_conv": True})),
    Folder("ff-no-bias", "`ff_kwargs: {no_bias: true}`", dit(ff_kwargs={"no_bias": True})),
    Folder("odd-inputs", "`ff_kwargs: {mult: 2.7}`", dit(ff_kwargs={"mult": 2.7})),
    Folder("grouped", "`project_cond_tokens: false`", dit(embed_dim=768, num_heads=12, project_cond_tokens=False)),
    Folder("norm-bias", "`norm_kwargs: {bias: true}`", dit(norm_kwargs={"bias": True})),
    Folder("norm-fixed", "`norm_kwargs: {fix_scale: true}`", dit(norm_kwargs={"fix_scale": True})),
    Folder("early-cross", "`final_cross_attn_ix: 0`", dit(final_cross_attn_ix=0)),
    Folder("patches", "`patch_size: 4`", dit(patch_size=4)),
    Folder("caption", "a text conditioner of another name", configured(captioned, True)),
    Folder("prepended", "the prompt prepended, without cross-attention", configured(prepended, True)),
    Folder(
        "length-prepended",
        "the length prepended, the prompt not",
        configured(length_prepended, True),
    ),
    Folder("without-length", "a prompt without lengths", configured(without_length, True)),
    Folder("sliding-window", "`sliding_window: [3, 4]`", dit(sliding_window=[3, 4])),
    Folder("causal", "`causal: true`", dit(causal=True)),
    Folder("inpaint", "`model_type: diffusion_cond_inpaint`, without a mask", of_type("diffusion_cond_inpaint")),
    Folder(
        "unheard",
        "a prompt that reaches no part of the DiT",
        configured(unheard),
        refused="every prompt would sound alike",
    ),
    Folder(
        "narrow-heads",
        "heads of 16 channels with `rotary_pos_emb`",
        configured(lambda config: config["model"]["diffusion"]["config"].update(num_heads=4)),
        refused="heads of 16 channels are narrower than the 32 that rotary_pos_emb turns",
    ),
    Folder(
        "more-keys",
        "more key-value heads than heads",
        configured(lambda config: config["model"]["diffusion"]["config"].update(project_cond_tokens=False)),
        refused="heads of keys and values for 2 heads of queries",
    ),
    Folder("beats", "a conditioner of its own, `bpm`", configured(beats), refused="conditioner bpm is of type number"),
    Folder(
        "u-net",
        "`diffusion.type: adp_cfg_1d`",
        configured(u_net),
        refused="a U-Net has no transformer blocks to quantize",
    ),
    Folder(
        "taae",
        "an autoencoder of type `taae`",
        configured(taae),
        refused="is of Stable Audio 3, which stable-audio-tools 0.0.19 cannot build",
    ),
    Folder(
        "uncond",
        "`model_type: diffusion_uncond`",
        of_type("diffusion_uncond"),
        refused="it takes no prompt, so that there is nothing to compare",
    ),
    Folder(
        "autoencoder",
        "`model_type: autoencoder`",
        of_type("autoencoder"),
        refused="an autoencoder makes no sound of a prompt",
    ),
    Folder(
        "prior",
        "`model_type: diffusion_prior`",
        of_type("diffusion_prior"),
        refused="it makes latents for another model",
    ),
    Folder(
        "language-model",
        "`model_type: lm`",
        of_type("lm"),
        refused="a language model of audio codes is no diffusion transformer",
    ),
    Folder("no-configuration", "weights alone", without("model_config.json"), refused="holds no model_config.json"),
    Folder("nan", "NaN in a weight", with_value(math.nan), refused="NaN or infinite"),
    Folder("lora-alone", "an adapter alone", adapted(beside, whole=False), refused="and no model"),
    Folder("no-weights", "a configuration alone", without("model.safetensors"), refused="no weight file"),
    Folder(
        "diffusers",
        "a folder of diffusers (`model_index.json`)",
        diffusers("StableAudioPipeline"),
        refused="a folder of diffusers",
    ),
    Folder(
        "stable-audio-3",
        "a Stable Audio 3 folder of diffusers",
        diffusers("StableAudio3Pipeline"),
        refused="a Stable Audio 3 folder of diffusers",
    ),
)
