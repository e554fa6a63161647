"""Embedded tags: what the embedded model's listener names in a clip, beside the reference and beside the prompt.

The listener (``quant/mini/listener.py``, its own front end at 22.05 kHz, weights in this repository) gives
probabilities of the embedded model's 38 classes of sound. It was trained on renders of these sounds and knows no
others: for another model's clips the numbers say little.

``KL_mini(generated||reference)`` is the sum over classes of p (ln p - ln(q + 1e-6)) in nats, p of the clip and q of its
reference (real audio of the same prompt, or the full-precision clip of the same noise), the mean over clips: as
KL_passt has it, with another tagger. The other direction, KL(reference||generated), is another number.

``right class`` is 1 if the likeliest class is the one that the prompt names by one of the embedded model's wordings,
and 0 if not; a prompt that names none or several has no value, nor has a silent clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from analysis.errors import NoValueError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric
from analysis.metrics.sets.divergence import kl_divergence

CLASSES, EPSILON = 38, 1e-6
SOUNDS_ALONE = "Heard by the embedded model's listener, which knows the embedded model's sounds alone."


@runtime_checkable
class Naming(Protocol):
    """What knows the classes that it hears, and which of them a text names."""

    classes: Sequence[str]

    def class_of(self, text: str) -> int | None:
        """Index of the class that a text names; None if it names none or several."""


def _probabilities(clip: Clip, given: Given, what: str) -> NDArray[np.float64]:
    if clip.audio().silent:
        raise NoValueError(f"{what} is silent")
    return given.heard("mini", clip)["probabilities"].astype(np.float64)


def _kl(clip: Clip, given: Given) -> float:
    reference = given.reference_of(clip)
    probabilities = _probabilities(clip, given, "it")
    return kl_divergence(probabilities, _probabilities(reference, given, "its reference"), EPSILON)


def _right(clip: Clip, given: Given) -> float:
    network = given.networks.of("mini")
    assert isinstance(network, Naming)
    asked = network.class_of(clip.prompt)
    if asked is None:
        raise NoValueError("its prompt names none of the embedded model's sounds, or several")
    return float(_probabilities(clip, given, "it").argmax() == asked)


KL_MINI = Metric(
    key="kl_mini",
    name="KL_mini(generated||reference)",
    better="lower",
    low=-math.log1p(CLASSES * EPSILON),
    high=-math.log(EPSILON),
    needs=frozenset({"reference"}),
    network="mini",
    of_clip=_kl,
    note=SOUNDS_ALONE,
)

RIGHT_CLASS = Metric(
    key="mini_right_class",
    name="right class, embedded tagger",
    better="higher",
    low=0.0,
    high=1.0,
    needs=frozenset({"labels"}),
    network="mini",
    of_clip=_right,
    note=f"{SOUNDS_ALONE} Of prompts that name one of them.",
)
