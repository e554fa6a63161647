"""Held: int8 against fp32 where a process is held to fewer instructions, as those processors have that most people own.

A few blocks of full width stand for all: every block does the same.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import cycle
from unittest.mock import patch

import torch

from benchmarks.common.rounds import ROUNDS, say, side_by_side
from benchmarks.common.served import Served, ServedError
from benchmarks.common.stable_audio import STEPS, Step, calibrated, random_model, times
from benchmarks.engine.made import GROUPS, library_dit, quantized_dit, with_switches
from quant.kernels import cpu, paths
from quant.method.variants import VARIANTS

BLOCKS = 8  # what lies outside them counts in fewer for more than in the whole model


@dataclass(frozen=True)
class Hold:
    """What a process is held to: by which variables, what the processor must have, and how it must then multiply."""

    needs: str
    path: str
    variables: dict[str, str] = field(default_factory=dict)
    forced: bool = False


_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
HOLDS = {
    "avx2_vs_fp32": Hold("avx2", "avx2", _AVX2),
    "avx_vnni_vs_fp32": Hold("avx_vnni", "avx_vnni", {**_AVX2, "ONEDNN_MAX_CPU_ISA": "AVX2_VNNI"}),
    "half_vnni_vs_fp32": Hold("avx512_vnni", "half_vnni", _AVX2, forced=True),
    "avx512_vs_fp32": Hold("avx512_f", "avx2", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}),
    "avx512_vnni_vs_fp32": Hold("avx512_vnni", "avx512_vnni", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}),
}

NOTES = {
    "avx2_vs_fp32": "SQD-W8A8, 8 groups, against fp32, both held to AVX2 (target 2)",
    "avx_vnni_vs_fp32": "the same, both held to AVX-VNNI (target 3)",
    "half_vnni_vs_fp32": "the products for AVX-VNNI in half of AVX512-VNNI, where there is no other, fp32 held to AVX2",
    "avx512_vs_fp32": "the same, both held to AVX512 without VNNI",
    "avx512_vnni_vs_fp32": "the same, both held to AVX512-VNNI",
}

Figures = tuple[dict[str, float], dict[str, str]]


def held(blocks: int = BLOCKS, rounds: int = ROUNDS) -> Figures:
    """Times as fast as fp32 for each hold, and the reasons of those that cannot be measured here."""
    figures, reasons, has = {}, {}, torch.cpu.get_capabilities()
    for name, hold in HOLDS.items():
        if not has.get(hold.needs):
            reasons[name] = f"this processor has no {hold.needs}"
            continue
        try:
            said = asked(hold, blocks, rounds)
        except ServedError as error:
            reasons[name] = str(error)
            continue
        say(f"held: {name}: " + ", ".join(f"{who} {value}" for who, value in said.items()))
        if said["path"] == hold.path:
            figures[name] = float(said["times"])
        else:
            reasons[name] = f"held to it, codes are multiplied as {said['path']}"
    return figures, reasons


def asked(hold: Hold, blocks: int, rounds: int) -> dict[str, str]:
    """Measure in a process of its own."""
    served = Served(
        "benchmarks.engine.held:contest", blocks, rounds, hold.path if hold.forced else "", held=hold.variables
    )
    try:
        return dict(served.value())
    finally:
        served.close()


def contest(blocks: int, rounds: int, forced: str) -> Callable[[], dict[str, str]]:
    """Compare SQD with fp32 as this process is held; ``forced`` names products that only tests choose otherwise."""

    def run() -> dict[str, str]:
        with ExitStack() as stack:
            for module in (paths, cpu) if forced else ():
                stack.enter_context(patch.object(module, "method", lambda: forced))
            model, step = random_model(blocks, alone=True), Step()
            calibration = calibrated(model, step)
            fp32 = library_dit(model)
            sqd = quantized_dit(model, replace(VARIANTS["sqd-w8a8"], groups=GROUPS), calibration)
            ends = times(calibration.sigmas)
            turns = cycle((ends[-1], ends[0]))
            taken = side_by_side(
                {
                    "fp32": lambda: step.run(fp32),
                    "within": lambda: step.run(sqd, ends[0]),
                    "switching": lambda: step.run(sqd, next(turns)),
                },
                rounds,
            )
            ours = with_switches(taken["within"], taken["switching"], STEPS)
            return {"path": cpu.method(), "times": f"{taken['fp32'] / ours:.4f}", "fp32_s": f"{taken['fp32']:.4f}"}

    return run
