"""Weight files as people have them: each writer puts a state dict into a folder and gives what should be loaded."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import pathlib
import sys
import types
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor


class DictConfig:
    """As OmegaConf's: a class that is not installed where the file is read."""

    def __init__(self) -> None:
        self.content = {"lr": 1e-4, "path": pathlib.Path("runs")}


class AttributeDict(dict[str, object]):
    """As Lightning's: a kind of dict."""


@contextlib.contextmanager
def module_of(name: str, *classes: type) -> Iterator[None]:
    """Have classes lie in a module of another name, until the file that names it is written."""
    levels = name.split(".")
    made = [".".join(levels[: count + 1]) for count in range(len(levels))]
    sys.modules.update({one: types.ModuleType(one) for one in made})
    for one in classes:
        one.__module__ = name
        setattr(sys.modules[name], one.__name__, one)
    try:
        yield
    finally:
        for module in made:
            del sys.modules[module]


State = dict[str, Tensor]
Writer = Callable[[Path, State], State]


def as_safetensors(state: State, path: Path) -> None:
    save_file({name: value.clone().contiguous() for name, value in state.items()}, path)


def other(state: State, part: str = "") -> State:
    """The same tensors with other values, of the names that begin with ``part``: an average, or what was averaged."""
    return {
        name: value * 0.5 + 0.25 if value.is_floating_point() else value
        for name, value in state.items()
        if name.startswith(part)
    }


def save_lightning(state: State, path: Path, **more: object) -> None:
    """Write what Lightning's ``Trainer.save_checkpoint`` does, with optimizers and what hyper-parameters may be."""
    content: dict[str, object] = {
        "epoch": 3,
        "global_step": np.int64(1000),
        "pytorch-lightning_version": "2.5.0",
        "state_dict": OrderedDict(state),
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.5), "dirpath": pathlib.Path("runs")}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]}],
        "lr_schedulers": [],
        "hyper_parameters": {
            "args": argparse.Namespace(lr=np.float32(1e-4), out=pathlib.PurePosixPath("out")),
            "optimizer": functools.partial(torch.optim.AdamW, lr=1e-4),
            "seeds": np.arange(3),
            "config": DictConfig(),
            "hparams": AttributeDict(depth=2),
            "by_name": defaultdict(dict, model={"depth": 2}),
        },
    }
    with (
        module_of("omegaconf.dictconfig", DictConfig),
        module_of("lightning.fabric.utilities.data", AttributeDict),
    ):
        torch.save(content | more, path)


def of_training(state: State, average: bool = True) -> State:
    """Names of stable-audio-tools' training wrapper: the model, its average, and what a loss has learnt."""
    named = {f"diffusion.{name}": value for name, value in state.items()}
    if average:
        copy = other(state, "model.")
        named |= {f"diffusion_ema.ema_model.{name.removeprefix('model.')}": value for name, value in copy.items()}
        named |= {"diffusion_ema.initted": torch.tensor(True), "diffusion_ema.step": torch.tensor(10)}
    return named | {"discriminator.0.weight": torch.zeros(4, 4), "losses.balance": torch.zeros(2)}


def _lightning(folder: Path, state: State) -> State:
    save_lightning(of_training(state, average=False), folder / "epoch=3-step=1000.ckpt")
    return state


def _averaged(folder: Path, state: State) -> State:
    save_lightning(of_training(state), folder / "last.ckpt")
    return state | other(state, "model.")


def _averaged_with_online_copy(folder: Path, state: State) -> State:
    inner = {f"diffusion_ema.online_model.{name.removeprefix('model.')}": value for name, value in state.items()}
    save_lightning(of_training(state) | inner, folder / "model.ckpt")
    return state | other(state, "model.")


def _averaged_and_converted(folder: Path, state: State) -> State:
    as_safetensors(of_training(state), folder / "model.safetensors")
    return state | other(state, "model.")


def _compiled_in_parallel(folder: Path, state: State) -> State:
    def wrapped(name: str) -> str:
        return name.replace("model.model.", "model._orig_mod.model.", 1).replace("layers.", "layers._orig_mod.", 1)

    named = {f"_forward_module.module.{wrapped(name)}": value for name, value in of_training(state).items()}
    torch.save({"state_dict": named}, folder / "model.ckpt")
    return state | other(state, "model.")


def _of_module(folder: Path, state: State) -> State:
    as_safetensors({f"module.{name}": value for name, value in state.items()}, folder / "model.safetensors")
    return state


def _compiled(folder: Path, state: State) -> State:
    named = {name.replace("model.model.", "model._orig_mod.model.", 1): value for name, value in state.items()}
    as_safetensors(named, folder / "model.safetensors")
    return state


def _compiled_outside(folder: Path, state: State) -> State:
    torch.save({f"_orig_mod.module.diffusion.{name}": value for name, value in state.items()}, folder / "a.pt")
    return state


def _bare(suffix: str) -> Writer:
    def write(folder: Path, state: State) -> State:
        torch.save(state, folder / f"finetune{suffix}")
        return state

    return write


def _before_zip(folder: Path, state: State) -> State:
    torch.save(state, folder / "model.ckpt", _use_new_zipfile_serialization=False)
    return state


def _under(key: str) -> Writer:
    def write(folder: Path, state: State) -> State:
        torch.save({key: state, "step": 7, "optimizer": {"state": {}, "param_groups": []}}, folder / "model.pt")
        return state

    return write


def _average_beside(folder: Path, state: State) -> State:
    torch.save({"model": state, "ema": other(state)}, folder / "model.pt")
    return other(state)


def _average_module_beside(folder: Path, state: State) -> State:
    averaged = {f"ema_model.{name.removeprefix('model.')}": value for name, value in other(state, "model.").items()}
    torch.save({"generator": state, "ema": averaged | {"initted": torch.tensor(True)}}, folder / "model.pt")
    return state | other(state, "model.")


def _average_alone(folder: Path, state: State) -> State:
    torch.save({"ema_model": other(state), "discriminator": {"a": torch.zeros(2)}}, folder / "model.pt")
    return other(state)


def _own_name(folder: Path, state: State) -> State:
    as_safetensors(state, folder / "RC_Infinite_Pianos.safetensors")
    (folder / "._RC_Infinite_Pianos.safetensors").write_bytes(b"\0\5\x16\7")
    return state


def _own_configuration(folder: Path, state: State) -> State:
    as_safetensors(state, folder / "base_model.safetensors")
    (folder / "model_config.json").rename(folder / "base_model_config.json")
    return state


def shards(folder: Path, state: State, index: str = "model.safetensors.index.json") -> dict[str, str]:
    """Write a state dict into three shards and their index; returns the index's map of names to files."""
    names = sorted(state)
    places = {name: f"model-{number % 3 + 1:05}-of-00003.safetensors" for number, name in enumerate(names)}
    for shard in sorted(set(places.values())):
        as_safetensors({name: state[name] for name in names if places[name] == shard}, folder / shard)
    (folder / index).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return places


def _shards(folder: Path, state: State) -> State:
    shards(folder, state)
    return state


def _own_shards(folder: Path, state: State) -> State:
    shards(folder, {f"module.{name}": value for name, value in state.items()}, "piano.safetensors.index.json")
    return state


def _stored_as(dtype: torch.dtype) -> Writer:
    def write(folder: Path, state: State) -> State:
        stored = {name: value.to(dtype) if value.is_floating_point() else value for name, value in state.items()}
        as_safetensors(stored, folder / "model.safetensors")
        return {name: value.to(state[name].dtype) for name, value in stored.items()}

    return write


def _scaled_float8(names: tuple[str, str], by_row: bool) -> Writer:
    """As ComfyUI has it: e4m3 over its whole range and a scale beside each weight of two dimensions."""

    def write(folder: Path, state: State) -> State:
        stored, expected = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}, dict(state)
        for name, value in state.items():
            module, _, last = name.rpartition(".")
            if last != "weight" or value.ndim != 2:
                stored[name] = value
                continue
            scale = (value.abs().amax(1, keepdim=True) if by_row else value.abs().max()).clamp(min=1e-6) / 448
            stored[name] = (value / scale).to(torch.float8_e4m3fn)
            stored |= {f"{module}.{names[0]}": scale, f"{module}.{names[1]}": torch.tensor(3.0)}
            expected[name] = stored[name].float() * scale
        as_safetensors(stored, folder / "model.safetensors")
        return expected

    return write


def _linked(folder: Path, state: State) -> State:
    """As Hugging Face's cache has it."""
    blobs = folder.parent / f"{folder.name}-blobs"
    blobs.mkdir()
    as_safetensors(state, blobs / "0123abcd")
    (folder / "model.safetensors").symlink_to(pathlib.Path("..") / blobs.name / "0123abcd")
    return state


def _quantized_beside(folder: Path, state: State) -> State:
    as_safetensors(state, folder / "piano.safetensors")
    save_file({"a": torch.zeros(2)}, folder / "sqs.safetensors", metadata={"earmark": "{}"})
    return state


def _needless_buffer(folder: Path, state: State) -> State:
    as_safetensors(
        state | {"model.model.transformer.rotary_pos_emb.scale": torch.ones(4)}, folder / "model.safetensors"
    )
    return state


def _long_header(folder: Path, state: State) -> State:
    """A header whose length begins with the byte that an old checkpoint begins with."""
    path = folder / "model.safetensors"
    for padding in range(300):
        save_file({name: value.contiguous() for name, value in state.items()}, path, metadata={"a": " " * padding})
        if path.read_bytes()[0] == 0x80:
            return state
    raise AssertionError("no such header")


GOOD: dict[str, Writer] = {
    "lightning": _lightning,
    "averaged": _averaged,
    "averaged with the online copy": _averaged_with_online_copy,
    "averaged, converted": _averaged_and_converted,
    "compiled in parallel": _compiled_in_parallel,
    "module": _of_module,
    "compiled": _compiled,
    "compiled outside": _compiled_outside,
    "bare ckpt": _bare(".ckpt"),
    "bare pt": _bare(".pt"),
    "bare pth": _bare(".pth"),
    "bare bin": _bare(".bin"),
    "before zip": _before_zip,
    "under model": _under("model"),
    "under generator": _under("generator"),
    "under module": _under("module"),
    "under another key": _under("denoiser"),
    "average beside": _average_beside,
    "average module beside": _average_module_beside,
    "average alone": _average_alone,
    "own name": _own_name,
    "own configuration": _own_configuration,
    "shards": _shards,
    "own shards": _own_shards,
    "float64": _stored_as(torch.float64),
    "float16": _stored_as(torch.float16),
    "bfloat16": _stored_as(torch.bfloat16),
    "float8 e4m3": _stored_as(torch.float8_e4m3fn),
    "float8 e5m2": _stored_as(torch.float8_e5m2),
    "scaled float8": _scaled_float8(("scale_weight", "scale_input"), by_row=False),
    "scaled float8 by row": _scaled_float8(("weight_scale", "input_scale"), by_row=True),
    "linked": _linked,
    "long header": _long_header,
    "quantized beside": _quantized_beside,
    "needless buffer": _needless_buffer,
}
"""Folders that load, by what is in them; the folder holds ``model_config.json`` when its writer is called."""
