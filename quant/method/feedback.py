"""Rounding with error feedback, as in GPTQ (Frantar et al. 2023): what is lost by one weight, later ones make good.

A layer's output errs by ``sum_ij E_ki M_ij E_kj`` for the errors E of its weights and the second moments M of its
inputs. Rounding to nearest makes E small; here the weights of channels that vary together err against each other. The
channels are rounded in order, and after each one the weights to come are moved to where the error is least.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

DAMPING = 0.01
"""Of the mean of the diagonal of second moments, added to it: what the rows did not show is taken for noise."""

CHUNK = 64
"""Channels that are rounded before what they lost is passed on to all the others at once."""


def inverse_root(moments: Tensor) -> Tensor | None:
    """Upper triangular U (k, k) with ``U^T U`` the inverse of damped ``moments`` (k, k); None where there is none.

    A channel that was never anything but zero counts as one that varies by itself.

    Examples
    --------
    >>> [round(one, 2) for one in inverse_root(torch.eye(2)).diagonal().square().tolist()]  # 1 / 1.01
    [0.99, 0.99]
    """
    damped = moments.double()
    mean = damped.diagonal().mean()
    damped = damped / mean
    damped.diagonal().add_(DAMPING)
    lower, failed = torch.linalg.cholesky_ex(damped)
    if bool(failed) or not bool(lower.isfinite().all()):
        return None
    upper: Tensor = torch.linalg.cholesky(torch.cholesky_inverse(lower), upper=True)
    return upper.float()


def fed_back(
    weight: Tensor, moments: Tensor, limit: int, steps_of: Callable[[Tensor], Tensor] | None = None, chunk: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """Round ``weight`` (out, in) to integers within ``limit`` times steps, with feedback: codes and steps.

    Codes are as ``weight``, steps (out, chunks).

    Parameters
    ----------
    moments
        Of the inputs that the codes will be multiplied by, (parts, k, k); weights of a part make good for its own.
    steps_of
        The steps (out, 1) of a chunk's weights (out, chunk) as they are when their turn comes; all 1 without it.
    chunk
        Weights that share steps; a part is a number of chunks.

    Examples
    --------
    >>> together = torch.tensor([[[1.0, 1.0], [1.0, 1.0]]])  # two channels that are always the same
    >>> fed_back(torch.tensor([[0.4, 0.4]]), together, 7)[0].tolist()  # 0.8, of which rounding makes 0
    [[0.0, 1.0]]
    """
    rest = weight.mT.clone(memory_format=torch.contiguous_format)  # a channel's weights beside each other
    size, steps = moments.shape[-1], []
    for part, own in enumerate(moments):
        upper = inverse_root(own.to(rest.device))
        root = torch.eye(size, device=rest.device) if upper is None else upper
        for first in range(0, size, chunk):
            last = min(first + chunk, size)
            rows = rest[part * size : (part + 1) * size]
            step = torch.ones_like(rows[0]) if steps_of is None else steps_of(rows[first:last].mT)[:, 0]
            steps.append(step)
            lost = torch.empty_like(rows[first:last])
            for place, channel in enumerate(range(first, last)):
                lost[place] = rows[channel]
                rows[channel].div_(step).round_().clamp_(-limit, limit)  # its codes take the channel's place
                lost[place].addcmul_(rows[channel], step, value=-1).div_(root[channel, channel])
                rows[channel + 1 : last].addr_(root[channel, channel + 1 : last], lost[place], alpha=-1)
            rows[last:].addmm_(root[first:last, last:].mT, lost, alpha=-1)
    return rest.mT.contiguous(), torch.stack(steps, 1)
