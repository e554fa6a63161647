"""Imports in a fresh process: nothing heavy too early, nothing false left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

TORCH_FREE = """
import sys
from quant.method.variants import VARIANTS, variant_named
import quant
assert {"torch", "transformers", "stable_audio_tools"}.isdisjoint(sys.modules), sorted(sys.modules)
print(*VARIANTS)
"""

PREPARED = """
import importlib.util, sys
from quant.model import upstream
before = {name: importlib.util.find_spec(name) for name in ("torchaudio", "torchvision")}
factory = upstream.stable_audio_tools("models.factory")
assert factory is sys.modules["stable_audio_tools.models.factory"]
assert callable(upstream.k_diffusion("sampling").sample_dpmpp_3m_sde)

for name in ("torchaudio", "torchvision"):
    for loaded, module in sys.modules.items():
        if loaded.split(".")[0] == name:
            assert type(module).__name__ != "_StandIn", loaded
    # Either the real package or none: a stand-in has no loader.
    spec = importlib.util.find_spec(name)
    assert (spec is None) == (before[name] is None)
    assert spec is None or spec.loader is not None
    try:
        __import__(name)
    except (ImportError, OSError, RuntimeError):
        pass

from transformers import BertModel, AutoModel, AutoTokenizer, T5EncoderModel
from transformers.utils import is_torchaudio_available, is_torchvision_available
assert is_torchaudio_available() == (before["torchaudio"] is not None)
assert is_torchvision_available() == (before["torchvision"] is not None)
modules = set(sys.modules)
upstream.prepare()
assert set(sys.modules) == modules
print("prepared")
"""


def run(code: str) -> str:
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_variants_are_read_without_torch() -> None:
    assert run(TORCH_FREE).split()[:4] == ["baseline", "sqs-w8a8", "sqd-w8a8", "sqd-lora-w8a8"]


def test_libraries_import_and_no_stand_in_stays() -> None:
    assert run(PREPARED) == "prepared\n"
