"""Embedded agreement: how far a clip agrees with its prompt, as the embedded model's listener has it.

The cosine of two embeddings of 64 dimensions: of the clip, by a small convolutional network with its own front end at
22.05 kHz, and of the prompt, by a small head on the sentence encoder all-MiniLM-L6-v2 (``quant/mini/listener.py``).
Both were trained contrastively on renders of the embedded model's sounds and their captions: classes of sound,
distance, and two sounds at once or one after the other. Distance weighs much: a far clock agrees with "a clock ticking
in the distance" and not with "a clock ticking". Which of two sounds came first is not heard. It is no CLAP score and
cannot be compared with one. A silent clip has no value.
"""

from __future__ import annotations

import numpy as np

from analysis.errors import NoValueError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric


def _of_clip(clip: Clip, given: Given) -> float:
    if not clip.prompt.strip():
        raise NoValueError("it has no prompt")
    if clip.audio().silent:
        raise NoValueError("it is silent")
    text = given.networks.texts("mini", [clip.prompt])[0]
    return float(np.dot(text.astype(np.float64), given.heard("mini", clip)["embedding"].astype(np.float64)))


MINI_AGREEMENT = Metric(
    key="mini_agreement",
    name="text-audio agreement (embedded model)",
    better="higher",
    low=-1.0,
    high=1.0,
    needs=frozenset({"text"}),
    network="mini",
    of_clip=_of_clip,
    note="Trained for the embedded model's sounds: it is no CLAP score and says little of other models' clips.",
)
