"""Configurations of every kind that is computed, small, and models of random values made of them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import torch
from tiny_models import model_config
from torch import Tensor, nn
from torch.nn.attention.flex_attention import flex_attention

from quant.model import upstream
from quant.model.loading import AudioModel, build

WINDOW = (2, 5)

Change = Callable[[dict[str, Any]], None]


def dit(**options: Any) -> Change:
    """Set options of the transformer."""
    return lambda config: config["model"]["diffusion"]["config"].update(options)


def diffusion(options: dict[str, Any], **network: Any) -> Change:
    """Set options of what is around the transformer, and of it."""

    def change(config: dict[str, Any]) -> None:
        config["model"]["diffusion"].update(options)
        config["model"]["diffusion"]["config"].update(network)

    return change


def attention(**options: Any) -> Change:
    return dit(attn_kwargs=options)


def feed_forward(**options: Any) -> Change:
    return dit(ff_kwargs=options)


def norms(**options: Any) -> Change:
    return dit(norm_kwargs=options)


def both(*changes: Change) -> Change:
    def change(config: dict[str, Any]) -> None:
        for each in changes:
            each(config)

    return change


def inpainting(config: dict[str, Any]) -> None:
    config["model_type"] = "diffusion_cond_inpaint"
    diffusion({"input_concat_ids": ["inpaint_mask", "inpaint_masked_input"]}, input_concat_dim=9)(config)


def two_encoders(config: dict[str, Any]) -> None:
    """T5 twice, told the same prompt under another key, beside a table of words."""
    conditioning = config["model"]["conditioning"]
    t5 = conditioning["configs"][0]
    table = {"id": "words", "type": "lut", "config": {"tokenizer_name": "t5-base", "max_length": 8}}
    conditioning["configs"][:1] = [{**t5, "id": "prompt_t5"}, table]
    conditioning["default_keys"] = {"prompt_t5": "prompt", "words": "prompt"}
    config["model"]["diffusion"]["cross_attention_cond_ids"] = ["words", "prompt_t5", "seconds_total"]


def caption(config: dict[str, Any]) -> None:
    config["model"]["conditioning"]["configs"][0]["id"] = "caption"
    config["model"]["diffusion"]["cross_attention_cond_ids"] = ["caption", "seconds_total"]


def whole_seconds(config: dict[str, Any]) -> None:
    for each in config["model"]["conditioning"]["configs"][1:]:
        each.update(type="int", config={"min_val": 0, "max_val": 30})


def patches_of_audio(config: dict[str, Any]) -> None:
    config["sample_rate"] = 800
    config["model"]["pretransform"] = {"type": "patched", "config": {"channels": 2, "patch_size": 4}}


def plain_audio(config: dict[str, Any]) -> None:
    config["sample_rate"], config["audio_channels"] = 200, 8
    config["model"]["pretransform"] = None


def objective(name: str) -> Change:
    def change(config: dict[str, Any]) -> None:
        config.clear()
        config.update(model_config(name))

    return change


PREPENDED: dict[str, Any] = {"cross_attention_cond_ids": [], "prepend_cond_ids": ["prompt"]}

COMPUTED: dict[str, Change] = {
    "plain": dit(),
    "sliding window": dit(sliding_window=list(WINDOW)),
    "sliding window, causal": dit(sliding_window=list(WINDOW), causal=True),
    "sliding window to the right": dit(sliding_window=[-1, 2]),
    "sliding window, unfused": dit(sliding_window=list(WINDOW), attn_kwargs={"differential": True, "qk_norm": "l2"}),
    "adaptive norm": dit(global_cond_type="adaLN"),
    "l2": attention(qk_norm="l2"),
    "tanh heads": attention(qk_norm="dyt"),
    "normed heads": attention(qk_norm="ln"),
    "differential": attention(differential=True),
    "feature scale": attention(feat_scale=True),
    "memory": dit(num_memory_tokens=3),
    "learned positions": dit(rotary_pos_emb=False, use_abs_pos_emb=True, abs_pos_emb_max_length=64),
    "sinusoidal": dit(use_sinusoidal_emb=True),
    "no rotation": dit(rotary_pos_emb=False),
    "rotation of its own": dit(add_rope=True, rotary_pos_emb=False),
    "both rotations": dit(add_rope=True),
    "conformer": dit(conformer=True),
    "layer scale": dit(layer_scale=True),
    "tanh for norms": dit(remove_norms=True),
    "no gate": feed_forward(glu=False),
    "convolution": feed_forward(use_conv=True, conv_kernel_size=5),
    "convolution, no gate": feed_forward(use_conv=True, glu=False),
    "no bias": feed_forward(no_bias=True),
    "odd feed-forward": feed_forward(mult=2.71),
    "odd feed-forward, no gate": feed_forward(mult=2.71, glu=False),
    "norms in float32": norms(bias=True, force_fp32=True),
    "norms of fixed scale": norms(fix_scale=True),
    "norms with a large epsilon": norms(eps=1e-2, bias=True),
    "prompt for the first block alone": dit(final_cross_attn_ix=0),
    "causal": dit(causal=True),
    "patches": dit(patch_size=3),
    "one head": dit(num_heads=1, cond_token_dim=32, project_cond_tokens=True),
    "heads of 16, not turned": dit(num_heads=4, rotary_pos_emb=False),
    "heads of 1, not turned": dit(num_heads=64, rotary_pos_emb=False, project_cond_tokens=True),
    "heads of 33": dit(embed_dim=99, num_heads=3, project_cond_tokens=True),
    "a head of 66": dit(embed_dim=66, num_heads=1, project_cond_tokens=True),
    "heads of 40": dit(embed_dim=80, num_heads=2, project_cond_tokens=True),
    "shared values": dit(num_heads=2, cond_token_dim=32),
    "shared values, three to one": dit(embed_dim=96, num_heads=3),
    "shared values, normed": both(dit(embed_dim=96, num_heads=3), attention(qk_norm="ln")),
    "shared values, l2": both(dit(embed_dim=96, num_heads=3), attention(qk_norm="l2")),
    "shared values, differential": attention(differential=True),
    "projected prompt": dit(project_cond_tokens=True),
    "prepended prompt": diffusion(PREPENDED, cond_token_dim=0, prepend_cond_dim=32),
    "prepended seconds": diffusion({"prepend_cond_ids": ["seconds_total"]}, prepend_cond_dim=32),
    "prepended, adaptive norm": diffusion(PREPENDED, cond_token_dim=0, prepend_cond_dim=32, global_cond_type="adaLN"),
    "nothing global": diffusion({"global_cond_ids": []}, global_cond_dim=0),
    "global as it is": dit(project_global_cond=False),
    "adaptive norm, memory and heads": dit(
        global_cond_type="adaLN", num_memory_tokens=5, final_cross_attn_ix=1, attn_kwargs={"qk_norm": "ln"}
    ),
    "rectified flow": objective("rectified_flow"),
    "denoiser": objective("rf_denoiser"),
    "inpainting without a mask": inpainting,
    "two text encoders": two_encoders,
    "another name for the prompt": caption,
    "whole seconds": whole_seconds,
    "patches of audio": patches_of_audio,
    "audio as it is": plain_audio,
}
"""By name: what is changed of the usual configuration. Heads share keys and values wherever a prompt is 32 wide."""


def configuration(name: str) -> dict[str, Any]:
    config = model_config()
    COMPUTED[name](config)
    return config


def random_model(config: dict[str, Any], seed: int) -> AudioModel:
    """A model in which every part does something; the working directory must hold ``t5-base``."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # or weights that are normalized could not be copied
        torch.manual_seed(seed)
        wrapper = build(config)
        for name, value in wrapper.named_parameters():
            if name.endswith("_scale.scale"):
                nn.init.uniform_(value, 0.2, 1)
            elif value.ndim == 1:
                value.add_(torch.randn_like(value) * 0.2)
            elif not value.any():
                nn.init.normal_(value, std=0.1)
    return AudioModel("random", config, wrapper, "0" * 64)


def library_network(model: AudioModel) -> Callable[..., Tensor]:
    """The forward pass of the library's own transformer, made anew with the same values, in float32.

    Without flash-attn it overlooks its window, which it is told as a score of minus infinity outside instead; it takes
    that of attention which is not causal.
    """
    library = upstream.stable_audio_tools("models.dit")
    upstream.stable_audio_tools("models.transformer").flex_attention_compiled = flex_attention  # compiling takes longer
    settings = model.config["model"]["diffusion"]
    with contextlib.redirect_stdout(None):
        network = library.DiffusionTransformer(
            diffusion_objective=settings.get("diffusion_objective", "v"), **settings["config"]
        )
    network.load_state_dict(model.dit.state_dict())
    network.eval().requires_grad_(False)
    if network.transformer.sliding_window is None:
        return functools.partial(network, use_checkpointing=False)
    network.transformer.sliding_window = None
    for block in network.transformer.layers:
        block.self_attn.causal = False
    return functools.partial(network, use_checkpointing=False, self_attention_score_mod=_outside(settings["config"]))


def _outside(settings: dict[str, Any]) -> Callable[..., Tensor]:
    left, right = (10**6 if side < 0 else side for side in settings["sliding_window"])
    right = 0 if settings.get("causal") else right

    def score(value: Tensor, batch: Tensor, head: Tensor, row: Tensor, column: Tensor) -> Tensor:
        return torch.where((row - column <= left) & (column - row <= right), value, -torch.inf)

    return score
