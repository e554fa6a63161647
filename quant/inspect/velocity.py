"""Velocity: how well a quantized model answers what full precision was asked, prompt by prompt and seed by seed.

Teacher forcing as in `teacher.py`: both answer the same calls, along full precision's own sampling runs, so that
errors do not add up. One figure a prompt and seed, over which a mean has an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from quant.errors import SamplingError
from quant.inspect.teacher import overall, record_teacher, velocity_sqnr
from quant.model.loading import AudioModel
from quant.rendering.sampling import Sampling


@dataclass(frozen=True)
class Velocities:
    """SQNR of the velocity in dB, float64 (prompts, seeds, noise levels); ``sigmas``: the levels, (noise levels,).

    Infinite where the quantized model answers exactly what full precision does.

    Examples
    --------
    >>> Velocities(torch.ones(2), torch.tensor([[[20.0, 20.0]], [[30.0, 30.0]]])).of_clips.round(decimals=4).tolist()
    [[20.0], [30.0]]
    """

    sigmas: Tensor
    sqnr: Tensor

    @property
    def of_clips(self) -> Tensor:
        """One figure a prompt and seed, (prompts, seeds): of the mean over noise levels of noise over signal."""
        return torch.tensor([[overall(levels) for levels in seeds] for seeds in self.sqnr], dtype=torch.float64)


def paired_velocities(
    full: AudioModel,
    quantized: AudioModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: Sampling,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Velocities:
    """Compare the velocities of two models along the sampling runs of the first, one for each prompt and seed.

    Parameters
    ----------
    full
        The model in full precision, whose runs they are.
    progress
        Called with (runs done, of how many).

    Raises
    ------
    SamplingError
        If there is no prompt or no seed, or settings that the model cannot be sampled with.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> paired_velocities(model, model, ["rain"], [1], Sampling(steps=2, seconds=1.0)).of_clips.tolist()
    [[inf]]
    """
    if not prompts or not seeds:
        raise SamplingError("velocities are compared along runs of at least one prompt and one seed; give both")
    rows: list[Tensor] = []
    for prompt in prompts:
        row = []
        for seed in seeds:
            teacher = record_teacher(full, [prompt], settings, seed)
            row.append(velocity_sqnr(quantized.dit, teacher))
            progress(len(rows) * len(seeds) + len(row), len(prompts) * len(seeds))
        rows.append(torch.stack(row))
    return Velocities(teacher.sigmas, torch.stack(rows))
