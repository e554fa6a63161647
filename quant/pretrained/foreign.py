"""Foreign folders: models in the layout of another library, told by their files, and what would serve instead."""

from __future__ import annotations

import json
from pathlib import Path

from quant.configuration.options import LIBRARY

OURS = (
    f"Earmark reads the layout of {LIBRARY}, model_config.json and its weights: take stable-audio-open-1.0, "
    "stable-audio-open-small or a folder of a model trained from them"
)
PIPELINES = {
    "StableAudioPipeline": (
        "a folder of diffusers; the same model's repository holds model_config.json and model.safetensors, "
        "as stable-audio-open-1.0 does: take those two files"
    ),
    "StableAudio3Pipeline": f"a Stable Audio 3 folder of diffusers, which {LIBRARY} cannot build; {OURS}",
}


def _said(path: Path, key: str) -> str | None:
    """What a JSON file says of ``key``; None if it says nothing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    said = found.get(key) if isinstance(found, dict) else None
    return said if isinstance(said, str) else None


def foreign(folder: Path) -> str | None:
    """What a folder without ``model_config.json`` is, with what would serve; None if it is nothing that is known.

    Examples
    --------
    >>> folder = Path("unet")
    >>> folder.mkdir()
    >>> _ = (folder / "model_index.json").write_text('{"_class_name": "AudioLDM2Pipeline"}')
    >>> str(foreign(folder)).partition(";")[0]
    'a folder of diffusers, AudioLDM2Pipeline'
    """
    snapshots = sorted(folder.glob("snapshots/*"))
    if snapshots:
        return (
            "the root of a repository in Hugging Face's cache; name the folder in it that holds model_config.json, "
            f"{snapshots[-1]}"
        )
    index = folder / "model_index.json"
    if index.is_file():
        pipeline = _said(index, "_class_name") or "of no named class"
        if pipeline.startswith("StableAudio3"):
            return PIPELINES["StableAudio3Pipeline"]
        return PIPELINES.get(pipeline, f"a folder of diffusers, {pipeline}; {OURS}")
    for part in (folder, folder / "transformer", folder / "unet"):
        name = _said(part / "config.json", "_class_name")
        if name:
            return f"a part of a folder of diffusers, {name}; {OURS}"
    kind = _said(folder / "config.json", "model_type")
    if kind:
        return f"a folder of transformers, model type {kind}; {OURS}"
    if any(folder.glob("*.gguf")):
        return f"a folder of GGUF weights, for llama.cpp's kin; {OURS}"
    return None
