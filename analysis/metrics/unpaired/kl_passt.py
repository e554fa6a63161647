"""KL_passt: how far the classes that PaSST hears in a clip lie from those of its reference; two directions.

KL_passt(generated||reference) is the paper's and that of stable-audio-metrics: the sum of p (ln p - ln(q + 1e-6)) over
AudioSet's 527 classes, in nats, p the generated clip's and q the reference's; each is the softmax of the logits' mean
over the clip's windows (10 s each 5 s). Taggers of AudioSet give a sigmoid; the softmax is MusicGen's habit. A clip is
compared with the real audio of its own prompt where that was given, else with the probabilities that were published for
it, else with its full-precision twin; the mean is over clips. KL_passt(reference||generated), the direction of
AudioLDM's evaluation, av-benchmark and FastVideo, carries the same name there; its 1e-6 is added to the generated
clip's. The two differ by more than most models do.

32 kHz mono, peak -1 dB; PaSST ``passt_s_swa_p16_128_ap476``. Source: ``src/passt_kld.py`` of stable-audio-metrics.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from analysis.errors import NoValueError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric
from analysis.metrics.sets.divergence import kl_divergence, softmax

NETWORK, CLASSES, EPSILON = "passt", 527, 1e-6
LOW, HIGH = -math.log1p(CLASSES * EPSILON), -math.log(EPSILON)


def probabilities(clip: Clip, given: Given) -> NDArray[np.float64]:
    """Give the probabilities (527,) of what PaSST hears in a clip.

    Raises
    ------
    NoValueError
        If the clip is too short for it.
    """
    return softmax(given.heard(NETWORK, clip)["logits"].mean(axis=0, dtype=np.float64))


def reference_probabilities(clip: Clip, given: Given) -> NDArray[np.float64]:
    """Give those of the clip's reference: real audio, else what was published for its prompt, else its twin.

    Raises
    ------
    NoValueError
        If there is none.
    """
    published = given.published.probabilities.get(NETWORK)
    if published is None or given.real is not None:
        return probabilities(given.reference_of(clip), given)
    if clip.prompt_id not in published.by_id:
        raise NoValueError(f"{published.file} holds no reference of this prompt")
    return published.by_id[clip.prompt_id]


def _generated_reference(clip: Clip, given: Given) -> float:
    reference = reference_probabilities(clip, given)
    return kl_divergence(probabilities(clip, given), reference, EPSILON)


def _reference_generated(clip: Clip, given: Given) -> float:
    reference = reference_probabilities(clip, given)
    return kl_divergence(reference, probabilities(clip, given), EPSILON)


KL_PASST = Metric(
    key="kl_passt",
    name="KL_passt(generated||reference)",
    better="lower",
    low=LOW,
    high=HIGH,
    needs=frozenset({"reference", "weights"}),
    network=NETWORK,
    of_clip=_generated_reference,
)

KL_PASST_REFERENCE_GENERATED = Metric(
    key="kl_passt_reference_generated",
    name="KL_passt(reference||generated)",
    better="lower",
    low=LOW,
    high=HIGH,
    needs=frozenset({"reference", "weights"}),
    network=NETWORK,
    of_clip=_reference_generated,
    note="The direction of AudioLDM's evaluation, av-benchmark and FastVideo, not the paper's.",
)
