"""Gammatone: the energy of short windows of a sound in 32 bands of the ear.

Window by window, each from silence: 80 ms under a symmetric Hann window, a fourth-order gammatone filter a band (Slaney
1993: four second-order sections with the same poles), and the root of the mean squared output over the window. Centre
frequencies lie evenly in equivalent rectangular bandwidths (Glasberg and Moore) from 50 Hz to half the rate.

Nothing is filtered sample by sample. The energy of the whole response, which rings on past the window, is by Parseval's
theorem a weighted sum of the window's power spectrum; the energy of what rings after the window is a quadratic form
of the filter's state at its end, which is linear in the samples. Their difference is the energy within the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

RATE, WINDOW, HOP, BANDS, LOWEST = 48_000, 3840, 960, 32, 50.0
EAR_Q, MIN_BANDWIDTH = 9.26449, 24.7
SECTIONS = 4
STATE = 2 * SECTIONS
RINGING = 15  # doublings: 32,768 samples, after which the narrowest band has died
BLOCK = 256  # windows at a time


def centre_frequencies() -> Float:
    """Centre frequencies of the bands in Hz, (32,), from low to high.

    Examples
    --------
    >>> found = centre_frequencies()
    >>> len(found), round(float(found[0]), 1)
    (32, 50.0)
    """
    offset = EAR_Q * MIN_BANDWIDTH
    ratio = (LOWEST + offset) / (RATE / 2 + offset)
    found: Float = (RATE / 2 + offset) * ratio ** (np.arange(BANDS, 0, -1) / BANDS) - offset
    return found


@dataclass(frozen=True)
class Filters:
    """Every band's filter, made for windows of :data:`WINDOW` samples.

    ``weights`` (WINDOW + 1, bands) turn the power spectrum of a window padded to twice its length into the energy of
    the whole response; ``states`` (WINDOW, bands * 8) turn its samples into the state at its end; ``ringing`` (bands,
    8, 8) is the energy that such a state has yet to give.
    """

    weights: Float
    states: Float
    ringing: Float


def sections() -> tuple[Float, Float]:
    """Numerators (4, bands, 2) and the denominator (bands, 2) that all four share, its first 1 left out.

    The response is 1 at the centre frequency; the first numerator holds the gain.

    Examples
    --------
    >>> numerators, denominator = sections()
    >>> numerators.shape, denominator.shape
    ((4, 32, 2), (32, 2))
    """
    angle = 2 * np.pi * centre_frequencies() / RATE
    bandwidth = 1.019 * 2 * np.pi * (centre_frequencies() / EAR_Q + MIN_BANDWIDTH)
    radius = np.exp(-bandwidth / RATE)
    denominator = np.stack([-2 * radius * np.cos(angle), radius**2], axis=1)
    zeros = [
        radius * (np.cos(angle) + sign * np.sqrt(3 + inner * 2**1.5) * np.sin(angle))
        for inner in (1, -1)
        for sign in (1, -1)
    ]
    numerators = np.stack([np.stack([np.ones(BANDS), -zero], axis=1) for zero in zeros])
    numerators[0] /= np.abs(_response(numerators, denominator, np.exp(-1j * angle)[:, None]))
    return numerators, denominator


def _response(numerators: Float, denominator: Float, delay: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Respond to frequencies, given as what one sample of delay multiplies them with: (bands, frequencies)."""
    under = 1 + denominator[:, :1] * delay + denominator[:, 1:] * delay**2
    found: NDArray[np.complex128] = np.prod([(n[:, :1] + n[:, 1:] * delay) / under for n in numerators], axis=0)
    return found


@cache
def filters() -> Filters:
    """Make the filters, once a process."""
    numerators, denominator = sections()
    size = 2**RINGING
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)[None]
    correlation = np.fft.irfft(np.abs(_response(numerators, denominator, delay)) ** 2, axis=1)
    lags = np.zeros((BANDS, 2 * WINDOW))
    lags[:, :WINDOW] = correlation[:, :WINDOW]
    lags[:, WINDOW + 1 :] = correlation[:, 1:WINDOW][:, ::-1]
    weights = np.fft.rfft(lags, axis=1).real.T / (2 * WINDOW)
    weights[1:-1] *= 2  # both halves of the spectrum
    entry, _ = _step(numerators, denominator, np.zeros((BANDS, STATE, 1)), np.ones((BANDS, 1)))
    unit = np.broadcast_to(np.eye(STATE), (BANDS, STATE, STATE))
    forward, out = _step(numerators, denominator, unit, np.zeros((BANDS, STATE)))
    states = np.empty((WINDOW, BANDS, STATE))
    state = entry
    for sample in range(WINDOW - 1, -1, -1):
        states[sample] = state[..., 0]
        state = forward @ state
    ringing = out[:, :, None] * out[:, None, :]
    power = forward
    for _ in range(RINGING):
        ringing = ringing + np.swapaxes(power, 1, 2) @ ringing @ power
        power = power @ power
    return Filters(weights, states.reshape(WINDOW, -1), ringing)


def _step(numerators: Float, denominator: Float, states: Float, sample: Float) -> tuple[Float, Float]:
    """Filter one sample: states (bands, 8, n) and samples (bands, n) to the next states and the output."""
    after = np.empty_like(states)
    for section, numerator in enumerate(numerators):
        first, second = states[:, 2 * section], states[:, 2 * section + 1]
        out = numerator[:, :1] * sample + first
        after[:, 2 * section] = numerator[:, 1:] * sample - denominator[:, :1] * out + second
        after[:, 2 * section + 1] = -denominator[:, 1:] * out
        sample = out
    return after, sample


def windows(samples: Float) -> Float:
    """Cut a sound into windows each 960 samples, under a Hann window, the rest left out: (windows, 3840).

    Examples
    --------
    >>> windows(np.ones(4800)).shape
    (2, 3840)
    """
    found: Float = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * np.hanning(WINDOW)
    return found


def neurogram(cut: Float) -> Float:
    """Root mean squared output of the bands over each window, (bands, windows), of :func:`windows`.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(4800) / RATE)
    >>> loudest = int(neurogram(windows(tone))[:, 0].argmax())
    >>> bool(abs(centre_frequencies()[loudest] - 1000) < 100)
    True
    """
    made = filters()
    found = np.empty((len(cut), BANDS))
    for start in range(0, len(cut), BLOCK):
        some = cut[start : start + BLOCK]
        spectrum = np.fft.rfft(some, 2 * WINDOW, axis=1)
        whole = (spectrum.real**2 + spectrum.imag**2) @ made.weights
        state = (some @ made.states).reshape(-1, BANDS, STATE)
        after = ((made.ringing @ state[..., None])[..., 0] * state).sum(axis=2)
        found[start : start + BLOCK] = np.sqrt(np.maximum(whole - after, 0.0) / WINDOW)
    return found.T
