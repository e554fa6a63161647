"""Ask whether the embedded model makes the sounds that it is asked for: ``python -m quant.mini.tagger``.

The listener, which never heard a clip of the model, names the class of clips that the model makes with the study's
default sampler: five seeds for each class, each with another wording. It prints the confusion table, the top-1 figure
and how far clips agree with their own wording and with those of other classes, of the full-precision model or, with
``--variant``, of a quantized one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from quant.engine.convert import quantize_
from quant.method.variants import variant_named
from quant.mini import sounds
from quant.mini.listener import Listener, load_listener
from quant.model.loading import AudioModel, load_model
from quant.rendering.calibrate import calibrate
from quant.rendering.clips import render
from quant.rendering.sampling import Sampling

NAMES = [sound.name for sound in sounds.SOUNDS]
CALIBRATION = Path(__file__).parent.parent / "calibration_prompts.txt"
CALIBRATED_ON = 16


@dataclass(frozen=True)
class Rendered:
    """A clip: samples (samples, channels) float32 and their rate."""

    samples: NDArray[np.float32]
    rate: int


@dataclass(frozen=True)
class Heard:
    """What the listener heard in clips of every class.

    Parameters
    ----------
    table
        How many clips, (asked class, named class).
    agreements
        Cosines (clips, classes) with the wording of the same seed of each class.
    asked
        The class that each clip was asked for, (clips,).
    """

    table: NDArray[np.int64]
    agreements: NDArray[np.float32]
    asked: NDArray[np.int64]

    def figures(self) -> dict[str, float]:
        """Top-1 and mean agreement, matched and mismatched, and the rate at which the own wording agrees best."""
        own = self.asked[:, None] == np.arange(len(NAMES))
        return {
            "tagger_top1": float(self.table.diagonal().sum() / self.table.sum()),
            "agreement_matched": float(self.agreements[own].mean()),
            "agreement_mismatched": float(self.agreements[~own].mean()),
            "agreement_r1": float((self.agreements.argmax(1) == self.asked).mean()),
        }


def listen(listener: Listener, seeds: range, clip: Callable[[str, int], Rendered]) -> Heard:
    """Hear the clips of every class and seed, which ``clip`` gives by wording and seed."""
    table, agreements, asked = np.zeros((len(NAMES), len(NAMES)), dtype=np.int64), [], []
    with tqdm(total=len(NAMES) * len(seeds), desc="clips", unit="clip") as bar:
        for seed in seeds:
            wordings = [sound.phrases[seed % len(sound.phrases)] for sound in sounds.SOUNDS]
            texts = listener.read(wordings)
            for row, wording in enumerate(wordings):
                heard = listener.hear(clip(wording, seed))
                table[row, int(heard["probabilities"].argmax())] += 1
                agreements.append(texts @ heard["embedding"])
                asked.append(row)
                bar.update()
    return Heard(table, np.stack(agreements), np.array(asked))


def quantized(model: AudioModel, name: str, settings: Sampling, work: Path) -> AudioModel:
    """Quantize a model by the variant of this name, calibrated on the first prompts of the calibration list."""
    prompts = CALIBRATION.read_text(encoding="utf-8").splitlines()[:CALIBRATED_ON]
    work.mkdir(parents=True, exist_ok=True)
    quantize_(model, variant_named(name), calibrate(model, prompts, settings, work / "calibration.safetensors"))
    return model


def printed(heard: Heard) -> list[str]:
    """The confusion table and the figures, as lines."""
    lines = [f"{'asked':>12}  right  named instead"]
    for row, name in enumerate(NAMES):
        counts = heard.table[row]
        others = ", ".join(f"{NAMES[i]} {counts[i]}" for i in np.argsort(-counts) if i != row and counts[i])
        lines.append(f"{name:>12}  {counts[row]}/{counts.sum()}    {others}")
    return [*lines, "", *(f"{name}: {value:.3f}" for name, value in heard.figures().items())]


def main() -> None:
    """Render the clips, print the table."""
    parser = argparse.ArgumentParser(prog="python -m quant.mini.tagger", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(".work/mini"), help="folder for the calibration")
    parser.add_argument("--variant", help="quantize the model so, such as sqs-w4a8")
    parser.add_argument("--seeds", type=int, default=5, help="clips a class")
    parser.add_argument("--steps", type=int, default=Sampling().steps)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    settings = Sampling(steps=arguments.steps)
    model = load_model("mini")
    if arguments.variant:
        model = quantized(model, arguments.variant, settings, arguments.work)

    def clip(wording: str, seed: int) -> Rendered:
        samples = torch.from_numpy(render(model, wording, seed, settings)).float() / 32768
        return Rendered(samples.numpy(), model.sample_rate)

    heard = listen(load_listener(), range(1000, 1000 + arguments.seeds), clip)
    print("\n".join(printed(heard)))
    if arguments.json:
        found = {"figures": heard.figures(), "confusion": heard.table.tolist(), "classes": NAMES}
        arguments.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
