"""Clips of the embedded model rendered several at once: how many times as fast as one at a time, on two cores."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import torch

from benchmarks.common.report import options, publish
from quant.engine.convert import quantize_
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS
from quant.model.loading import AudioModel, load_model
from quant.rendering.calibrate import calibrate
from quant.rendering.clips import render, render_batch, to_pcm
from quant.rendering.sampling import Sampling, sample

ROUNDS, CLIPS, CORES = 5, 4, 2
SETTINGS = Sampling()
NAMES = ("baseline", "sqs-w8a8", "sqd-w8a8", "sqd-lora-w8a8")
PROMPTS = ("a dog barking", "heavy rain", "a church bell", "a police siren")

NOTES = {
    figure: text
    for name in NAMES
    for figure, text in (
        (f"batch_{name}_x", "times as fast as one at a time, the faster of the two ways below (target 1.4)"),
        (f"batch_{name}_all_cores_x", "than one at a time with all cores, the median of the rounds' ratios"),
        (f"batch_{name}_one_core_x", "than one at a time on one core, the median of the rounds' ratios"),
        (f"batch_{name}_s", "s a clip, several at once (median)"),
    )
}


@contextlib.contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Add the seconds a clip takes to a list."""
    began = time.perf_counter()
    yield
    into.append((time.perf_counter() - began) / CLIPS)


def measured(model: AudioModel, settings: Sampling, rounds: int) -> dict[str, list[float]]:
    """Render the same clips in three ways, round after round, so that a drift of the machine meets all."""
    seeds = range(CLIPS)
    taken: dict[str, list[float]] = {"batch": [], "all_cores": [], "one_core": []}
    # The sampler's noise is drawn before, and kept for all three.
    apart: Sequence[bytes] = [render(model, prompt, 0, settings).tobytes() for prompt in PROMPTS]
    for _ in range(rounds):
        with timed(taken["batch"]):
            together = render_batch(model, PROMPTS, [0 for _ in seeds], settings)
        assert [one.tobytes() for one in together] == apart
        with timed(taken["all_cores"]):
            for prompt in PROMPTS:
                to_pcm(model.decode(sample(model, prompt, 0, settings))[0].numpy().T)
        with timed(taken["one_core"]):
            for prompt in PROMPTS:
                render(model, prompt, 0, settings)
    return taken


def main(settings: Sampling = SETTINGS, rounds: int = ROUNDS, names: Sequence[str] = NAMES) -> None:
    """Measure each variant, its three ways side by side."""
    arguments = options(__doc__)
    torch.set_num_threads(CORES)
    figures: dict[str, float] = {}
    calibration: Calibration
    with tempfile.TemporaryDirectory() as folder:
        short = Sampling(steps=min(20, settings.steps))
        calibration = calibrate(load_model("mini"), PROMPTS[:2], short, Path(folder) / "calibration.safetensors")
    for name in names:
        model = load_model("mini")
        if VARIANTS[name].scheme is not None:
            quantize_(model, VARIANTS[name], calibration)
        taken = measured(model, settings, rounds)
        for way in ("all_cores", "one_core"):
            ratios = [alone / batch for alone, batch in zip(taken[way], taken["batch"], strict=True)]
            figures[f"batch_{name}_{way}_x"] = median(ratios)
        figures[f"batch_{name}_x"] = min(figures[f"batch_{name}_{way}_x"] for way in ("all_cores", "one_core"))
        figures[f"batch_{name}_s"] = median(taken["batch"])
        print(name, {way: [round(value, 3) for value in values] for way, values in taken.items()}, file=sys.stderr)
    publish({key: figures[key] for key in NOTES if key in figures}, NOTES, arguments.json)


if __name__ == "__main__":
    main()
