"""Teacher forcing: what full precision's DiT was asked along a sampling run, and how well another answers the same.

The error of one call is measured alone this way; along a run of its own a quantized model would drift to other
inputs, and errors could not be told from their consequences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from quant.errors import SamplingError
from quant.method.timesteps import sigma_of
from quant.model.loading import AudioModel
from quant.rendering.sampling import Sampling, sample


@dataclass(frozen=True)
class Call:
    """One call of the DiT in full precision.

    ``row`` counts noise levels, ``inputs`` are x (1, channels, frames) and t (1,), ``options`` the conditioning and
    guidance, ``velocity`` the answer (1, channels, frames): what the sampler gets, guidance included.

    Examples
    --------
    >>> Call(0, (torch.zeros(1, 1, 2), torch.zeros(1)), {}, torch.ones(1, 1, 2)).velocity.shape
    torch.Size([1, 1, 2])
    """

    row: int
    inputs: tuple[Tensor, ...]
    options: dict[str, Any]
    velocity: Tensor


@dataclass(frozen=True)
class Teacher:
    """The calls of some sampling runs, a tuple a prompt, in order; ``sigmas``: their noise levels, float64 (rows,).

    Examples
    --------
    >>> x, t, velocity = torch.zeros(1, 1, 2), torch.zeros(1), torch.tensor([[[3.0, 4.0]]])
    >>> teacher = Teacher(torch.tensor([1.0]), ((Call(0, (x, t), {}, velocity),),))
    >>> teacher.calls, len(teacher.first_run().runs)
    (1, 1)
    """

    sigmas: Tensor
    runs: tuple[tuple[Call, ...], ...]

    @property
    def calls(self) -> int:
        """Calls in all runs."""
        return sum(len(run) for run in self.runs)

    def spread(self, count: int) -> Teacher:
        """Keep ``count`` noise levels, evenly over the run, its first and last among them; all if there are fewer."""
        rows = torch.linspace(0, len(self.sigmas) - 1, count).round().long().unique().tolist()
        runs = (
            tuple(Call(rows.index(c.row), c.inputs, c.options, c.velocity) for c in run if c.row in rows)
            for run in self.runs
        )
        return Teacher(self.sigmas[rows], tuple(runs))

    def first_run(self) -> Teacher:
        """Keep the first prompt's run alone."""
        return Teacher(self.sigmas, self.runs[:1])


def record_teacher(
    model: AudioModel,
    prompts: Sequence[str],
    settings: Sampling,
    seed: int = 1000,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Teacher:
    """Sample every prompt in full precision and keep what the DiT was asked and answered.

    Parameters
    ----------
    progress
        Called with (denoising steps done, of how many).

    Raises
    ------
    SamplingError
        If there is no prompt.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> teacher = record_teacher(load_model("mini"), ["rain"], Sampling(steps=2, seconds=1.0))
    >>> teacher.calls, teacher.sigmas.shape
    (2, torch.Size([2]))
    """
    if not prompts:
        raise SamplingError("a teacher needs at least one prompt")
    sigmas: list[float] = []
    runs: list[list[Call]] = []

    def hook(_: nn.Module, args: tuple[Tensor, ...], options: dict[str, Any], velocity: Tensor) -> None:
        sigma = float(sigma_of(args[1].flatten()[:1].cpu(), model.objective))
        if sigma not in sigmas:
            sigmas.append(sigma)
        # Copies, since a sampler may work in place on what it gave and got.
        inputs = tuple(value.clone() for value in args)
        runs[-1].append(Call(sigmas.index(sigma), inputs, options, velocity.clone()))

    handle = model.dit.register_forward_hook(hook, with_kwargs=True)
    try:
        for index, prompt in enumerate(prompts):
            runs.append([])
            sample(
                model,
                prompt,
                seed,
                settings,
                lambda step, total, index=index: progress(index * total + step, len(prompts) * total),  # type: ignore[misc]
            )
    finally:
        handle.remove()
    return Teacher(torch.tensor(sigmas, dtype=torch.float64), tuple(tuple(run) for run in runs))


@torch.no_grad()
def replay(dit: nn.Module, teacher: Teacher) -> Iterator[tuple[Call, Tensor, float]]:
    """Ask ``dit`` what the teacher was asked: each call, the answer (1, channels, frames), and the seconds it took.

    Examples
    --------
    >>> x, t, velocity = torch.zeros(1, 1, 2), torch.zeros(1), torch.tensor([[[3.0, 4.0]]])
    >>> teacher = Teacher(torch.tensor([1.0]), ((Call(0, (x, t), {}, velocity),),))
    >>> class Silent(nn.Module):
    ...     def forward(self, x, t):
    ...         return torch.zeros_like(x)
    >>> [answer.tolist() for _, answer, seconds in replay(Silent(), teacher)]
    [[[[0.0, 0.0]]]]
    """
    for run in teacher.runs:
        for call in run:
            _wait(call.velocity.device)
            begun = time.perf_counter()
            velocity = dit(*call.inputs, **call.options)
            _wait(call.velocity.device)
            yield call, velocity, time.perf_counter() - begun


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def decibels(signal: Tensor, noise: Tensor) -> Tensor:
    """``10 log10(signal / noise)`` of energies; infinite without noise, minus infinite where the noise is no number.

    Examples
    --------
    >>> decibels(torch.tensor([100.0, 1.0]), torch.tensor([1.0, 0.0])).tolist()
    [20.0, inf]
    """
    noise = noise.nan_to_num(nan=torch.inf)
    return torch.where(noise > 0, 10 * (signal / noise).log10(), torch.inf)


def energies(reference: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
    """Energy of ``reference`` and of what ``found``, of the same shape, differs from it: two float64 ().

    Examples
    --------
    >>> [energy.item() for energy in energies(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 5.0]))]
    [25.0, 1.0]
    """
    exact = reference.double()
    return exact.square().sum().cpu(), (found.double() - exact).square().sum().cpu()


def sqnr(reference: Tensor, found: Tensor) -> float:
    """Signal to quantization noise ratio in dB: ``10 log10(sum r^2 / sum (f - r)^2)``; infinite if they are equal.

    Examples
    --------
    >>> sqnr(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.5]))  # 10 log10(25 / 0.25)
    20.0
    """
    return float(decibels(*energies(reference, found)))


def pooled_sqnr(answers: Iterable[tuple[Call, Tensor]], rows: int) -> Tensor:
    """SQNR in dB, float64 (rows,), of what was answered to each call.

    Energies are added up over prompts, and over the calls of a sampler that makes several at a noise level.

    Examples
    --------
    >>> call = Call(0, (), {}, torch.tensor([3.0, 4.0]))
    >>> pooled_sqnr([(call, torch.tensor([3.0, 4.5]))], rows=1).tolist()
    [20.0]
    """
    signal, noise = torch.zeros(2, rows, dtype=torch.float64)
    for call, velocity in answers:
        added = energies(call.velocity, velocity)
        signal[call.row] += added[0]
        noise[call.row] += added[1]
    return decibels(signal, noise)


def velocity_sqnr(dit: nn.Module, teacher: Teacher, progress: Callable[[int], None] = lambda calls: None) -> Tensor:
    """Measure a DiT against its teacher: SQNR in dB at each noise level, float64 (rows,); see :func:`pooled_sqnr`.

    ``progress`` is called with the DiT's calls made since it was called last.

    Examples
    --------
    >>> x, t, velocity = torch.zeros(1, 1, 2), torch.zeros(1), torch.tensor([[[3.0, 4.0]]])
    >>> teacher = Teacher(torch.tensor([1.0]), ((Call(0, (x, t), {}, velocity),),))
    >>> class Silent(nn.Module):
    ...     def forward(self, x, t):
    ...         return torch.zeros_like(x)
    >>> velocity_sqnr(Silent(), teacher).tolist()  # as much noise as signal
    [0.0]
    """

    def answers() -> Iterator[tuple[Call, Tensor]]:
        for call, velocity, _ in replay(dit, teacher):
            progress(1)
            yield call, velocity

    return pooled_sqnr(answers(), len(teacher.sigmas))


def overall(sqnrs: Tensor) -> float:
    """One figure in dB for the SQNR at several noise levels: that of the mean of noise over signal.

    The noise levels count alike, and one at which a variant fails is not made up for by others.

    Examples
    --------
    >>> round(overall(torch.tensor([20.0, 20.0])), 4)
    20.0
    """
    return float(-10 * (10 ** (-sqnrs / 10)).mean().log10())
