"""Folders: where a model's files are, by its name on the hub or a path. Reads no weights and imports no torch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quant.errors import ModelError
from quant.pretrained import configuration
from quant.pretrained.foreign import foreign

MINI_FOLDER = Path(__file__).parents[1] / "mini"

HUB = {
    "stable-audio-open-1.0": "stabilityai/stable-audio-open-1.0",
    "stable-audio-open-small": "stabilityai/stable-audio-open-small",
}
MODELS = ("mini", *HUB)


@dataclass(frozen=True)
class ModelFiles:
    """A model's files: ``config`` is what its ``model_config.json`` says, checked; ``weights`` its weight file."""

    name: str
    config: dict[str, Any]
    config_path: Path
    weights: Path


def _folder_files(folder: Path) -> tuple[Path, Path]:
    config = folder / "model_config.json"
    if not config.is_file():
        if other := foreign(folder):
            raise ModelError(f"{folder}: {other}")
        raise ModelError(
            f"{folder}: holds no model_config.json; name one of {', '.join(MODELS)} or a folder that has one"
        )
    for weights in ("model.safetensors", "model.ckpt"):
        if (folder / weights).is_file():
            return config, folder / weights
    raise ModelError(f"{folder}: no weight file; put model.safetensors or model.ckpt beside model_config.json")


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
    """Find the configuration and the weight file of a model name or folder, downloading if it is on the hub.

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
    if Path(name).is_dir():
        return _folder_files(Path(name))
    raise ModelError(
        f"{name}: no such model; name one of {', '.join(MODELS)} or a folder with model_config.json and weights"
    )


def find(name: str) -> ModelFiles:
    """Find a model by name or folder, and check that its configuration is one that Earmark computes.

    Raises
    ------
    ModelError
        As :func:`locate`, or if ``model_config.json`` is not readable or asks for what Earmark does not compute.

    Examples
    --------
    >>> find("mini").config["model_type"]
    'diffusion_cond'
    """
    config_path, weights = locate(name)
    try:
        config = json.loads(config_path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{config_path}: not readable as JSON ({error})") from error
    configuration.check(config, name)
    return ModelFiles(name, config, config_path, weights)
