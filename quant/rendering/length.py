"""Length: how long the clips were that a model was trained on, read from its configuration. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quant.errors import SamplingError


def trained_seconds(config: Mapping[str, Any]) -> float:
    """Seconds of the clips of a model's training: ``sample_size / sample_rate`` of a configuration that is checked.

    Examples
    --------
    >>> trained_seconds({"sample_size": 441000, "sample_rate": 44100})
    10.0
    """
    return float(config["sample_size"] / config["sample_rate"])


def beyond_training(config: Mapping[str, Any], seconds: float) -> float | None:
    """Give the trained seconds if clips of ``seconds`` are longer by a sample; None if they are not.

    Examples
    --------
    >>> config = {"sample_size": 441000, "sample_rate": 44100}
    >>> beyond_training(config, 10.0), beyond_training(config, 30.0)
    (None, 10.0)
    """
    longer = round(seconds * config["sample_rate"]) > config["sample_size"]
    return trained_seconds(config) if longer else None


def check_length(config: Mapping[str, Any], seconds: float, name: str) -> None:
    """Refuse clips that are longer than those that the model was trained on.

    Raises
    ------
    SamplingError
        If they are, with the trained length.

    Examples
    --------
    >>> try:
    ...     check_length({"sample_size": 441000, "sample_rate": 44100}, 30.0, "mine")
    ... except SamplingError as error:
    ...     print(str(error).partition(";")[0])
    sampling.seconds: 30 s is longer than the 10.00 s that mine was trained on
    """
    trained = beyond_training(config, seconds)
    if trained is not None:
        # Cut, not rounded: what is shown must be allowed when it is asked for.
        most = int(trained * 100) / 100
        raise SamplingError(
            f"sampling.seconds: {seconds:g} s is longer than the {most:.2f} s that {name} was trained on; "
            "ask for at most that, or allow it with --beyond-training"
        )
