"""Compare: every peer beside fp32, bf16 and SQD, in the same rounds, on the same inputs and as many threads.

Each is in a process of its own. A few blocks of full width stand for all, and errors are those on the embedded model.
"""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.common.rounds import ROUNDS, in_turn, medians, say
from benchmarks.common.served import Served, ServedError
from benchmarks.common.stable_audio import STEPS, Step, random_model
from benchmarks.engine.fidelity import PROMPTS, SETTINGS, teacher_of
from benchmarks.engine.made import library_dit, with_switches
from benchmarks.peers.plain import Answering, Asked, Peer, Plain
from quant.inspect.teacher import overall, record_teacher, velocity_sqnr
from quant.model.loading import load_model
from quant.rendering.sampling import Sampling

BLOCKS = 4


@dataclass(frozen=True)
class Entry:
    """A peer: the packages it needs, and its ways, of which the fastest takes part."""

    packages: tuple[str, ...]
    ways: tuple[str, ...]


PEERS = {
    "torchao": Entry(("torchao",), ("in_torch:torchao_fp32", "in_torch:torchao_bf16")),
    "quanto": Entry(
        ("optimum.quanto",),
        tuple(f"in_torch:quanto_{kind}_{dtype}" for kind in ("w8", "w8a8") for dtype in ("fp32", "bf16")),
    ),
    "openvino_bf16": Entry(("openvino",), ("in_openvino:openvino_bf16",)),
    "openvino": Entry(("openvino", "nncf"), ("in_openvino:openvino_int8",)),
    "onnxruntime": Entry(("onnxruntime", "onnx", "onnxscript"), ("in_onnxruntime:onnxruntime_int8",)),
}
VERSIONS = ("torchao", "optimum-quanto", "openvino", "nncf", "onnxruntime", "onnx", "onnxscript", "libggml-python")
_WHAT = {
    "torchao": "torchao's int8 dynamic quantization, compiled",
    "quanto": "optimum-quanto, int8",
    "openvino_bf16": "OpenVINO in bf16",
    "openvino": "OpenVINO, int8 by NNCF",
    "onnxruntime": "ONNX Runtime, dynamic int8",
}
_TARGETS = {"torchao": " (target 2.0)", "openvino": " (target 2.3)"}
NOTES = {
    **{f"sqd_vs_{name}": f"SQD-W8A8, 8 groups, against {what}{_TARGETS.get(name, '')}" for name, what in _WHAT.items()},
    **{f"{name}_vs_fp32": f"times as fast as fp32: {what}" for name, what in _WHAT.items()},
    **{f"sqnr_{name}": f"dB, velocity on the embedded model: {what}" for name, what in _WHAT.items()},
}

Figures = tuple[dict[str, float], dict[str, str]]

HERE = "benchmarks.peers.compare"
OWN = ("fp32", "bf16", "sqd", "switching")


def peers(blocks: int = BLOCKS, rounds: int = ROUNDS) -> Figures:
    """Speed of each peer beside ours, and its velocity's SQNR; reasons for those that cannot take part."""
    figures: dict[str, float] = {}
    reasons: dict[str, str] = {}
    with contextlib.ExitStack() as stack:

        def served(place: str, *arguments: object) -> Served:
            made = Served(place, *arguments)
            stack.callback(made.close)
            return made

        contest = {f"own_{kind}": served("benchmarks.engine.made:own", kind, blocks) for kind in OWN}
        ways: dict[str, str] = {}
        for name, entry in PEERS.items():
            try:
                ways[name], contest[name] = entered(name, entry, lambda way: served(f"{HERE}:timed", way, blocks))
            except ServedError as error:
                reasons |= dict.fromkeys((f"sqd_vs_{name}", f"{name}_vs_fp32", f"sqnr_{name}"), str(error))
        say(f"peers: {', '.join(contest)}")
        taken = medians(in_turn({name: one.seconds for name, one in contest.items()}, rounds))
        say("; ".join(f"{who} {value:.3f}" for who, value in taken.items()))
    ours = with_switches(taken["own_sqd"], taken["own_switching"], STEPS)
    errors, why = sqnrs(ways)
    for name in ways:
        figures[f"sqd_vs_{name}"] = taken[name] / ours
        figures[f"{name}_vs_fp32"] = taken["own_fp32"] / taken[name]
    return figures | errors, reasons | why


def sqnrs(ways: Mapping[str, str], settings: Sampling = SETTINGS) -> Figures:
    """Error of each peer, by its name, in the way that it takes part."""
    figures: dict[str, float] = {}
    reasons: dict[str, str] = {}
    say("peers: what the embedded model is asked")
    with tempfile.TemporaryDirectory() as folder:
        recorded = Path(folder) / "recorded.pt"
        record(recorded, settings)
        for name, way in ways.items():
            try:
                figures[f"sqnr_{name}"] = asked_once(f"{HERE}:error_of", way, str(recorded))
                say(f"peers: {way}: {figures[f'sqnr_{name}']:.2f} dB")
            except ServedError as error:
                reasons[f"sqnr_{name}"] = str(error)
    return figures, reasons


def entered(name: str, entry: Entry, served: Callable[[str], Served]) -> tuple[str, Served]:
    """Enter a peer in its fastest way; the others end. ServedError says why it cannot take part."""
    absent = [package for package in entry.packages if not installed(package)]
    if absent:
        raise ServedError(f"{', '.join(absent)} is not installed: see requirements-bench.txt")
    best: tuple[float, str, Served] | None = None
    for way in entry.ways:
        say(f"peers: {way}")
        one = served(way)
        one.seconds()
        mine = one.seconds(), way, one
        loser = mine if best is None or mine[0] >= best[0] else best
        best = mine if best is None or mine[0] < best[0] else best
        if loser is not best:
            loser[2].close()
    assert best, name
    return best[1], best[2]


def installed(package: str) -> bool:
    """Whether a package can be imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # of the package that it lies in
        return False


def asked_once(place: str, *arguments: object) -> float:
    """Have something computed in a process of its own."""
    one = Served(place, *arguments)
    try:
        return float(one.value())
    finally:
        one.close()


def way_of(way: str) -> Peer:
    """The function of a way."""
    module, _, function = way.partition(":")
    found: Peer = getattr(importlib.import_module(f"benchmarks.peers.{module}"), function)
    return found


def timed(way: str, blocks: int) -> Callable[[], object]:
    """One step of a peer, on the inputs that ours have."""
    asked: Sequence[Asked] = [Step(seed).asked for seed in (1, 2, 3)]
    answer = way_of(way)(Plain(library_dit(random_model(blocks, alone=True))), asked)
    return lambda: answer(*asked[0])


def error_of(way: str, recorded: str) -> Callable[[], float]:
    """SQNR of a peer's velocity on the embedded model, calibrated on prompts as ours are, asked others."""
    asked, teacher = torch.load(recorded, weights_only=False)
    answer = way_of(way)(Plain(library_dit(load_model("mini"))), asked)
    return lambda: overall(velocity_sqnr(Answering(answer), teacher))


def record(target: Path, settings: Sampling = SETTINGS) -> None:
    """Keep for every peer what it is calibrated on, ten noise levels of ours, and what it is asked."""
    seen = record_teacher(load_model("mini"), PROMPTS, replace(settings, steps=min(10, settings.steps)))
    calls = [call for run in seen.runs for call in run]
    asked = [(*call.inputs, call.options["cross_attn_cond"], call.options["global_embed"]) for call in calls]
    torch.save((asked, teacher_of(settings)), target)
