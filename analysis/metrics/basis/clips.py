"""Clips: what is measured, and beside it what a metric may compare it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis.errors import NoValueError
from analysis.metrics.basis.audio import Audio, read_audio
from analysis.metrics.basis.networks import Array, Networks
from analysis.metrics.basis.published import Published


@dataclass(frozen=True)
class Clip:
    """A file with sound: of a prompt under a condition, or real audio of a prompt, whose ``condition`` is empty.

    ``sha256`` is that of the file.
    """

    path: Path
    sha256: str
    prompt_id: str
    prompt: str = ""
    condition: str = ""
    seed: int = 0

    def audio(self) -> Audio:
        """Read it.

        Raises
        ------
        SoundError
            See :func:`analysis.metrics.basis.audio.read_audio`.
        """
        return read_audio(self.path)


@dataclass(frozen=True)
class Given:
    """What a metric may use beside the clips that it measures.

    Parameters
    ----------
    networks
        The networks, and what they heard.
    twins
        The full-precision clip of the same prompt and seed, from the same noise, by (prompt id, seed).
    reference
        The clips that a set is compared with: real audio where a folder of it was given, each file once, else the
        full-precision model's own clips.
    real
        The real audio of each prompt that has some, by the prompt's id; None where the reference is no real audio.
    published
        What others published of a public reference set, for metrics that can do without its audio: used where the
        reference is no real audio.
    """

    networks: Networks
    twins: Mapping[tuple[str, int], Clip] = field(default_factory=dict)
    reference: Sequence[Clip] = ()
    real: Mapping[str, Clip] | None = None
    published: Published = field(default_factory=Published)

    def twin(self, clip: Clip) -> Clip:
        """Give the full-precision clip of the same noise.

        Raises
        ------
        NoValueError
            If there is none, or the clip is one itself.
        """
        found = self.twins.get((clip.prompt_id, clip.seed))
        if found is None:
            raise NoValueError("no full-precision clip of the same prompt and seed")
        if found.condition == clip.condition:
            raise NoValueError("it is the full-precision clip itself")
        return found

    def reference_of(self, clip: Clip) -> Clip:
        """Give the clip of the reference that a clip is compared with alone: real audio of its prompt, or its twin.

        Raises
        ------
        NoValueError
            If there is none.
        """
        if self.real is None:
            return self.twin(clip)
        if clip.prompt_id not in self.real:
            raise NoValueError("no reference audio of this prompt")
        return self.real[clip.prompt_id]

    def heard(self, network: str, clip: Clip) -> Mapping[str, Array]:
        """Say what a network hears in a clip, as :meth:`analysis.metrics.basis.networks.Network.hear` gives it."""
        return self.networks.heard(network, clip.sha256, clip.audio)
