"""Configurations: which ``model_config.json`` is computed and which is refused, told from the JSON alone.

Imports no torch: a model that will not do is refused before anything is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from quant.configuration.conditioning import INPAINTING, check_conditioners, check_routes
from quant.configuration.options import LIBRARY, STABLE_AUDIO_3, examine, refuse
from quant.configuration.tables import (
    ATTENTION,
    AUTOENCODER,
    BOTTLENECK,
    BOTTLENECKS,
    CODER,
    DECODER_DEFAULTS,
    DEFAULTS,
    DIFFUSION,
    DIT,
    FEED_FORWARD,
    LOG_MEL,
    MODEL,
    NORM,
    OOBLECK,
    PATCHED,
    PRETRANSFORM,
    REFUSED_PRETRANSFORMS,
    SHIFT,
    TOP,
)
from quant.errors import ModelError

KINDS = ("diffusion_cond", "diffusion_cond_inpaint")
OTHER_KINDS = {
    "autoencoder": "an autoencoder makes no sound of a prompt; give the diffusion model that uses it",
    "diffusion_uncond": "it takes no prompt, so that there is nothing to compare; give a 'diffusion_cond' model",
    "diffusion_autoencoder": "an autoencoder makes no sound of a prompt; give the diffusion model that uses it",
    "diffusion_prior": "it makes latents for another model; give a 'diffusion_cond' model",
    "lm": "a language model of audio codes is no diffusion transformer; give a 'diffusion_cond' model",
    "clap": "it compares sounds with texts and makes none; give a 'diffusion_cond' model",
}
UNETS = ("adp_cfg_1d", "adp_1d", "adp_uncond_1d", "DAU1d")

ROTARY = 32
"""Channels of a head that the library turns at the least."""


def check(config: Any, name: str) -> None:
    """Refuse a configuration that Earmark does not compute, by the name of the option.

    Raises
    ------
    ModelError
        If it is of another kind of model, lacks something, has an option that the library does not know, one that
        is not computed, or options that do not fit each other.

    Examples
    --------
    >>> try:
    ...     check({"model_type": "autoencoder"}, "mine")
    ... except ModelError as error:
    ...     print(str(error).partition(";")[0])
    mine: model_type is 'autoencoder'
    """
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in KINDS:
        because = OTHER_KINDS.get(kind) if isinstance(kind, str) else None
        shown = repr(kind)
        raise ModelError(
            f"{name}: model_type is {shown if len(shown) <= 60 else shown[:60] + '...'}; "
            + (because or "Earmark takes 'diffusion_cond', a text-to-audio diffusion model")
        )
    for key in (*TOP, "model"):
        if key not in config:
            raise ModelError(f"{name}: model_config.json: it lacks {key}; add it")
    for key, rule in TOP.items():
        if complaint := rule(config[key]):
            refuse(name, key, config[key], complaint)
    model = config["model"]
    examine(name, model, MODEL, "model", ("io_channels", "conditioning", "diffusion"))
    diffusion = model["diffusion"]
    _check_network(name, diffusion)
    dit = {**DEFAULTS, **diffusion["config"]}
    _check_heads(name, dit)
    _check_feed_forward(name, dit)
    _check_channels(name, kind, model, dit)
    check_conditioners(name, model["conditioning"])
    check_routes(name, model["conditioning"], diffusion, dit)
    if not dit["project_global_cond"] and dit["global_cond_dim"] not in (0, dit["embed_dim"]):
        refuse(
            name,
            "model.diffusion.config.project_global_cond",
            False,
            f"global_cond_dim is {dit['global_cond_dim']} and is added to embed_dim, {dit['embed_dim']}: set it true",
        )
    _check_pretransform(name, model.get("pretransform"), model["io_channels"], config["audio_channels"])


def _check_network(name: str, diffusion: Any) -> None:
    """Hold the network's options to their tables."""
    place = "model.diffusion"
    type_ = diffusion.get("type") if isinstance(diffusion, dict) else None
    if type_ in UNETS:
        refuse(
            name, f"{place}.type", type_, "a U-Net has no transformer blocks to quantize; give a model of type 'dit'"
        )
    examine(name, diffusion, DIFFUSION, place, ("type", "config"))
    if type_ != "dit":
        refuse(name, f"{place}.type", type_, f"{LIBRARY} conditions 'dit', a diffusion transformer, and U-Nets")
    examine(name, diffusion["config"], DIT, f"{place}.config")
    for key, rules in (("attn_kwargs", ATTENTION), ("ff_kwargs", FEED_FORWARD), ("norm_kwargs", NORM)):
        examine(name, diffusion["config"].get(key, {}), rules, f"{place}.config.{key}")
    shift = diffusion.get("distribution_shift_options")
    if shift is not None:
        examine(name, shift, SHIFT, f"{place}.distribution_shift_options")
        if shift.get("min_length", 256) == shift.get("max_length", 4096):
            refuse(name, f"{place}.distribution_shift_options", shift, "min_length and max_length must differ")


def _check_heads(name: str, dit: Mapping[str, Any]) -> None:
    """Refuse heads that the library's own forward pass fails on."""
    place, width, heads = "model.diffusion.config", dit["embed_dim"], dit["num_heads"]
    if width % heads:
        refuse(name, f"{place}.num_heads", heads, f"embed_dim, {width}, must be a multiple of it")
    head = width // heads
    if dit["rotary_pos_emb"] and head < ROTARY:
        refuse(
            name,
            f"{place}.num_heads",
            heads,
            f"heads of {head} channels are narrower than the {ROTARY} that rotary_pos_emb turns: take "
            f"{max(1, width // ROTARY)} heads or fewer, or rotary_pos_emb false",
        )
    if dit["add_rope"] and head // 2 == 2:
        refuse(name, f"{place}.add_rope", True, f"heads of {head} channels cannot be turned: take fewer heads")
    if dit["use_sinusoidal_emb"] and width % 2:
        refuse(name, f"{place}.use_sinusoidal_emb", True, f"embed_dim, {width}, must be even for it")
    if dit["cond_token_dim"] and not dit["project_cond_tokens"]:
        tokens = dit["cond_token_dim"]
        shared = tokens // head
        if tokens % head or heads % max(1, shared):
            refuse(
                name,
                f"{place}.project_cond_tokens",
                False,
                f"cond_token_dim, {tokens}, is {tokens / head:g} heads of keys and values for {heads} heads of queries:"
                " it must be a whole number that divides them, or project_cond_tokens true",
            )


def _check_feed_forward(name: str, dit: Mapping[str, Any]) -> None:
    mult = dit.get("ff_kwargs", {}).get("mult", 4)
    if int(dit["embed_dim"] * mult) < 1:
        refuse(name, "model.diffusion.config.ff_kwargs.mult", mult, f"it leaves no channel of {dit['embed_dim']}")


def _check_channels(name: str, kind: str, model: Mapping[str, Any], dit: Mapping[str, Any]) -> None:
    """Refuse a network whose input is not the latent, with what the library adds for inpainting."""
    place, channels = "model.diffusion.config", model["io_channels"]
    if dit["io_channels"] != channels:
        refuse(name, f"{place}.io_channels", dit["io_channels"], f"model.io_channels is {channels}: they must be equal")
    ids = model["diffusion"].get("input_concat_ids", [])
    widths = dict(zip(INPAINTING, (1, channels), strict=True)) if kind == "diffusion_cond_inpaint" else {}
    for id_ in ids:
        if id_ not in widths:
            refuse(
                name,
                "model.diffusion.input_concat_ids",
                ids,
                f"{id_} wants audio, and a study has prompts alone: of {kind} Earmark computes "
                + (f"{' and '.join(INPAINTING)} without a mask" if widths else "none"),
            )
    wide = sum(widths[id_] for id_ in ids)
    if dit["input_concat_dim"] != wide:
        refuse(name, f"{place}.input_concat_dim", dit["input_concat_dim"], f"input_concat_ids are {wide} channels wide")


def _check_pretransform(name: str, pretransform: Mapping[str, Any] | None, channels: int, audio: int) -> None:
    """Refuse what does not make audio of these many channels from latents of ``channels``."""
    place = "model.pretransform"
    if pretransform is None:
        if channels != audio:
            refuse(name, "model.io_channels", channels, f"without a pretransform it must be audio_channels, {audio}")
        return
    examine(name, pretransform, PRETRANSFORM, place, ("type", "config"))
    type_, config = pretransform["type"], pretransform["config"]
    if type_ in REFUSED_PRETRANSFORMS:
        refuse(
            name, f"{place}.type", type_, f"{REFUSED_PRETRANSFORMS[type_]}; take a model with an Oobleck autoencoder"
        )
    if type_ == "autoencoder":
        latent, sound = _check_autoencoder(name, config, f"{place}.config")
    elif type_ == "patched":
        examine(name, config, PATCHED, f"{place}.config", ("channels", "patch_size"))
        latent, sound = config["channels"] * config["patch_size"], config["channels"]
    elif type_ == "log_mel":
        examine(name, config, LOG_MEL, f"{place}.config")
        latent, sound = config.get("channels", 64), 1
    else:
        refuse(name, f"{place}.type", type_, f"{LIBRARY} has autoencoder and patched")
    if latent != channels:
        refuse(
            name,
            "model.io_channels",
            channels,
            f"latents of model.pretransform have {latent} channels: it must be that",
        )
    if sound != audio:
        refuse(name, "audio_channels", audio, f"model.pretransform makes {sound}: it must be that")


def _check_autoencoder(name: str, config: Mapping[str, Any], place: str) -> tuple[int, int]:
    """Channels of the latents and of the audio of an autoencoder that is built."""
    required = ("encoder", "decoder", "latent_dim", "downsampling_ratio", "io_channels")
    examine(name, config, AUTOENCODER, place, required)
    for side in ("encoder", "decoder"):
        coder = config[side]
        type_ = coder.get("type")
        if type_ in ("taae", "same"):
            raise ModelError(f"{name}: model_config.json: {place}.{side}.type {type_!r} {STABLE_AUDIO_3}")
        examine(name, coder, CODER, f"{place}.{side}", ("type", "config"))
        if type_ != "oobleck":
            refuse(
                name,
                f"{place}.{side}.type",
                type_,
                f"{LIBRARY} as it is installed here builds 'oobleck' alone, and no further package changes that",
            )
        examine(name, coder["config"], OOBLECK[side], f"{place}.{side}.config")
    bottleneck = config.get("bottleneck")
    if bottleneck is not None:
        examine(name, bottleneck, BOTTLENECK, f"{place}.bottleneck", ("type",))
        type_ = bottleneck["type"]
        if type_ not in BOTTLENECKS:
            refuse(
                name,
                f"{place}.bottleneck.type",
                type_,
                f"latents that are no codes are taken: {', '.join(BOTTLENECKS)}",
            )
        examine(name, bottleneck.get("config", {}), BOTTLENECKS[type_], f"{place}.bottleneck.config")
    decoder = {**DECODER_DEFAULTS, **config["decoder"]["config"]}
    place = f"{place}.decoder.config"
    if len(decoder["strides"]) != len(decoder["c_mults"]):
        refuse(name, f"{place}.strides", decoder["strides"], f"it must be as long as c_mults, {decoder['c_mults']}")
    if prod(decoder["strides"]) != config["downsampling_ratio"]:
        refuse(
            name,
            f"{place}.strides",
            decoder["strides"],
            f"their product must be downsampling_ratio, {config['downsampling_ratio']}",
        )
    if decoder["latent_dim"] != config["latent_dim"]:
        refuse(
            name,
            f"{place}.latent_dim",
            decoder["latent_dim"],
            f"the autoencoder's latent_dim is {config['latent_dim']}: they must be equal",
        )
    return config["latent_dim"], decoder["out_channels"]
