"""Model folders of the kinds that people have, each with a small random model: what is in it, and what comes of it.

``docs.tables`` reads the list without running it: the first two arguments and ``refused`` of a folder are written out.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from quant.model.loading import build
from quant.pretrained.folder import MINI_FOLDER

Config = dict[str, Any]
State = dict[str, Tensor]
Make = Callable[[Path, int], State]


@dataclass(frozen=True)
class Folder:
    """A kind of folder: its name, what is in it, and who makes one of a seed and says what should be loaded of it.

    ``refused``: words of the refusal.
    """

    name: str
    kind: str
    make: Make
    refused: str = ""


def configuration() -> Config:
    """The embedded model's, with two narrow blocks."""
    config: Config = json.loads((MINI_FOLDER / "model_config.json").read_text(encoding="utf-8"))
    config["model"]["diffusion"]["config"] |= {"embed_dim": 64, "depth": 2, "num_heads": 2}
    config["model"]["pretransform"]["config"]["iterations"] = 2
    return config


@cache
def _decoder() -> State:
    own = load_file(MINI_FOLDER / "model.safetensors")
    return {key: value for key, value in own.items() if key.startswith("pretransform.")}


def random_state(config: Config, seed: int) -> State:
    """State dict of a model whose every part does something: the library leaves the last layers of blocks at zero."""
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(None):
        torch.manual_seed(seed)
        wrapper = build(config)
        for parameter in wrapper.model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.05)
    return {key: value.contiguous().clone() for key, value in (wrapper.state_dict() | _decoder()).items()}


def write(folder: Path, config: Config, state: State, file: str = "model.safetensors") -> State:
    folder.mkdir(parents=True)
    (folder / "model_config.json").write_text(json.dumps(config), encoding="utf-8")
    if file.endswith(".safetensors"):
        save_file(state, folder / file)
    else:
        torch.save(state, folder / file)
    return state


# --- makers -----------------------------------------------------------------------------------------


def in_file(name: str) -> Make:
    """The tensors alone in a file of this name."""

    def make(folder: Path, seed: int) -> State:
        config = configuration()
        return write(folder, config, random_state(config, seed), name)

    return make


plain = in_file("model.safetensors")


def checkpoint(folder: Path, seed: int) -> State:
    return saved(configuration(), seed, folder, lambda state: {"state_dict": state})


def saved(config: Config, seed: int, folder: Path, content: Callable[[State], object]) -> State:
    """Save what ``content`` makes of a state dict as a checkpoint."""
    folder.mkdir(parents=True)
    (folder / "model_config.json").write_text(json.dumps(config), encoding="utf-8")
    state = random_state(config, seed)
    torch.save(content(state), folder / "model.ckpt")
    return state


def lightning(folder: Path, seed: int) -> State:
    """A checkpoint of training, the optimizer beside the weights."""

    def content(state: State) -> object:
        own = {f"diffusion.{name}": value for name, value in state.items()}
        optimizer = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]}
        return {"epoch": 3, "state_dict": own, "optimizer_states": [optimizer], "loops": {}, "callbacks": {}}

    return saved(configuration(), seed, folder, content)


def averaged(folder: Path, seed: int) -> State:
    """A checkpoint of training with the moving average of the network, which is what should be loaded."""

    def content(state: State) -> object:
        own = {f"diffusion.{k}": v * 0.5 if k.startswith("model.") else v for k, v in state.items()}
        average = {f"diffusion_ema.ema_{k}": v for k, v in state.items() if k.startswith("model.")}
        return {"state_dict": own | average}

    return saved(configuration(), seed, folder, content)


def renamed(change: Callable[[str], str]) -> Make:
    """Names as other tools write them."""

    def make(folder: Path, seed: int) -> State:
        config = configuration()
        state = random_state(config, seed)
        write(folder, config, {change(name): value for name, value in state.items()})
        return state

    return make


def compiled(name: str) -> str:
    return name.replace("model.model.", "model.model._orig_mod.", 1)


def shards(folder: Path, seed: int) -> State:
    """Two files and an index."""
    config = configuration()
    state = random_state(config, seed)
    folder.mkdir(parents=True)
    (folder / "model_config.json").write_text(json.dumps(config), encoding="utf-8")
    files = {name: f"model-0000{1 + number % 2}-of-00002.safetensors" for number, name in enumerate(state)}
    for file in sorted(set(files.values())):
        save_file({name: state[name] for name in state if files[name] == file}, folder / file)
    index = {"metadata": {}, "weight_map": files}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return state


def stored_in(dtype: torch.dtype) -> Make:
    """Weights in another precision."""

    def make(folder: Path, seed: int) -> State:
        config = configuration()
        state = random_state(config, seed)
        return write(folder, config, {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()})

    return make


def dit(objective: str = "v", **changes: Any) -> Make:
    """Another transformer."""

    def make(folder: Path, seed: int) -> State:
        config = configuration()
        config["model"]["diffusion"]["diffusion_objective"] = objective
        config["model"]["diffusion"]["config"] |= copy.deepcopy(changes)
        return write(folder, config, random_state(config, seed))

    return make


def prepended(config: Config) -> None:
    diffusion = config["model"]["diffusion"]
    diffusion |= {"cross_attention_cond_ids": [], "prepend_cond_ids": ["prompt"]}
    diffusion["config"] |= {"cond_token_dim": 0, "prepend_cond_dim": 384}


def length_prepended(config: Config) -> None:
    diffusion = config["model"]["diffusion"]
    diffusion["prepend_cond_ids"] = ["seconds_total"]
    diffusion["config"]["prepend_cond_dim"] = 384


def without_length(config: Config) -> None:
    diffusion = config["model"]["diffusion"]
    diffusion |= {"cross_attention_cond_ids": ["prompt"], "global_cond_ids": []}
    diffusion["config"]["global_cond_dim"] = 0


def configured(change: Callable[[Config], object], fits: bool = False) -> Make:
    """Another configuration, beside weights that fit it or good weights of the plain one."""

    def make(folder: Path, seed: int) -> State:
        config, plain = configuration(), configuration()
        change(config)
        return write(folder, config, random_state(config if fits else plain, seed))

    return make


def of_type(kind: str) -> Make:
    """A configuration of another kind beside good weights."""
    return configured(lambda config: config.update(model_type=kind))


def unheard(config: Config) -> None:
    config["model"]["diffusion"]["cross_attention_cond_ids"] = ["seconds_start", "seconds_total"]


def u_net(config: Config) -> None:
    config["model"]["diffusion"]["type"] = "adp_cfg_1d"


def taae(config: Config) -> None:
    side = {"type": "taae", "config": {}}
    inner = {"encoder": side, "decoder": side, "latent_dim": 64, "downsampling_ratio": 2048, "io_channels": 1}
    config["model"]["pretransform"] = {"type": "autoencoder", "config": inner}


def beats(config: Config) -> None:
    bpm = {"id": "bpm", "type": "number", "config": {"min_val": 0, "max_val": 300}}
    config["model"]["conditioning"]["configs"].append(bpm)
    config["model"]["diffusion"]["cross_attention_cond_ids"].append("bpm")


def without(name: str) -> Make:
    """A file that is not there."""

    def make(folder: Path, seed: int) -> State:
        plain(folder, seed)
        (folder / name).unlink()
        return {}

    return make


def diffusers(folder: Path, seed: int) -> State:
    """The layout of diffusers, of which only names are looked at."""
    (folder / "transformer").mkdir(parents=True)
    (folder / "model_index.json").write_text('{"_class_name": "StableAudioPipeline"}', encoding="utf-8")
    (folder / "transformer" / "config.json").write_text("{}", encoding="utf-8")
    save_file({"weight": torch.full((1,), float(seed))}, folder / "transformer" / "diffusion_pytorch_model.safetensors")
    return {}


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
    Folder("norm-bias", "`norm_kwargs: {bias: true}`", dit(norm_kwargs={"bias": True})),
    Folder("norm-fixed", "`norm_kwargs: {fix_scale: true}`", dit(norm_kwargs={"fix_scale": True})),
    Folder("early-cross", "`final_cross_attn_ix: 0`", dit(final_cross_attn_ix=0)),
    Folder("patches", "`patch_size: 4`", dit(patch_size=4)),
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
    Folder("no-weights", "a configuration alone", without("model.safetensors"), refused="no weight file"),
    Folder("diffusers", "a folder of diffusers (`model_index.json`)", diffusers, refused="a folder of diffusers"),
)
