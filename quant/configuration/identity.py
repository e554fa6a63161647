"""Identity: by what two configurations are told apart whose weights are the same file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

COMPUTED = ("model_type", "sample_rate", "audio_channels", "model")
"""What the network, its conditioners and its autoencoder are made of; the rest is of training, and a length."""


def computed_sha256(config: Mapping[str, Any]) -> str:
    """Sha256 of what a ``model_config.json`` says of how a model computes.

    The same weights fit a network with other heads, another objective or a causal one: what was made with one of them
    must not be taken for what another makes.

    Examples
    --------
    >>> config = {"model_type": "diffusion_cond", "sample_rate": 22050, "model": {}}
    >>> computed_sha256(config)[:8]
    '0bab69a4'
    >>> computed_sha256({**config, "training": {}}) == computed_sha256(config)
    True
    """
    said = {key: config.get(key) for key in COMPUTED}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
