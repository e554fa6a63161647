"""Sensitivity: which layers quantization hurts, at which noise levels, and what groups of timesteps gain and cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from quant.engine.checkpoint import stored
from quant.engine.convert import checked_layers, quantize_, quantized_layer
from quant.engine.convert import replace as put
from quant.engine.layer import QuantizedLinear, Site
from quant.engine.reference import linear_layers
from quant.errors import VariantError
from quant.inspect.teacher import Call, Teacher, pooled_sqnr, replay, velocity_sqnr
from quant.method.calibration import Calibration
from quant.method.grouping import group_steps
from quant.method.timesteps import STEP_NAME, CurrentStep
from quant.method.variants import Variant
from quant.model.loading import AudioModel


@dataclass(frozen=True)
class Sensitivity:
    """What quantizing some layers alone does: the SQNR in dB at each noise level, float64 (rows,).

    ``name`` is that of a layer or of a kind of layer, ``layers`` and ``weights`` count what is quantized.

    Examples
    --------
    >>> Sensitivity("ff.ff.2", layers=1, weights=4, sqnr=torch.tensor([20.0], dtype=torch.float64)).noise
    0.01
    """

    name: str
    layers: int
    weights: int
    sqnr: Tensor

    @property
    def noise(self) -> float:
        """Noise over signal, the mean over the noise levels."""
        return float((10 ** (-self.sqnr / 10)).mean())


@dataclass(frozen=True)
class Frontier:
    """A variant with ``groups`` groups of timesteps, 0 for full precision.

    ``sqnr``: dB at each noise level, float64 (rows,). ``memory`` and ``disk``: bytes of the blocks' linear layers as
    they are kept ready to compute, and in a checkpoint. ``milliseconds``: of one step, over a whole run.

    Examples
    --------
    >>> Frontier("baseline", 0, torch.tensor([torch.inf]), memory=400, disk=400, milliseconds=1.5).milliseconds
    1.5
    """

    variant: str
    groups: int
    sqnr: Tensor
    memory: int
    disk: int
    milliseconds: float


def layer_kind(name: str) -> str:
    """What a layer is called in its block, as ``Variant.keep`` takes it: ``ff.ff.2``, ``self_attn.to_qkv``.

    Examples
    --------
    >>> layer_kind("transformer.layers.3.self_attn.to_qkv")
    'self_attn.to_qkv'
    """
    return name.split(".", 3)[-1]


def layer_block(name: str) -> int:
    """Number of the block that a layer is in, from 0.

    Examples
    --------
    >>> layer_block("transformer.layers.3.self_attn.to_qkv")
    3
    """
    return int(name.split(".", 3)[2])


def ranked(found: Iterable[Sensitivity]) -> list[Sensitivity]:
    """Sort what hurts most first.

    Examples
    --------
    >>> found = [Sensitivity(f"transformer.layers.{block}.ff.ff.2", 1, 4, torch.tensor([sqnr], dtype=torch.float64))
    ...          for block, sqnr in enumerate((30.0, 20.0))]
    >>> [layer_block(one.name) for one in ranked(found)]
    [1, 0]
    """
    return sorted(found, key=lambda one: one.noise, reverse=True)


@torch.no_grad()
def layer_sensitivity(
    model: AudioModel,
    calibration: Calibration,
    variant: Variant,
    teacher: Teacher,
    alpha: float | None = 0.5,
    progress: Callable[[int], None] = lambda calls: None,
) -> list[Sensitivity]:
    """Quantize each layer alone, all others in full precision; ranked, the layer that hurts most first.

    ``model`` is in full precision and is left as it was.

    Parameters
    ----------
    alpha
        Smoothing strength of equation (3).
    progress
        Called with the DiT's calls made since it was called last.

    Raises
    ------
    CalibrationError
        If the calibration was made for another model.
    VariantError
        If ``variant`` is full precision.

    Examples
    --------
    >>> from quant.inspect.teacher import record_teacher
    >>> from quant.model.loading import load_model
    >>> from quant.rendering.sampling import Sampling
    >>> from pathlib import Path
    >>> from quant.method.variants import VARIANTS
    >>> from quant.rendering.calibrate import calibrate
    >>> model, settings = load_model("mini"), Sampling(steps=2, seconds=1.0)
    >>> calibration = calibrate(model, ["rain"], settings, Path("calibration.safetensors"))
    >>> teacher = record_teacher(model, ["rain"], settings).spread(1)
    >>> found = layer_sensitivity(model, calibration, VARIANTS["sqs-w8a8"], teacher)
    >>> found[0].noise >= found[-1].noise
    True
    """
    if variant.scheme is None:
        raise VariantError(f"{variant.name} quantizes no layer; choose a quantized variant")
    layers = checked_layers(model, calibration, variant)
    groups = group_steps(layers, calibration, variant, alpha)
    step = CurrentStep(calibration.sigmas.log(), model.objective, groups)
    handle = model.dit.register_forward_pre_hook(lambda _, args: step.set(args[1]))
    found = []
    try:
        for name, layer in layers.items():
            quantized = quantized_layer(Site(model.dit, name, step, variant, alpha), calibration)
            try:
                _exchange(model.dit, name, quantized)
                sqnrs = velocity_sqnr(model.dit, teacher, progress)
            finally:
                _exchange(model.dit, name, layer)
            found.append(Sensitivity(name, 1, layer.weight.numel(), sqnrs))
    finally:
        handle.remove()
    return ranked(found)


def _exchange(dit: nn.Module, name: str, layer: nn.Module) -> None:
    put(dit, name, layer)
    # Keys and values of the context were made by the layer before.
    dit.transformer.current_context.reset()  # type: ignore[union-attr, operator]


def kind_sensitivity(layers: Sequence[Sensitivity]) -> list[Sensitivity]:
    """Add up the noise of the layers of each kind, as if they were independent; ranked, what hurts most first.

    Examples
    --------
    >>> found = [Sensitivity(f"transformer.layers.{block}.ff.ff.2", 1, 4, torch.tensor([sqnr], dtype=torch.float64))
    ...          for block, sqnr in enumerate((30.0, 20.0))]
    >>> [(one.name, one.layers, round(one.noise, 4)) for one in kind_sensitivity(found)]  # 0.001 + 0.01
    [('ff.ff.2', 2, 0.011)]
    """
    kinds: dict[str, list[Sensitivity]] = {}
    for layer in layers:
        kinds.setdefault(layer_kind(layer.name), []).append(layer)
    return ranked(
        Sensitivity(
            kind,
            len(members),
            sum(member.weights for member in members),
            -10 * torch.stack([10 ** (-member.sqnr / 10) for member in members]).sum(0).log10(),
        )
        for kind, members in kinds.items()
    )


def group_counts(steps: int) -> list[int]:
    """Numbers of groups worth measuring: powers of two up to a fifth of the steps, and one group a step.

    Examples
    --------
    >>> group_counts(100)
    [1, 2, 4, 8, 16, 100]
    """
    return [*(2**n for n in range(steps.bit_length()) if n == 0 or 5 * 2**n <= steps), *([steps] if steps > 1 else [])]


def weight_bytes(dit: nn.Module) -> tuple[int, int]:
    """Bytes of the blocks' linear layers, quantized or not: in memory, ready to compute, and in a checkpoint.

    Codes of quantized layers are packed and their plain copies let go, as after loading a checkpoint.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> memory, disk = weight_bytes(load_model("mini").dit)  # full precision: four bytes a weight in both
    >>> memory == disk
    True
    """
    plain = sum(value.nbytes for layer in linear_layers(dit).values() for value in layer.parameters())
    memory = disk = plain
    for layer in dit.modules():
        if isinstance(layer, QuantizedLinear):
            disk += sum(value.nbytes for value in stored(layer.state_dict(), "integer").values())
            memory += layer.ready_bytes()
    return memory, disk


def measured(dit: nn.Module, teacher: Teacher, progress: Callable[[int], None]) -> tuple[Tensor, float]:
    """SQNR in dB at each noise level, and milliseconds a step over the teacher's runs, one clip after the other.

    The fastest call of those that begin a group of timesteps, for which weights are made anew, stands for all of
    these, and the fastest of the others for the others, so that what else the machine does is not measured.

    Examples
    --------
    >>> from quant.inspect.teacher import record_teacher
    >>> from quant.model.loading import load_model
    >>> from quant.rendering.sampling import Sampling
    >>> model = load_model("mini")
    >>> teacher = record_teacher(model, ["rain"], Sampling(steps=2, seconds=1.0))
    >>> sqnrs, milliseconds = measured(model.dit, teacher, lambda calls: None)
    >>> len(sqnrs), milliseconds > 0
    (2, True)
    """
    # The last call is made once before, so that the first finds the model as a clip before would leave it.
    for _ in replay(dit, Teacher(teacher.sigmas, (teacher.runs[-1][-1:],))):
        pass
    group = _group(dit)
    answers: list[tuple[Call, Tensor]] = []
    steady: list[float] = []
    switching: list[float] = []
    for call, velocity, seconds in replay(dit, teacher):
        (steady if _group(dit) == group else switching).append(seconds)
        group = _group(dit)
        answers.append((call, velocity))
        progress(1)
    total = sum(min(times) * len(times) for times in (steady, switching) if times)
    return pooled_sqnr(answers, len(teacher.sigmas)), 1000 * total / len(answers)


def _group(dit: nn.Module) -> int:
    step = getattr(dit, STEP_NAME, None)
    return step.group if isinstance(step, CurrentStep) else 0


def baseline_frontier(
    model: AudioModel, teacher: Teacher, progress: Callable[[int], None] = lambda calls: None
) -> Frontier:
    """Measure full precision, to compare :func:`group_frontier` with.

    Examples
    --------
    >>> from quant.inspect.teacher import record_teacher
    >>> from quant.model.loading import load_model
    >>> from quant.rendering.sampling import Sampling
    >>> model = load_model("mini")
    >>> found = baseline_frontier(model, record_teacher(model, ["rain"], Sampling(steps=2, seconds=1.0)))
    >>> found.memory == found.disk, found.groups
    (True, 0)
    """
    return Frontier("baseline", 0, *_point(model.dit, teacher, progress))


def group_frontier(
    load: Callable[[], AudioModel],
    calibration: Calibration,
    variant: Variant,
    teacher: Teacher,
    groups: Iterable[int],
    alpha: float | None = 0.5,
    progress: Callable[[int], None] = lambda calls: None,
) -> list[Frontier]:
    """Quantize a model with each number of ``groups`` of timesteps and measure error, bytes and time.

    ``load`` gives a model in full precision of its own each time. The teacher's runs should have all their steps, or
    the weight would be made anew more often than along a run.

    Raises
    ------
    VariantError
        If the variant is static and more than one group is asked for, or there are fewer steps than groups.

    Examples
    --------
    >>> from quant.inspect.teacher import record_teacher
    >>> from quant.model.loading import load_model
    >>> from quant.rendering.sampling import Sampling
    >>> from pathlib import Path
    >>> from quant.method.variants import VARIANTS
    >>> from quant.rendering.calibrate import calibrate
    >>> model, settings = load_model("mini"), Sampling(steps=2, seconds=1.0)
    >>> calibration = calibrate(model, ["rain"], settings, Path("calibration.safetensors"))
    >>> teacher = record_teacher(model, ["rain"], settings)
    >>> found = group_frontier(lambda: load_model("mini"), calibration, VARIANTS["sqd-w8a8"], teacher, [1, 2])
    >>> [point.groups for point in found], found[0].memory < 4 * found[0].disk
    ([1, 2], True)
    """
    found = []
    for count in groups:
        model = load()
        quantize_(model, replace(variant, groups=count), calibration, alpha)
        found.append(Frontier(variant.name, count, *_point(model.dit, teacher, progress)))
        del model
    return found


def _point(dit: nn.Module, teacher: Teacher, progress: Callable[[int], None]) -> tuple[Tensor, int, int, float]:
    memory, disk = weight_bytes(dit)
    sqnrs, milliseconds = measured(dit, teacher, progress)
    return sqnrs, memory, disk, milliseconds


def share_of_noise(found: Sequence[Sensitivity]) -> list[float]:
    """Each one's part, 0 to 1, of the noise of all; not a number where there is none.

    Examples
    --------
    >>> found = [Sensitivity(f"transformer.layers.{block}.ff.ff.2", 1, 4, torch.tensor([sqnr], dtype=torch.float64))
    ...          for block, sqnr in enumerate((30.0, 20.0))]
    >>> [round(share, 4) for share in share_of_noise(found)]  # 1 / 11 and 10 / 11
    [0.0909, 0.9091]
    """
    noises = torch.tensor([one.noise for one in found], dtype=torch.float64)
    return (noises / noises.sum()).tolist()
