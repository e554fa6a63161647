"""The integer engine on the CPU: speed, memory and file size at full size, and error on the embedded model."""

import contextlib
import copy
import gc
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from benchmarks.common.report import options, publish
from benchmarks.common.stable_audio import STEPS, Step, calibrated, random_model, times, write_text_encoder
from quant.engine.checkpoint import save_checkpoint
from quant.engine.convert import quantize_
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS, Variant
from quant.model.loading import AudioModel, load_model
from quant.rendering.sampling import Sampling, sample

ROUNDS = 5
GROUPS = 8
PROMPTS = ("a dog barking", "heavy rain", "a church bell", "a police siren", "a piano", "birds at dawn")
HELD_OUT = "someone plays the violin"

NOTES = {
    "fp32_s": "s a forward pass, the library's own, fp32 (median)",
    "bf16_s": "s, the same in bf16, with the exact savings",
    "sqs_vs_fp32": "times as fast as fp32: SQS-W8A8 (target 4.0)",
    "sqd_vs_fp32": "SQD-W8A8, 8 groups, switches included (target 3.8)",
    "sqd_lora_vs_fp32": "SQD+LoRA-W8A8, rank 32, 8 groups (target 3.5)",
    "sqd_exact_vs_fp32": "SQD-W8A8, a group per step (target 3.0)",
    "sqd_vs_bf16": "SQD-W8A8, 8 groups, against the bf16 baseline (target 1.5)",
    "sqd_vs_sqs": "SQD-W8A8, 8 groups, against SQS (at least 0.9)",
    "sqd_vs_torchao": "against torchao's int8 dynamic quantization, compiled (over 1.0)",
    "sqd_vs_quanto": "against optimum-quanto, int8 (over 1.0)",
    "peak_rss_gb": "GB, a process that renders a clip with W8A8 (target 2.5)",
    "calibration_min_per_prompt": "minutes to calibrate on one prompt, 100 steps",
    "size_w8a8_gb": "GB, checkpoint, one group (target 1.40)",
    "size_w8a8_lora_gb": "GB (target 1.46)",
    "size_w4a8_gb": "GB (target 0.88)",
    "size_w4a8_lora_gb": "GB (target 1.00)",
    "size_w8a8_8_groups_gb": "GB, with the 16-bit weight that more than one group needs",
    "sqnr_gap_db": "dB, the most that the integer engine is below the reference, W8A8 (target 0.5)",
    "sqnr_sqs_w4a8": "dB, velocity, SQS-W4A8",
    "sqnr_sqd_w4a8": "dB, SQD-W4A8",
    "sqnr_sqd_lora_w4a8": "dB, SQD+LoRA-W4A8",
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


def say(text: str) -> None:
    """Tell what is being measured, on the standard error."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def seconds(run: Callable[[], object]) -> float:
    """Time one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def side_by_side(contestants: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Run the contestants in turn, round after round, so that a drift of the machine meets all; medians."""
    for run in contestants.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            taken[name].append(seconds(run))
    return {name: median(values) for name, values in taken.items()}


@contextlib.contextmanager
def quantized(model: AudioModel, variant: Variant, calibration: Calibration) -> Iterator[AudioModel]:
    """Have ``model`` with a quantized transformer for a while; the full-precision one comes back afterwards."""
    original = model.dit
    shared = {id(value): value for value in [*original.parameters(), *original.buffers()]}
    model.wrapper.model.model = copy.deepcopy(original, shared)
    try:
        quantize_(model, variant, calibration)
        yield model
    finally:
        model.wrapper.model.model = original
        gc.collect()


def library_dit(model: AudioModel) -> nn.Module:
    """Build the library's own transformer, without the savings, over the same weights."""
    from benchmarks.common.stable_audio import CONFIG
    from quant.model import upstream

    with torch.device("meta"):
        dit = upstream.stable_audio_tools("models.dit").DiffusionTransformer(
            **CONFIG["model"]["diffusion"]["config"], diffusion_objective="v"
        )
    dit.load_state_dict(model.dit.state_dict(), assign=True)
    return dit.eval().requires_grad_(False)


def speeds(model: AudioModel, calibration: Calibration, step: Step) -> dict[str, float]:
    """Compare every variant with the library's fp32 and with bf16 in the same rounds."""
    fp32 = library_dit(model)
    bf16 = copy.deepcopy(model.dit).to(torch.bfloat16)
    figures: dict[str, list[float]] = {"fp32_s": [], "bf16_s": []}

    def compete(name: str, run: Callable[[], object]) -> dict[str, float]:
        say(name)
        taken = side_by_side({"fp32": lambda: step.run(fp32), "bf16": lambda: step.run(bf16), name: run})
        say(", ".join(f"{who} {value:.3f} s" for who, value in taken.items()))
        figures["fp32_s"].append(taken["fp32"])
        figures["bf16_s"].append(taken["bf16"])
        return taken

    out: dict[str, float] = {}
    with quantized(model, VARIANTS["sqs-w8a8"], calibration) as made:
        taken = compete("sqs", lambda: step.run(made.dit))
        out["sqs_vs_fp32"] = taken["fp32"] / taken["sqs"]
    at = times(calibration.sigmas)
    for name, variant in (
        ("sqd", replace(VARIANTS["sqd-w8a8"], groups=GROUPS)),
        ("sqd_lora", replace(VARIANTS["sqd-lora-w8a8"], groups=GROUPS)),
    ):
        with quantized(model, variant, calibration) as made:
            within = compete(name, lambda made=made: step.run(made.dit, at[0]))
            ends = cycle((at[-1], at[0]))
            switch = compete(f"{name}, switching groups", lambda made=made, ends=ends: step.run(made.dit, next(ends)))
            relative = within[name] / within["fp32"]
            switched = switch[f"{name}, switching groups"] / switch["fp32"]
            step_cost = relative + (switched - relative) * GROUPS / STEPS
            out[f"{name}_vs_fp32"] = 1 / step_cost
            if name == "sqd":
                out["sqd_vs_bf16"] = within["bf16"] / within["fp32"] / step_cost
                out["sqd_vs_sqs"] = 1 / step_cost / out["sqs_vs_fp32"]
    with quantized(model, replace(VARIANTS["sqd-w8a8"], groups=STEPS), calibration) as made:
        turns = cycle(at)
        taken = compete("sqd, a group per step", lambda: step.run(made.dit, next(turns)))
        out["sqd_exact_vs_fp32"] = taken["fp32"] / taken["sqd, a group per step"]
    for name, peer in (("torchao", torchao_peer), ("quanto", quanto_peer)):
        run = peer(model, step)
        if run is None:
            say(f"{name} is not installed: see requirements-bench.txt")
            continue
        taken = compete(name, run)
        out[f"sqd_vs_{name}"] = taken[name] / taken["fp32"] * out["sqd_vs_fp32"]
        del run
        gc.collect()
    return {name: median(values) for name, values in figures.items()} | out


def torchao_peer(model: AudioModel, step: Step) -> Callable[[], object] | None:
    """Quantize the same transformer with torchao and compile its blocks; the faster of fp32 and bf16 runs."""
    if importlib.util.find_spec("torchao") is None:
        return None
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    def made(dtype: torch.dtype) -> Callable[[], object]:
        dit = copy.deepcopy(library_dit(model)).to(dtype)
        quantize_(dit.transformer.layers, Int8DynamicActivationInt8WeightConfig())
        for block in dit.transformer.layers:
            block.compile()
        return lambda: step.run(dit)

    return fastest([made(torch.float32), made(torch.bfloat16)])


def quanto_peer(model: AudioModel, step: Step) -> Callable[[], object] | None:
    """Quantize the same transformer with optimum-quanto; the fastest of int8 with and without activations runs.

    Activations of the fused projections stay as they are: quanto cannot split the quantized result of one.
    """
    if importlib.util.find_spec("optimum") is None:
        return None
    from optimum.quanto import Calibration as Observed
    from optimum.quanto import freeze, qint8, quantize

    fused = ["*to_qkv", "*to_kv"]

    def made(dtype: torch.dtype, activations: bool) -> Callable[[], object]:
        dit = copy.deepcopy(library_dit(model)).to(dtype)
        if activations:
            quantize(dit.transformer.layers, weights=qint8, activations=qint8, exclude=fused)
            quantize(dit.transformer.layers, weights=qint8, include=fused)
            with Observed():
                step.run(dit)
        else:
            quantize(dit.transformer.layers, weights=qint8)
        freeze(dit.transformer.layers)
        return lambda: step.run(dit)

    return fastest([made(dtype, a) for dtype in (torch.float32, torch.bfloat16) for a in (True, False)])


def fastest(runs: list[Callable[[], object]]) -> Callable[[], object]:
    """The fastest of several ways to run a peer."""
    taken = side_by_side({str(index): run for index, run in enumerate(runs)}, rounds=2)
    return runs[int(min(taken, key=lambda index: taken[index]))]


def sizes_and_memory(model: AudioModel, calibration: Calibration, folder: Path) -> dict[str, float]:
    """Write the checkpoints and render a clip from one in a process of its own."""
    out: dict[str, float] = {}
    for name, variant in (
        ("size_w8a8_gb", VARIANTS["sqd-w8a8"]),
        ("size_w8a8_lora_gb", VARIANTS["sqd-lora-w8a8"]),
        ("size_w4a8_gb", VARIANTS["sqd-w4a8"]),
        ("size_w4a8_lora_gb", VARIANTS["sqd-lora-w4a8"]),
        ("size_w8a8_8_groups_gb", replace(VARIANTS["sqd-w8a8"], groups=GROUPS)),
    ):
        say(name)
        path = folder / "checkpoint.safetensors"
        with quantized(model, variant, calibration) as made:
            save_checkpoint(path, made, variant, alpha=0.5, calibration_sha256="", made_by="benchmark")
        out[name] = path.stat().st_size / 1e9
        if name == "size_w8a8_gb":
            say("peak_rss_gb")
            command = [sys.executable, "-c", CLIP, str(path)]
            root = str(Path(__file__).parent.parent)
            environment = {**os.environ, "PYTHONPATH": root}
            ended = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
            out["peak_rss_gb"] = float(ended.stdout.split()[-1])
        path.unlink()
    return out


def velocity_errors() -> dict[str, float]:
    """Teacher-forced velocity SQNR on the embedded model, for a prompt that was not calibrated on."""
    from quant.rendering.calibrate import calibrate

    settings = Sampling(steps=50)
    base = load_model("mini")
    with tempfile.TemporaryDirectory() as folder:
        calibration = calibrate(base, PROMPTS, settings, Path(folder) / "calibration.safetensors")
    inputs: list[tuple[Any, Any]] = []
    velocities: list[torch.Tensor] = []
    hooks = [
        base.dit.register_forward_pre_hook(lambda _, args, kwargs: inputs.append((args, kwargs)), with_kwargs=True),
        base.dit.register_forward_hook(lambda _, args, out: velocities.append(out.clone())),
    ]
    sample(base, HELD_OUT, 7, settings)
    for hook in hooks:
        hook.remove()

    @torch.no_grad()
    def sqnr(name: str, engine: str) -> float:
        model = load_model("mini")
        quantize_(model, VARIANTS[name], calibration, engine=engine)
        error = sum(float(((model.dit(*a, **k) - v) ** 2).sum()) for (a, k), v in zip(inputs, velocities, strict=True))
        power = sum(float((v**2).sum()) for v in velocities)
        return float(10 * torch.log10(torch.tensor(power / error)))

    say("mini")
    names = ("sqs-w8a8", "sqd-w8a8", "sqd-lora-w8a8")
    gaps = [sqnr(name, "reference") - sqnr(name, "integer") for name in names]
    return {
        "sqnr_gap_db": max(gaps),
        "sqnr_sqs_w4a8": sqnr("sqs-w4a8", "integer"),
        "sqnr_sqd_w4a8": sqnr("sqd-w4a8", "integer"),
        "sqnr_sqd_lora_w4a8": sqnr("sqd-lora-w4a8", "integer"),
    }


def main() -> None:
    """Measure everything in one run, with two threads at most."""
    arguments = options(__doc__)
    torch.set_num_threads(min(2, torch.get_num_threads()))
    figures = velocity_errors()
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        write_text_encoder(folder)
        say("building the full-size model")
        model, step = random_model(), Step()
        calibration = calibrated(model, step)
        figures |= speeds(model, calibration, step)
        figures["calibration_min_per_prompt"] = figures["fp32_s"] * STEPS / 60
        figures |= sizes_and_memory(model, calibration, folder)
    publish({key: figures[key] for key in NOTES if key in figures}, NOTES, arguments.json)


if __name__ == "__main__":
    main()
