"""The whole clip: seconds and memory from a prompt to a FLAC file, full size, from a W8A8 checkpoint, two cores.

Ten of the hundred steps are made, in a process of its own: the others would take the time of those after the first.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import torch

from benchmarks.common.report import options, publish
from benchmarks.common.stable_audio import SECONDS, STEPS, Step, calibrated, random_model, write_text_encoder
from quant.engine.checkpoint import save_checkpoint
from quant.engine.convert import quantize_
from quant.method.variants import VARIANTS
from quant.model.memory import give_back

ROOT = Path(__file__).parents[2]
VARIANT, PROMPT, CORES, MADE = "sqd-w8a8", "a dog barking", 2, 10

NOTES = {
    "clip_s": f"s from the start of the process to the file, {STEPS} steps (target 48)",
    "import_s": "s of it to import what renders",
    "load_s": "s to load the checkpoint (target 3)",
    "text_s": "s to encode the prompt",
    "steps_s": f"s for {STEPS} steps: the first, and {STEPS - 1} times the median of the others",
    "made_steps_s": f"s for the {MADE} steps that were made",
    "step_s": "s a step (median)",
    "decode_s": "s to decode (target 4)",
    "file_s": "s to write the FLAC file",
    "peak_rss_gb": "GB at its peak, the process that renders (target 1.8)",
}


def measured(checkpoint: Path, folder: Path, made: int = MADE) -> dict[str, float]:
    """Render in a process of its own that starts in ``folder``."""
    given = f"Path({str(checkpoint)!r}), {PROMPT!r}, {SECONDS}, {made}, {STEPS}, {CORES}"
    code = f"from pathlib import Path; from benchmarks.render.alone import render_alone; render_alone({given})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def main() -> None:
    """Write a checkpoint of random weights, and render from it."""
    arguments = options(__doc__)
    torch.set_num_threads(min(CORES, torch.get_num_threads()))
    with tempfile.TemporaryDirectory() as name, chdir(name):
        folder = Path(name)
        write_text_encoder(folder)
        model, variant = random_model(), VARIANTS[VARIANT]
        quantize_(model, variant, calibrated(model, Step()))
        save_checkpoint(folder / "checkpoint.safetensors", model, variant, alpha=0.5, made_by="benchmark")
        del model
        give_back()
        figures = measured(folder / "checkpoint.safetensors", folder)
    publish({name: figures[name] for name in NOTES}, NOTES, arguments.json)


if __name__ == "__main__":
    main()
