"""Fidelity: error of the velocity on the embedded model, on prompts that were not calibrated on."""

import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.common.rounds import say
from quant.engine.convert import quantize_
from quant.inspect.teacher import Teacher, overall, record_teacher, velocity_sqnr
from quant.method.calibration import Calibration
from quant.method.variants import PAPER, VARIANTS, EngineName, Variant
from quant.model.loading import load_model
from quant.rendering.calibrate import calibrate
from quant.rendering.sampling import Sampling

PROMPTS = ("a dog barking", "heavy rain", "a church bell", "a police siren", "a piano", "birds at dawn")
HELD_OUT = ("someone plays the violin", "a car engine idles", "people clap in a hall", "wind in the trees")
SETTINGS = Sampling(steps=50)
NAMES = tuple(name for name in PAPER if VARIANTS[name].scheme is not None)
BOTH = (
    replace(VARIANTS["sqs-w8a8"], range="minmax"),
    VARIANTS["sqd-w8a8"],
    replace(VARIANTS["sqd-lora-w8a8"], lowrank="error"),
)
"""Compared between engines, with settings that mean the same in both: the paper's."""

NOTES = {
    "sqnr_gap_db": "dB, the most that the integer engine is below the reference, W8A8, as the paper (target 0.05)",
    **{f"sqnr_{name.replace('-', '_')}": f"dB, velocity, {name}" for name in NAMES},
}


def calibration_of(settings: Sampling = SETTINGS) -> Calibration:
    """Calibrate the embedded model."""
    with tempfile.TemporaryDirectory() as folder:
        return calibrate(load_model("mini"), PROMPTS, settings, Path(folder) / "calibration.safetensors")


def teacher_of(settings: Sampling = SETTINGS) -> Teacher:
    """Record what the embedded model answers in full precision along runs of the held-out prompts."""
    return record_teacher(load_model("mini"), HELD_OUT, settings)


def fidelity(settings: Sampling = SETTINGS) -> dict[str, float]:
    """Teacher-forced velocity SQNR of each variant, and the integer engine's beside the reference's."""
    say("fidelity: calibrating the embedded model")
    calibration, teacher = calibration_of(settings), teacher_of(settings)

    def sqnr(variant: Variant, engine: EngineName) -> float:
        model = load_model("mini")
        quantize_(model, variant, calibration, engine=engine)
        found = overall(velocity_sqnr(model.dit, teacher))
        say(f"fidelity: {variant.name}, {engine}: {found:.2f} dB")
        return found

    gaps = [sqnr(variant, "reference") - sqnr(variant, "integer") for variant in BOTH]
    found = {f"sqnr_{name.replace('-', '_')}": sqnr(VARIANTS[name], "integer") for name in NAMES}
    return {"sqnr_gap_db": max(gaps), **found}
