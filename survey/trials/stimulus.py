"""A stimulus: what a clip is the sound of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stimulus:
    """A prompt rendered under one condition from one seed; `name` is its key in the manifest."""

    name: str
    prompt_id: str
    condition: str
    seed: int
