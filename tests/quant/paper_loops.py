"""The paper's equations (1) to (5) as loops in numpy and float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Matrix = NDArray[np.float64]


def loop_quantize(x: Matrix, step: Matrix | float, bits: int) -> Matrix:
    limit = 2 ** (bits - 1) - 1
    return np.clip(np.rint(x / step), -limit, limit)


def loop_factor(x_absmax: Matrix, weight: Matrix, alpha: float) -> Matrix:
    factor = np.ones(len(x_absmax))
    for j in range(len(factor)):
        w = np.abs(weight[:, j]).max()
        if x_absmax[j] > 0 and w > 0:
            factor[j] = x_absmax[j] ** alpha / w ** (1 - alpha)
    return factor


def loop_weight(weight: Matrix, factor: Matrix, bits: int) -> tuple[Matrix, Matrix, Matrix]:
    """Codes of the smoothed weight, their values, and the scales (out, 1), one for each output channel."""
    codes, values, scales = np.empty_like(weight), np.empty_like(weight), np.empty((len(weight), 1))
    for o in range(len(weight)):
        row = weight[o] * factor
        scales[o] = np.abs(row).max() / (2 ** (bits - 1) - 1) or 1.0
        codes[o] = loop_quantize(row, scales[o], bits)
        values[o] = codes[o] * scales[o]
    return codes, values, scales


def distance(found: Tensor | Matrix, truth: Matrix) -> float:
    """Relative distance in the Euclidean norm."""
    found = found.flatten(0, -2).double().numpy() if isinstance(found, Tensor) else found
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def clear_of_borders(values: Tensor, steps_of: Callable[[Matrix], list[Matrix]]) -> None:
    """Move values off the borders between two codes, where float32 and float64 may round apart."""
    for _ in range(1000):
        ratios = [values.double().numpy() / step for step in steps_of(values.double().numpy())]
        near = np.any([np.abs(np.abs(ratio - np.rint(ratio)) - 0.5) < 1e-3 for ratio in ratios], axis=0)
        if not near.any():
            return
        values[torch.from_numpy(near)] *= 0.995
    raise AssertionError
