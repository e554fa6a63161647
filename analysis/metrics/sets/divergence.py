"""Divergence of probabilities: KL(p || q) = sum p (ln p - ln(q + eps)), in nats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Float = NDArray[np.float64]


def kl_divergence(one: Float, other: Float, epsilon: float = 1e-6) -> float:
    """Compute KL(one || other) of probabilities (classes,), with epsilon added to what is divided by.

    As ``F.kl_div((other + epsilon).log(), one, reduction="sum")`` of torch, in float64: between -ln(1 + classes x
    epsilon), for what is added makes the second sum to more than one, and -ln(epsilon).

    Examples
    --------
    >>> round(kl_divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])), 5)
    0.69315
    >>> round(kl_divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])), 5)
    13.81551
    """
    return float((xlogy(one, one) - xlogy(one, other + epsilon)).sum())


def softmax(logits: NDArray[np.floating]) -> Float:
    """Turn logits (classes,) into probabilities, in float64.

    Examples
    --------
    >>> softmax(np.zeros(4)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    wide = logits.astype(np.float64)
    weights = np.exp(wide - wide.max())
    found: Float = weights / weights.sum()
    return found
