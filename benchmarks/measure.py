"""The metrics: seconds and memory for 100 clips without a download, and how far each agrees with its reference.

    earmark bench measure

The clips are noises and tones of 10 s at 44.1 kHz, 50 prompts under full precision and under one other condition.
Agreement is with the computations of the tests: embeddings of each network, ViSQOL's regression and golden values, and
the kernel distance's expectation on equal sets.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.common.report import options, publish

ROOT = Path(__file__).parent.parent
PROMPTS, SECONDS, RATE, SEED = 50, 10, 44_100, 1000
CONDITIONS = ("baseline", "other")
DRAWS, SMALL = 200, 30
GOLDEN = 4.732101253042348  # ViSQOL v3 audio: castanets, as any sound, against themselves
WORDS = ("a dog barking", "heavy rain", "a church bell", "a police siren", "someone plays the piano")


def write_clips(folder: Path) -> None:
    """Write the clips: the other condition's are full precision's with a little noise and another tone."""
    rng, moments = np.random.default_rng(SEED), np.arange(SECONDS * RATE) / RATE
    for number in range(PROMPTS):
        tone = np.sin(2 * np.pi * rng.uniform(100, 4000) * moments) * np.exp(-((moments % rng.uniform(0.5, 2)) * 4))
        sound = 0.4 * tone + 0.1 * rng.standard_normal(len(moments)).cumsum() / 200
        other = sound + 0.01 * rng.standard_normal(len(moments))
        for condition, samples in zip(CONDITIONS, (sound, other), strict=True):
            soundfile.write(folder / f"{condition}-{number}.flac", samples / np.abs(samples).max(), RATE)


def measure_folder(folder: Path) -> None:
    """Measure the clips as the verb does, and print the seconds of each metric as JSON."""
    from analysis.metrics.basis.clips import Clip
    from analysis.metrics.measured import write_measured
    from analysis.metrics.registry import METRICS
    from analysis.report.metrics_page import write_metrics_page
    from app.verbs.metrics.measure import measured_clips
    from quant.files import file_sha256

    began, clips = time.monotonic(), []
    for condition in CONDITIONS:
        for number in range(PROMPTS):
            path = folder / f"{condition}-{number}.flac"
            text = f"{WORDS[number % len(WORDS)]}, number {number}"
            clips.append(Clip(path, file_sha256(path), f"p{number}", text, condition, SEED))
    measured = measured_clips("bench", clips, CONDITIONS, None, METRICS, None, folder / "all", folder)
    write_measured(measured, folder / "all" / "measured.json")
    write_metrics_page(measured, folder / "all")
    whole, processor, alone = time.monotonic() - began, time.process_time(), {}
    for metric in METRICS:
        began = time.monotonic()
        measured = measured_clips("bench", clips, CONDITIONS, None, [metric], None, folder / metric.key, folder)
        if any(cell.value is not None for cell in measured.cells):
            alone[metric.key] = time.monotonic() - began
    print(json.dumps({"all": whole, "processor": processor, "alone": alone}))


def main() -> None:
    """Measure in a process of its own; then compare with what is known."""
    from analysis.metrics.basis.audio import Audio
    from analysis.metrics.paired.visqol import score
    from analysis.metrics.sets.simulated import kernel_bias
    from benchmarks.common.agreement import agreements

    arguments = options(__doc__)
    with tempfile.TemporaryDirectory() as made:
        write_clips(Path(made))
        command = [sys.executable, "-c", f"from benchmarks.measure import *; measure_folder(Path({made!r}))"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
    told = json.loads(said.splitlines()[-1])
    figures = {
        "metrics_100_s": told["all"],
        "metrics_100_cpu_s": told["processor"],
        "metrics_100_gb": usage.ru_maxrss / 1e6,
    }
    notes = {
        "metrics_100_s": "s for all metrics of 100 clips that need no download, page and figures too (target 180)",
        "metrics_100_cpu_s": "s of processor time for it, which a busy machine changes less",
        "metrics_100_gb": "GB at its peak (target 3)",
    }
    for key, seconds in told["alone"].items():
        figures[f"{key}_s"], notes[f"{key}_s"] = seconds, "s alone, its network's loading and hearing too"
    for name, value in agreements().items():
        figures[f"{name}_apart"], notes[f"{name}_apart"] = value * 1e5, "1e-5 apart from its reference (target below 1)"
    noise = np.random.default_rng(SEED).standard_normal((2 * 48_000, 1)).astype(np.float32) / 10
    figures["visqol_self"] = 1e3 * abs(score(Audio(noise, 48_000), Audio(noise, 48_000)) - GOLDEN)
    notes["visqol_self"] = "1e-3 from the golden value of a sound against itself (target below 1)"
    figures["visqol_svr"] = 1e3 * worst_regression()
    notes["visqol_svr"] = "1e-3 from libsvm's values of the same regression (target below 1)"
    mean, error = kernel_bias(DRAWS, SMALL)
    figures["kad_bias"], notes["kad_bias"] = mean / error, "standard errors from 0, 200 draws, n = 30 (target within 1)"
    publish(figures, notes, arguments.json)


def worst_regression() -> float:
    """Give the largest difference of ViSQOL's regression from libsvm, on what its test knows."""
    import importlib

    from analysis.metrics.paired.visqol import regression

    known = importlib.import_module("test_svr").BY_LIBSVM  # on the path since the agreements
    return max(abs(float(regression()(features)) - value) for features, value in known)


if __name__ == "__main__":
    main()
