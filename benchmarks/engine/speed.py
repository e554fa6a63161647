"""Speed at full size: every variant in the same rounds as fp32, beside what the processor can do at best."""

import copy
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.common.peak import peaks
from benchmarks.common.rounds import ROUNDS, in_turn, medians, say, seconds
from benchmarks.common.stable_audio import BLOCKS, STEPS, Step, calibrated, random_model, times
from benchmarks.engine.made import GROUPS, library_dit, quantized_dit, with_switches
from quant.engine.integer import IntegerLinear
from quant.engine.reference import linear_layers
from quant.method.variants import VARIANTS, Variant
from quant.model.loading import AudioModel

SQS, SQD, LORA = (VARIANTS[name] for name in ("sqs-w8a8", "sqd-w8a8", "sqd-lora-w8a8"))

NOTES = {
    "fp32_s": "s a forward pass, the library's own, fp32 (median)",
    "bf16_s": "s, the same in bf16, with the exact savings",
    "sqs_s": "s, SQS-W8A8",
    "sqd_s": "s, SQD-W8A8, 8 groups in 100 steps, switches included",
    "sqs_vs_fp32": "times as fast as fp32: SQS-W8A8 (target 9)",
    "sqd_vs_fp32": "SQD-W8A8, 8 groups, switches included (target 9)",
    "sqd_lora_vs_fp32": "SQD+LoRA-W8A8, rank 32, 8 groups (target 8.3)",
    "sqd_exact_vs_fp32": "SQD-W8A8, a group per step (target 6.5)",
    "sqd_vs_bf16": "SQD-W8A8, 8 groups, against bf16 with the exact savings (target 2.3)",
    "peak_int8_tops": "10^12 int8 operations a second from registers, in the same rounds: the processor's peak",
    "peak_read_gb_s": "GB a second read from memory, in the same rounds",
    "floor_s": "s, int8 products at that peak, or the weights read once, whichever is longer",
    "sqd_share_of_peak": "% of the peak that SQD-W8A8's products are, were all its time theirs",
}


def speeds(blocks: int = BLOCKS, rounds: int = ROUNDS) -> dict[str, float]:
    """Compare every variant with fp32 in the same rounds, in two contests: all at once would not fit the memory."""
    say(f"speed: building a transformer of {blocks} blocks")
    model, step = random_model(blocks, alone=True), Step()
    calibration = calibrated(model, step)
    ends = times(calibration.sigmas)
    fp32 = library_dit(model)

    def steps(dit: nn.Module, before: float = ends[0]) -> Callable[[], float]:
        def run() -> float:
            step.run(dit, before)  # in a clip each step finds the caches as the one before it left them
            return seconds(lambda: step.run(dit, ends[0]))

        return run

    def both_ways(variant: Variant, name: str) -> dict[str, Callable[[], float]]:
        """Have a contestant run within a group of timesteps, and with a new group each time."""
        dit = made(variant)
        return {name: steps(dit), f"{name}_switching": steps(dit, ends[-1])}

    def made(variant: Variant) -> nn.Module:
        say(f"speed: quantizing {variant.name}, groups of timesteps: {variant.groups}")
        dit = quantized_dit(model, variant, calibration)
        for layer in dit.modules():
            if isinstance(layer, IntegerLinear):
                layer.release_codes()
        return dit

    def contest(contestants: dict[str, Callable[[], float]]) -> dict[str, float]:
        say(f"speed: fp32, {', '.join(contestants)}")
        taken = in_turn({"fp32": steps(fp32), **contestants}, rounds)
        say("; ".join(f"{who} {' '.join(f'{value:.3f}' for value in values)}" for who, values in taken.items()))
        return medians(taken)

    first = contest(
        {
            "bf16": steps(copy.deepcopy(model.dit).to(torch.bfloat16)),
            "sqs": steps(made(SQS)),
            **both_ways(replace(SQD, groups=GROUPS), "sqd"),
            **peaks(),
        }
    )
    second = contest(
        {
            **both_ways(replace(LORA, groups=GROUPS), "lora"),
            "exact": steps(made(replace(SQD, groups=STEPS)), ends[-1]),
        }
    )
    return concluded(first, second, *work(model, step))


def work(model: AudioModel, step: Step) -> tuple[float, float]:
    """Operations of the products of a forward pass, a multiplication and an addition as two; bytes of int8 weights."""
    counted: list[int] = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, nn.Linear)
        counted.append(2 * inputs[0].numel() * layer.out_features)

    layers = list(linear_layers(model.dit).values())
    step.run(model.dit)  # a prompt's first step makes keys and values of its text, which no other does
    hooks = [layer.register_forward_pre_hook(count) for layer in layers]
    step.run(model.dit)
    for hook in hooks:
        hook.remove()
    return float(sum(counted)), float(sum(layer.weight.numel() for layer in layers))


def concluded(first: dict[str, float], second: dict[str, float], operations: float, weights: float) -> dict[str, float]:
    """The figures: each contestant by fp32 of its own rounds; shares of the peak by that of the same rounds."""
    sqd = with_switches(first["sqd"], first["sqd_switching"], STEPS)
    lora = with_switches(second["lora"], second["lora_switching"], STEPS)
    out = {
        "fp32_s": first["fp32"],
        "bf16_s": first["bf16"],
        "sqs_s": first["sqs"],
        "sqd_s": sqd,
        "sqs_vs_fp32": first["fp32"] / first["sqs"],
        "sqd_vs_fp32": first["fp32"] / sqd,
        "sqd_lora_vs_fp32": second["fp32"] / lora,
        "sqd_exact_vs_fp32": second["fp32"] / second["exact"],
        "sqd_vs_bf16": first["bf16"] / sqd,
    }
    if "peak_int8_tops" in first:
        rate, read = first["peak_int8_tops"] * 1e12, first["peak_read_gb_s"] * 1e9
        out |= {name: first[name] for name in ("peak_int8_tops", "peak_read_gb_s")}
        out["floor_s"] = max(operations / rate, weights / read)
        out["sqd_share_of_peak"] = operations / sqd / rate * 100
    return out
