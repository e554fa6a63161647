"""Folders in the layout of other libraries are said by name, with what would serve."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_models import one_line

from quant.errors import ModelError
from quant.pretrained.folder import find

LAYOUTS = {
    "diffusers": ({"model_index.json": {"_class_name": "StableAudioPipeline"}}, "take those two files"),
    "stable audio 3": ({"model_index.json": {"_class_name": "StableAudio3Pipeline"}}, "Stable Audio 3"),
    "another pipeline": ({"model_index.json": {"_class_name": "AudioLDM2Pipeline"}}, "AudioLDM2Pipeline"),
    "no class": ({"model_index.json": []}, "folder of diffusers"),
    "its transformer": ({"transformer/config.json": {"_class_name": "StableAudioDiTModel"}}, "StableAudioDiTModel"),
    "a part": ({"config.json": {"_class_name": "StableAudioDiTModel"}}, "StableAudioDiTModel"),
    "transformers": ({"config.json": {"model_type": "musicgen"}}, "musicgen"),
    "gguf": ({"model-q8_0.gguf": {}}, "GGUF"),
    "a cache's root": ({"snapshots/f21265c1/model_config.json": {}}, "snapshots/f21265c1"),
    "nothing known": ({"notes.json": {}}, "holds no model_config.json"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_folder_of_another_library(name: str, tmp_path: Path) -> None:
    files, words = LAYOUTS[name]
    for file, content in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(ModelError) as caught:
        find(str(tmp_path))
    message = one_line(caught.value)
    assert message.startswith(f"{tmp_path}: ")
    assert words in message
    assert "model_config.json" in message or "stable-audio-open-1.0" in message
