"""The integer engine on a GPU: a ladder from fp32 to int8 with a low-rank branch, against two measured floors."""

import gc
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.common.report import options, publish
from benchmarks.common.rounds import say
from benchmarks.common.stable_audio import SECONDS, STEPS, Step, calibrated, random_model, times, write_text_encoder
from benchmarks.engine.made import GROUPS, library_dit, quantized
from quant.engine.integer import IntegerLinear
from quant.engine.registry import ENGINES
from quant.errors import QuantError
from quant.kernels import reference
from quant.kernels.choice import kernels_for
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS, Variant
from quant.model.attention import save_work_
from quant.model.devices import device_named
from quant.model.loading import AudioModel
from quant.rendering.graphs import Graphs
from quant.rendering.sampling import Sampling, sample_batch

BATCHES = (1, 8)
REPEATS = 50
CLIPS = 2
RUNGS = ("fp32", "bf16", "bf16_graph", "unfused", "sqd", "sqd_lora")

KINDS = {
    "ms": "ms a forward pass, both halves of guidance (median)",
    "clip_s": "s: text, 100 steps, decoder (median), batch 1",
    "off": "largest difference of a graph from its kernels launched one by one (target 0)",
    "gb": "GB on the GPU at the peak of a forward pass, the transformer alone",
}
NOTES = {
    **{f"{rung}_b{batch}_{kind}": note for rung in RUNGS for batch in BATCHES for kind, note in KINDS.items()},
    "sqd_vs_fp32": "times as fast as fp32 eager, batch 1 (target 10)",
    "sqd_vs_bf16_b1": "times as fast as bf16 compiled, in a graph, batch 1 (target 1.25)",
    "sqd_vs_bf16_b8": "the same, batch 8 (target 1.5)",
    "lora_percent": "% that the low-rank branch, rank 32, takes on top, batch 1 (target 8)",
    "memory_g1_gb": "GB at the peak, SQD-W8A8, one group (target 1.4)",
    "memory_g8_gb": "GB at the peak, SQD-W8A8, 8 groups resident (target 9.5)",
    "relative_error": "of a layer against the reference where the codes are equal (target 1e-3)",
    "codes_equal": "share of int8 codes of activations and weights that are those of the CPU (target 1)",
    "bandwidth_gb_s": "GB/s, measured: a copy of one gigabyte",
    "int8_tops": "10^12 operations a second, measured: a product of 8192 x 8192 x 8192 codes",
    "floor_bytes_ms": "ms: the weights of W8A8 once over the bandwidth",
    "floor_operations_ms": "ms: the products of batch 1 over the rate",
    "over_floor": "times the larger floor that SQD-W8A8 takes, batch 1",
}


@dataclass
class Timing:
    """Seconds: the median, and the tenth and ninetieth percentile."""

    median: float
    low: float
    high: float


def wait(device: str) -> None:
    """Wait for what the GPU is doing."""
    if device != "cpu":
        torch.cuda.synchronize()


def timed(run: Callable[[], object], device: str, repeats: int = REPEATS) -> Timing:
    """Time calls one by one, each to its end, after one that takes as long as it takes."""
    run()
    taken = []
    for _ in range(repeats):
        wait(device)
        began = time.perf_counter()
        run()
        wait(device)
        taken.append(time.perf_counter() - began)
    tenths = quantiles(taken, n=10, method="inclusive")
    return Timing(tenths[4], tenths[0], tenths[8])


class Contest:
    """One rung after the other on the same model, inputs and device."""

    def __init__(self, model: AudioModel, calibration: Calibration, device: str, graphs: Callable[[Any], Any]) -> None:
        self.model, self.calibration, self.device, self.graphs = model, calibration, device, graphs
        self.first = torch.tensor(times(calibration.sigmas[:1]))
        self.figures: dict[str, float] = {}
        self.spreads: dict[str, str] = {}

    def measure(self, rung: str, batches: tuple[int, ...], graph: bool = True, clips: bool = True) -> None:
        """Measure the model as it stands: forward passes and whole clips, a batch size after the other."""
        network = self.model.wrapper.model
        self.model.wrapper.to(self.device)
        for batch in batches:
            step = Step(batch=batch, device=self.device)
            asked = self.graphs(network) if graph else None

            def forward(step: Step = step, asked: Any = asked) -> Tensor:
                if asked is None:
                    out: Tensor = network(step.x, step.t, **step.conditioning, use_checkpointing=False)
                    return out
                return asked(step.x, step.t, time=self.first, **step.conditioning)

            with torch.no_grad():
                found = timed(forward, self.device)
                self.keep(f"{rung}_b{batch}_ms", found, 1000)
                self.figures[f"{rung}_b{batch}_gb"] = self.peak(forward)
                if asked is not None:
                    self.figures[f"{rung}_b{batch}_off"] = self.off(asked, network, step)
                if clips and batch == 1:
                    taken = timed(lambda a=asked, b=batch: self.clip(a, b), self.device, CLIPS)
                    self.keep(f"{rung}_b{batch}_clip_s", taken)
            del asked
            gc.collect()

    def off(self, asked: Any, network: Any, step: Step) -> float:
        """Largest difference of a graph's result from that of the same kernels launched one by one."""
        given = {**step.conditioning, "x": step.x, "t": step.t}
        found = asked(**given, time=step.t[:1].cpu())
        return float((found - network(**given, use_checkpointing=False)).abs().max())

    def keep(self, name: str, found: Timing, unit: float = 1) -> None:
        """Keep a figure and print its spread."""
        self.figures[name] = found.median * unit
        say(f"{name} {found.median * unit:.3f} ({found.low * unit:.3f} to {found.high * unit:.3f})")

    def peak(self, run: Callable[[], object]) -> float:
        """GB on the GPU at the peak of a forward pass, with the transformer alone there."""
        if self.device == "cpu":
            return 0.0
        others = [
            part for part in (self.model.wrapper.pretransform, self.model.wrapper.conditioner) if part is not None
        ]
        for part in others:
            part.to("cpu")
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        run()
        wait(self.device)
        for part in others:
            part.to(self.device)
        return torch.cuda.max_memory_allocated() / 1e9

    def clip(self, asked: Any, batch: int) -> None:
        """Text, every denoising step, decoder: a batch of clips down to samples on the CPU."""
        prompts = [f"a dog barking, {number}" for number in range(batch)]
        settings = Sampling(steps=STEPS, seconds=SECONDS)
        latents = sample_batch(self.model, prompts, range(batch), settings, network=asked)
        for latent in latents:
            self.model.decode(latent[None].to(self.device)).cpu()


def ladder(contest: Contest, batches: tuple[int, ...] = BATCHES) -> None:
    """From the library's fp32 to int8 with the branch."""
    model, calibration = contest.model, contest.calibration
    saving = model.dit
    say("fp32, the library's own")
    model.wrapper.model.model = library_dit(model)
    contest.measure("fp32", batches, graph=False)
    say("bf16, with the savings")
    model.wrapper.model.model = narrow = library_dit(model).to(torch.bfloat16)
    save_work_(narrow)
    contest.measure("bf16", batches, graph=False)
    say("bf16, compiled, in a graph")
    for block in narrow.transformer.layers:
        block.compile()
    contest.measure("bf16_graph", batches)
    model.wrapper.model.model = saving
    del narrow
    # There it is quantized, too.
    model.wrapper.to(contest.device)
    for rung, name in (("sqd", "sqd-w8a8"), ("sqd_lora", "sqd-lora-w8a8")):
        say(f"int8, {rung}, in a graph")
        with quantized(model, VARIANTS[name], calibration):
            release(model, contest.device)
            contest.measure(rung, batches)
    say("int8, layer by layer, in a graph")
    unfused = replace(ENGINES["integer"], fuse=lambda dit: 0)
    with patch.dict(ENGINES, integer=unfused), quantized(model, VARIANTS["sqd-w8a8"], calibration):
        contest.measure("unfused", batches)


def release(model: AudioModel, device: str) -> None:
    """Let go of the plain codes, as a model does that is loaded from its checkpoint."""
    model.wrapper.to(device)
    for layer in model.dit.modules():
        if isinstance(layer, IntegerLinear):
            layer.release_codes()


def resident(contest: Contest, variant: Variant) -> float:
    """GB at the peak with all groups in memory and captured."""
    with quantized(contest.model, variant, contest.calibration) as made:
        release(made, contest.device)
        network = made.wrapper.model
        step, asked = Step(device=contest.device), contest.graphs(network)
        ends = [torch.tensor([at]) for at in times(contest.calibration.sigmas)]

        def every_group() -> None:
            for at in ends:
                asked(step.x, step.t, time=at, **step.conditioning)

        return contest.peak(every_group)


def agreement(model: AudioModel, device: str) -> tuple[float, float]:
    """Largest relative error of a layer where codes are equal, and the share of codes that are the CPU's."""
    generator = torch.Generator().manual_seed(3)
    kernels, worst, equal, count = kernels_for(torch.device(device)), 0.0, 0, 0
    for layer in model.dit.transformer.layers[0].modules():
        if not isinstance(layer, torch.nn.Linear):
            continue
        weight = layer.weight.detach().float().cpu()
        x = torch.randn(432, weight.shape[1], generator=generator)
        factor = torch.rand(weight.shape[1], generator=generator) + 0.5
        scale = (weight * factor).abs().amax(1, keepdim=True) / 127
        codes = reference.weight_codes(weight, factor, scale)
        there = kernels.weight_codes(weight.to(device), factor.to(device), scale.to(device))
        exact, found = reference.quantize(x, None), kernels.quantize(x.to(device), None)
        for one, other in ((codes, there), (exact.codes, found.codes)):
            equal += int((one == other.cpu().view(torch.int8)).sum())
            count += one.numel()
        ours = kernels.product(found, kernels.pack(there), scale[:, 0].to(device), torch.float32) * found.scale
        theirs = reference.product(exact, codes, scale[:, 0], torch.float32) * exact.scale
        alike = (exact.codes == found.codes.cpu()).all(-1)
        error = (ours.cpu() - theirs)[alike].abs().max() / theirs.abs().max()
        worst = max(worst, float(error))
    return worst, equal / count


def floors(model: AudioModel, device: str) -> dict[str, float]:
    """What the GPU can do at best, measured, and how long it would take for one forward pass at batch 1."""
    source = torch.empty(2**30, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copied = timed(lambda: target.copy_(source), device)
    left, right = (torch.randint(-127, 128, (8192, 8192), dtype=torch.int8, device=device) for _ in range(2))
    multiplied = timed(lambda: torch._int_mm(left, right.mT), device)
    bandwidth, rate = 2 * 2**30 / copied.median, 2 * 8192**3 / multiplied.median
    layers = [layer for layer in model.dit.transformer.layers.modules() if isinstance(layer, torch.nn.Linear)]
    weights = sum(layer.weight.numel() for layer in layers)
    tokens = 2 * (int(SECONDS * 44100 / 2048) + 1)
    return {
        "bandwidth_gb_s": bandwidth / 1e9,
        "int8_tops": rate / 1e12,
        "floor_bytes_ms": weights / bandwidth * 1000,
        "floor_operations_ms": 2 * weights * tokens / rate * 1000,
    }


def conclude(figures: dict[str, float]) -> dict[str, float]:
    """The ratios that are asked for."""
    sqd = figures["sqd_b1_ms"]
    out = {
        "sqd_vs_fp32": figures["fp32_b1_ms"] / sqd,
        "sqd_vs_bf16_b1": figures["bf16_graph_b1_ms"] / sqd,
        "lora_percent": (figures["sqd_lora_b1_ms"] / sqd - 1) * 100,
        "over_floor": sqd / max(figures["floor_bytes_ms"], figures["floor_operations_ms"]),
    }
    if "sqd_b8_ms" in figures:
        out["sqd_vs_bf16_b8"] = figures["bf16_graph_b8_ms"] / figures["sqd_b8_ms"]
    return out


def main() -> None:
    """Measure everything in one run on the first GPU."""
    arguments = options(__doc__)
    try:
        device = device_named("cuda")
    except QuantError as error:
        raise SystemExit(f"earmark bench cuda: needs an NVIDIA GPU ({error})") from error
    with tempfile.TemporaryDirectory() as name, chdir(name):
        write_text_encoder(Path(name))
        say("building the full-size model")
        model = random_model()
        calibration = calibrated(model, Step())
        figures = floors(model, device)
        figures["relative_error"], figures["codes_equal"] = agreement(model, device)
        contest = Contest(model, calibration, device, Graphs)
        ladder(contest)
        figures |= contest.figures
        figures["memory_g1_gb"] = resident(contest, VARIANTS["sqd-w8a8"])
        figures["memory_g8_gb"] = resident(contest, replace(VARIANTS["sqd-w8a8"], groups=GROUPS))
    figures |= conclude(figures)
    publish({key: figures[key] for key in NOTES if key in figures}, NOTES, arguments.json)


if __name__ == "__main__":
    main()
