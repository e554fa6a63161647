"""A full-size study's way to its clips: minutes of calibration and memory at its peak, random weights, two cores.

Two verbs, each in a process of its own as a researcher runs them: ``calibrate`` on the paper's 50 prompts, then
``generate`` with what calibration left. A clip is made in as many steps as were calibrated: its memory is that of more.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import chdir
from pathlib import Path

from safetensors.torch import save_file

from benchmarks.common.report import options, publish
from benchmarks.common.stable_audio import SECONDS, STEPS, random_model, write_text_encoder
from quant.model.loading import AudioModel
from quant.model.memory import give_back
from quant.rendering.calibrate import STEPS as CALIBRATED

ROOT = Path(__file__).parents[2]
PROMPTS = 50

NOTES = {
    "calibration_min": f"min for {PROMPTS} prompts of {SECONDS:.0f} s, {STEPS} steps asked (target 45)",
    "calibration_prompts": f"of {PROMPTS} prompts, when the ranges had settled",
    "calibrate_peak_gb": "GB at its peak, earmark calibrate",
    "generate_peak_gb": "GB at its peak, earmark generate after it (target 7)",
}

STUDY = f"""\
name: full-size
model: model
prompts: [a dog barking]
conditions: [baseline, sqs-w8a8, sqd-w8a8, sqd-lora-w4a8]
calibration: {{prompts: {PROMPTS}}}
sampling: {{seconds: {SECONDS}, steps: STEPS}}
"""


def write_model(folder: Path, model: AudioModel) -> None:
    """Write the model as its authors publish theirs: a configuration and a weight file in float32."""
    folder.mkdir()
    (folder / "model_config.json").write_text(json.dumps(model.config))
    weights = {name: value.contiguous() for name, value in model.wrapper.state_dict().items()}
    save_file(weights, folder / "model.safetensors")


def run(verb: str, study: Path) -> tuple[float, float, str]:
    """Run a verb in a process of its own: seconds, GB at its peak, and what it said."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        command, environment = [sys.executable, "-m", "app", verb, str(study)], {**os.environ, "PYTHONPATH": str(ROOT)}
        started = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(started.pid, 0)
        said.seek(0)
        text = said.read()
    print(text, file=sys.stderr)
    if status:
        raise SystemExit(f"earmark {verb} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, used.ru_maxrss * 1024 / 1e9, text


def main() -> None:
    """Write a model and a study of it, and bring it to its clips."""
    arguments = options(__doc__)
    with tempfile.TemporaryDirectory() as name, chdir(name):
        folder = Path(name)
        write_text_encoder(folder)
        model = random_model()
        study = folder / "study"
        study.mkdir()
        write_model(study / "model", model)
        del model
        give_back()
        (study / "study.yaml").write_text(STUDY.replace("STEPS", str(STEPS)))
        seconds, calibrating, text = run("calibrate", study)
        (study / "study.yaml").write_text(STUDY.replace("STEPS", str(CALIBRATED)))
        _, generating, _ = run("generate", study)
    taken = re.search(r"calibrated on (\d+) of", text)
    figures = {
        "calibration_min": seconds / 60,
        "calibration_prompts": float(taken.group(1)) if taken else float("nan"),
        "calibrate_peak_gb": calibrating,
        "generate_peak_gb": generating,
    }
    publish(figures, NOTES, arguments.json)


if __name__ == "__main__":
    main()
