"""Gathering: what a network hears in the clips of a condition and in those of the reference, as sets of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.errors import NoValueError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.networks import Array
from analysis.metrics.sets.vectors import Vectors


@dataclass(frozen=True)
class Gathered:
    """The vectors of a condition's clips and of the reference's.

    A vector's unit is the prompt of its clip, or its prompt's real audio, which AudioCaps has once for five prompts.
    ``clips`` and ``reference_clips`` say how many clips that is, ``why`` which were left out, and why.
    """

    generated: Vectors
    reference: Vectors
    clips: int
    reference_clips: int
    why: str = ""

    @property
    def details(self) -> dict[str, float]:
        """How many clips and vectors there are, and of which width, by name."""
        return {
            "n_reference": self.reference_clips,
            "blocks": len(self.generated.rows),
            "blocks_reference": len(self.reference.rows),
            "dimension": self.generated.rows.shape[1],
        }


def gather(network: str, key: str, clips: Sequence[Clip], given: Given) -> Gathered:
    """Gather one array, (vectors, width) a clip, of what a network hears in clips and in the reference.

    Raises
    ------
    NoValueError
        If there is no reference, or it is these clips themselves, or the network hears none of the clips.
    """
    conditions = {clip.condition for clip in clips} if given.real is None else set()
    reference = [clip for clip in given.reference if clip.condition not in conditions]
    if not reference:
        own = "the reference is these clips themselves" if given.reference else "no reference clips"
        raise NoValueError(own)
    ours, theirs = (_heard(network, key, some, given) for some in (clips, reference))
    without = (("clips", len(clips), ours.without), ("reference clips", len(reference), theirs.without))
    why = "; ".join(f"{len(some)} of {n} {what} left out ({some[0]})" for what, n, some in without if some)
    if not ours.parts or not theirs.parts:
        raise NoValueError(why)
    generated, others = (Vectors.of(some.parts, some.units) for some in (ours, theirs))
    return Gathered(generated, others, len(ours.parts), len(theirs.parts), why)


def gather_alone(network: str, key: str, clips: Sequence[Clip], given: Given) -> tuple[Vectors, int, str]:
    """Gather one array of what a network hears in clips, where the reference is none of clips.

    Returns the vectors, of how many clips they are, and which were left out, and why.

    Raises
    ------
    NoValueError
        If the network hears none of the clips.
    """
    found = _heard(network, key, clips, given)
    why = f"{len(found.without)} of {len(clips)} clips left out ({found.without[0]})" if found.without else ""
    if not found.parts:
        raise NoValueError(why)
    return Vectors.of(found.parts, found.units), len(found.parts), why


@dataclass(frozen=True)
class _Heard:
    """What a network hears in clips, of which units these are, and why it hears nothing in the others."""

    parts: list[Array]
    units: list[str]
    without: list[str]


def _heard(network: str, key: str, clips: Sequence[Clip], given: Given) -> _Heard:
    found = _Heard([], [], [])
    for clip in clips:
        try:
            found.parts.append(given.heard(network, clip)[key])
            found.units.append(_unit(clip, given))
        except NoValueError as error:
            found.without.append(str(error))
    return found


def _unit(clip: Clip, given: Given) -> str:
    real = clip if not clip.condition else (given.real or {}).get(clip.prompt_id)
    return real.sha256 if real is not None else clip.prompt_id
