"""Alignment: shift a sound so that its envelope lies best on that of another."""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.signal import hilbert

from analysis.metrics.neurograms.gammatone import RATE, Float


def envelope(samples: Float) -> Float:
    """Amplitude of the analytic signal around the mean, and the mean.

    Examples
    --------
    >>> [round(float(one), 6) for one in envelope(np.array([1.0, 3.0, 1.0, 3.0]))]
    [3.0, 3.0, 3.0, 3.0]
    """
    mean = samples.mean()
    found: Float = np.abs(hilbert(samples - mean)) + mean
    return found


def best_lag(one: Float, other: Float) -> int:
    """Samples by which ``other`` must be delayed to lie best on ``one``: where their correlation is largest.

    Examples
    --------
    >>> best_lag(np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
    2
    """
    longest = max(len(one), len(other))
    size = fft.next_fast_len(2 * longest - 1, real=True)
    found = fft.irfft(fft.rfft(one, size) * np.conj(fft.rfft(other, size)), size)
    return int(np.argmax(np.concatenate([found[size - longest + 1 :], found[:longest]]))) - (longest - 1)


def aligned(one: Float, other: Float) -> tuple[Float, int]:
    """Shift ``other`` onto ``one``, and say by how much: not at all if that were more than half of ``one``.

    Examples
    --------
    >>> aligned(np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0]))[1]
    2
    """
    lag = best_lag(envelope(one), envelope(other))
    if lag == 0 or abs(lag) > len(one) / 2:
        return other, 0
    return (other[-lag:] if lag < 0 else np.concatenate([np.zeros(lag), other])), lag


def aligned_alike_long(one: Float, other: Float) -> tuple[Float, Float]:
    """Align two sounds and cut both to what they share; zeros set before ``other`` are cut off again.

    Examples
    --------
    >>> one, other = aligned_alike_long(np.array([0.0, 0.0, 0.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0, 0.0]))
    >>> len(one) == len(other)
    True
    """
    other, lag = aligned(one, other)
    # By way of seconds, as ViSQOL counts it: one sample less where that is no binary number.
    before = int(lag / RATE * RATE) if lag > 0 and len(other) > len(one) else 0
    one, other = one[before:], other[before:]
    shared = min(len(one), len(other))
    return one[:shared], other[:shared]
