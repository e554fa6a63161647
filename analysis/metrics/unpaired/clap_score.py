"""CLAP score: how near a clip lies to its prompt, as the cosine of CLAP's embeddings of the two; a mean over clips.

The convention is that of stable-audio-metrics: LAION's checkpoint 630k-audioset-fusion-best, clips mono at 48 kHz with
their peak at -1 dB, those under 10 s repeated, those over it fused from the whole and three parts; prompts as they are,
cut to 77 tokens. See :mod:`analysis.metrics.networks.clap` and its front end. A silent clip has a value, too, that of
silence, where stable-audio-metrics gets NaN.

Others give the name to other numbers. FastVideo's evaluation, and whoever else runs transformers' processor on one
clip at a time, fuses every clip, also those that are no longer than 10 s: that is ``clap_score_fused``, measured where
it is asked for by name. AudioLDM 2 takes the checkpoint music_speech_audioset_epoch_15_esc_89.98, Make-An-Audio the
CLAP of Microsoft of 2022: no number of theirs can be compared with these.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from analysis.errors import NoValueError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric
from analysis.metrics.basis.networks import Array


def cosine(one: Array, other: Array) -> float:
    """Cosine of the angle between two embeddings.

    Examples
    --------
    >>> cosine(np.array([3.0, 4.0]), np.array([4.0, 3.0]))
    0.96
    """
    one, other = one.astype(np.float64), other.astype(np.float64)
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def _of_clip(network: str, clip: Clip, given: Given) -> float:
    if not clip.prompt.strip():
        raise NoValueError("it has no prompt that is known")
    return cosine(given.heard(network, clip)["embedding"], given.networks.texts(network, [clip.prompt])[0])


CLAP_SCORE = Metric(
    key="clap_score",
    name="CLAP score (630k-audioset-fusion-best)",
    better="higher",
    low=-1.0,
    high=1.0,
    needs=frozenset({"text", "weights"}),
    network="clap",
    of_clip=partial(_of_clip, "clap"),
)

CLAP_SCORE_FUSED = Metric(
    key="clap_score_fused",
    name="CLAP score (630k-audioset-fusion-best), every clip fused",
    better="higher",
    low=-1.0,
    high=1.0,
    needs=frozenset({"text", "weights"}),
    network="clap_fused",
    of_clip=partial(_of_clip, "clap_fused"),
    note="The convention of transformers' processor, not that of stable-audio-metrics.",
)
