"""Files: sizes of the checkpoints at full size, and the memory of a process that renders a clip from one."""

import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.common.rounds import say
from benchmarks.common.stable_audio import Step, calibrated, random_model, write_text_encoder
from benchmarks.engine.made import GROUPS, quantized
from quant.engine.checkpoint import save_checkpoint
from quant.method.variants import VARIANTS

NOTES = {
    "peak_rss_gb": "GB, a process that renders a clip with W8A8 (target 1.8)",
    "size_w8a8_gb": "GB, checkpoint, one group (target 1.40)",
    "size_w8a8_lora_gb": "GB (target 1.46)",
    "size_w4a8_gb": "GB (target 0.88)",
    "size_w4a8_lora_gb": "GB (target 1.00)",
    "size_w8a8_8_groups_gb": "GB, with the 16-bit weight that more than one group needs",
}

# The kernel's record of this program's memory: that of getrusage includes the process that started it.
CLIP = """
import re, sys
from pathlib import Path
from quant.engine.checkpoint import load_checkpoint
from quant.rendering.clips import render
from quant.rendering.sampling import Sampling
model, _ = load_checkpoint(Path(sys.argv[1]))
render(model, "a dog barking", 1, Sampling(steps=4))
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024 / 1e9)
"""


def files() -> dict[str, float]:
    """Write the checkpoints, and render a clip from one in a process of its own."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        return _files(Path(name))


def _files(folder: Path) -> dict[str, float]:
    write_text_encoder(folder)
    say("files: building the full-size model")
    model = random_model()
    calibration = calibrated(model, Step())
    out: dict[str, float] = {}
    for name, variant in (
        ("size_w8a8_gb", VARIANTS["sqd-w8a8"]),
        ("size_w8a8_lora_gb", VARIANTS["sqd-lora-w8a8"]),
        ("size_w4a8_gb", VARIANTS["sqd-w4a8"]),
        ("size_w4a8_lora_gb", VARIANTS["sqd-lora-w4a8"]),
        ("size_w8a8_8_groups_gb", replace(VARIANTS["sqd-w8a8"], groups=GROUPS)),
    ):
        say(f"files: {name}")
        path = folder / "checkpoint.safetensors"
        with quantized(model, variant, calibration) as made:
            save_checkpoint(path, made, variant, alpha=0.5, calibration_sha256="", made_by="benchmark")
        out[name] = path.stat().st_size / 1e9
        if name == "size_w8a8_gb":
            say("files: peak_rss_gb")
            command = [sys.executable, "-c", CLIP, str(path)]
            root = str(Path(__file__).parents[2])
            environment = {**os.environ, "PYTHONPATH": root}
            ended = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
            out["peak_rss_gb"] = float(ended.stdout.split()[-1])
        path.unlink()
    return out
