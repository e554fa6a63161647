"""Folders: where a model's files are, by its name on the hub or a path. Reads no weights and imports no torch."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quant.configuration import checking
from quant.errors import ModelError
from quant.pretrained import header, shards
from quant.pretrained.foreign import foreign
from quant.pretrained.jsonfile import read_json

MINI_FOLDER = Path(__file__).parents[1] / "mini"

HUB = {
    "stable-audio-open-1.0": "stabilityai/stable-audio-open-1.0",
    "stable-audio-open-small": "stabilityai/stable-audio-open-small",
}
MODELS = ("mini", *HUB)

USUAL = ("model.safetensors", f"model{header.INDEX}", "model.ckpt")
"""A folder's weight file, whatever lies beside it; the first that is there."""

SHARD = re.compile(r"-\d{5}-of-(?!00001)\d{5}\.")
SHOWN = 6


@dataclass(frozen=True)
class ModelFiles:
    """A model's files.

    ``config`` is what its ``model_config.json`` says, checked; ``weights`` is its weight file, or the
    ``.safetensors.index.json`` that names its shards.
    """

    name: str
    config: dict[str, Any]
    config_path: Path
    weights: Path


def _weights_in(folder: Path, names: list[str]) -> Path:
    """Find the weight file of a folder that holds ``names``: the one of the usual name, or the only one there is."""
    usual = next((name for name in USUAL if name in names), None)
    if usual:
        return folder / usual
    found = [folder / name for name in names if _looks_like_weights(name)]
    cut = {shard for path in found if path.name.endswith(header.INDEX) for shard in shards.named(path)}
    whole = [path for path in found if path.name not in cut]
    if len(whole) > 1:
        whole = [path for path in whole if not header.made_here(path)]
    if len(whole) == 1 and not SHARD.search(whole[0].name):
        return whole[0]
    if whole and all(SHARD.search(path.name) for path in whole):
        raise ModelError(
            f"{folder}: {len(whole)} shards without a {header.INDEX}; put it beside them, or save the model as one file"
        )
    if whole:
        first = ", ".join(path.name for path in whole[:SHOWN]) + (", ..." if len(whole) > SHOWN else "")
        raise ModelError(
            f"{folder}: {len(whole)} weight files ({first}); name the one that is meant as the model, as in {whole[0]}"
        )
    raise ModelError(f"{folder}: no weight file; put model.safetensors or model.ckpt beside model_config.json")


def _looks_like_weights(name: str) -> bool:
    # A name with a dot before it is a temporary file, or what macOS puts beside each file of a foreign disk.
    return name.endswith((header.INDEX, header.SAFETENSORS, *header.PICKLES)) and not name.startswith(".")


def _config_of(weights: Path) -> Path:
    """Find the configuration of a weight file: the one of its own name, or the folder's."""
    own = weights.with_name(f"{weights.name.removesuffix(header.INDEX).removesuffix(weights.suffix)}_config.json")
    return own if os.path.lexists(own) else weights.with_name("model_config.json")


def _folder_files(folder: Path) -> tuple[Path, Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ModelError(f"{folder}: not readable ({error.strerror}); check your rights to it") from error
    if not any(name.endswith("_config.json") for name in names):
        if other := foreign(folder):
            raise ModelError(f"{folder}: {other}")
        raise ModelError(
            f"{folder}: holds no model_config.json; name one of {', '.join(MODELS)} or a folder that has one"
        )
    return _file_files(_weights_in(folder, names))


def _file_files(weights: Path) -> tuple[Path, Path]:
    config = _config_of(weights)
    if not os.path.lexists(config):
        raise ModelError(f"{weights}: has no model_config.json beside it; put the one that it was trained with there")
    return config, weights


def _hub_files(name: str) -> tuple[Path, Path]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    repository = HUB[name]
    token = os.environ.get("HF_TOKEN") or None
    try:
        config = hf_hub_download(repository, "model_config.json", token=token)
        try:
            weights = hf_hub_download(repository, "model.safetensors", token=token)
        except EntryNotFoundError:
            weights = hf_hub_download(repository, "model.ckpt", token=token)
    except RepositoryNotFoundError as error:  # gated, or hidden from a token that the hub does not know
        raise ModelError(
            f"{name}: accept the licence at https://huggingface.co/{repository} "
            "and set HF_TOKEN to a token of that account"
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"{name}: cannot be downloaded ({type(error).__name__}); check the network, "
            "or give a folder with model_config.json and weights"
        ) from error
    return Path(config), Path(weights)


def locate(name: str) -> tuple[Path, Path]:
    """Find the configuration and the weight file of a model, downloading if it is on the hub.

    A model is named as one of :data:`MODELS`, as a folder, or as the weight file in a folder that has several. A
    folder's weights are :data:`USUAL`, or its only weight file; the configuration of ``X.safetensors`` is
    ``X_config.json`` if that lies beside it, otherwise ``model_config.json``.

    Raises
    ------
    ModelError
        If the name is unknown, the folder incomplete, or the download refused.

    Examples
    --------
    >>> [path.name for path in locate("mini")]
    ['model_config.json', 'model.safetensors']
    """
    if name == "mini":
        return _folder_files(MINI_FOLDER)
    if name in HUB:
        return _hub_files(name)
    name = os.path.expanduser(name)
    try:
        is_folder, is_there = stat.S_ISDIR(os.stat(name).st_mode), True
    except PermissionError as error:
        raise ModelError(f"{name}: not readable ({error.strerror}); check your rights to it") from error
    except (OSError, ValueError):  # nothing there, or no name of a file
        is_folder, is_there = False, os.path.lexists(name)
    if is_folder:
        return _folder_files(Path(name))
    if is_there or (_looks_like_weights(Path(name).name) and os.path.isdir(Path(name).parent)):
        return _file_files(Path(name))
    raise ModelError(
        f"{name}: no such model; name one of {', '.join(MODELS)} or a folder with model_config.json and weights"
    )


def find(name: str) -> ModelFiles:
    """Find a model, check that its configuration is one that Earmark computes and that its weight file is whole.

    Raises
    ------
    ModelError
        As :func:`locate`, or if ``model_config.json`` is not readable or asks for what Earmark does not compute, or if
        the weight file is damaged or another kind of file.

    Examples
    --------
    >>> find("mini").config["model_type"]
    'diffusion_cond'
    """
    config_path, weights = locate(name)
    config = read_json(config_path)
    checking.check(config, name)
    if weights.name.endswith(header.INDEX):
        shards.check(weights)
    else:
        header.check(weights)
    return ModelFiles(name, config, config_path, weights)
