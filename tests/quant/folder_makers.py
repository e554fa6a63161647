"""Makers of model folders of the kinds that people have: each writes one of a seed, and says what should be loaded."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
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


def captioned(config: Config) -> None:
    """Another name for the prompt's conditioner."""
    for one in config["model"]["conditioning"]["configs"]:
        one["id"] = "caption" if one["id"] == "prompt" else one["id"]
    ids = config["model"]["diffusion"]["cross_attention_cond_ids"]
    ids[ids.index("prompt")] = "caption"


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


def diffusers(pipeline: str) -> Make:
    """The layout of diffusers, of which only names are looked at."""

    def make(folder: Path, seed: int) -> State:
        part = folder / "transformer"
        part.mkdir(parents=True)
        (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}), encoding="utf-8")
        (part / "config.json").write_text("{}", encoding="utf-8")
        save_file({"weight": torch.full((1,), float(seed))}, part / "diffusion_pytorch_model.safetensors")
        return {}

    return make


def with_value(value: float) -> Make:
    """One weight of another size."""

    def make(folder: Path, seed: int) -> State:
        config = configuration()
        state = random_state(config, seed)
        next(v for k, v in state.items() if k.endswith("to_timestep_embed.0.weight"))[0, 0] = value
        return write(folder, config, state)

    return make


def adapted(names: Callable[[str], tuple[str, str, str]], whole: bool = True) -> Make:
    """An adapter in the weight file, alone or with the weights: ``names`` of a layer's weight, and of its factors."""

    def make(folder: Path, seed: int) -> State:
        config = configuration()
        state = random_state(config, seed)
        expected, stored = dict(state), dict(state) if whole else {}
        random = torch.Generator().manual_seed(seed)
        for name in [name for name in state if name.endswith("to_out.weight")]:
            down, up = (torch.randn(4, 64, generator=random) * 0.02, torch.randn(64, 4, generator=random) * 0.02)
            weight, first, second = names(name.removesuffix(".weight"))
            if whole:
                stored[weight] = stored.pop(name)
            stored |= {first: down, second: up}
            expected[name] = (state[name].double() + up.double() @ down.double()).float()
        write(folder, config, stored)
        return expected

    return make


def beside(layer: str) -> tuple[str, str, str]:
    return f"{layer}.weight", f"{layer}.lora_down.weight", f"{layer}.lora_up.weight"


def parametrized(layer: str) -> tuple[str, str, str]:
    inside = f"{layer}.parametrizations.weight"
    return f"{inside}.original", f"{inside}.0.lora_A", f"{inside}.0.lora_B"
