"""Twins: a clip and its full-precision twin, read together, and refused where one is much longer.

Of the same noise both have the same length; where they do not, what they share would stand for the whole unnoticed.
"""

from __future__ import annotations

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.clips import Clip, Given

TOLERANCE = 0.1
"""Seconds by which an encoder may have made one longer."""


def both(clip: Clip, given: Given) -> tuple[Audio, Audio]:
    """Read a clip and its twin.

    Raises
    ------
    NoValueError
        If there is no twin, or one is longer by more than a tenth of a second.
    SoundError
        If one cannot be read.
    """
    twin = given.twin(clip).audio()
    sound = clip.audio()
    check_lengths(sound.seconds, twin.seconds)
    return sound, twin


def check_lengths(seconds: float, of_twin: float) -> None:
    """Refuse a clip that is much longer or shorter than its twin.

    Raises
    ------
    NoValueError
        If they differ by more than a tenth of a second.

    Examples
    --------
    >>> check_lengths(8.0, 10.0)
    Traceback (most recent call last):
        ...
    analysis.errors.NoValueError: it is 8.00 s long, its full-precision twin 10.00 s
    """
    if abs(seconds - of_twin) > TOLERANCE:
        raise NoValueError(f"it is {seconds:.2f} s long, its full-precision twin {of_twin:.2f} s")
