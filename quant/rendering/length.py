"""Length: how long the clips were that a model was trained on, read from its configuration. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quant.errors import ModelError, SamplingError


def trained_seconds(config: Mapping[str, Any], name: str = "model") -> float | None:
    """Seconds of the clips of a model's training: ``sample_size / sample_rate``; None if the configuration has none.

    Raises
    ------
    ModelError
        If one of the two is there and is no count.

    Examples
    --------
    >>> trained_seconds({"sample_size": 441000, "sample_rate": 44100}), trained_seconds({"sample_rate": 44100})
    (10.0, None)
    """
    counts = []
    for key in ("sample_size", "sample_rate"):
        value = config.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise ModelError(f"{name}: {key} in model_config.json is {value!r}; it must be a count above 0")
        counts.append(value)
    size, rate = counts
    return size / rate


def beyond_training(config: Mapping[str, Any], seconds: float, name: str = "model") -> float | None:
    """Give the trained seconds if clips of ``seconds`` are longer by a sample; None if they are not, or none are known.

    Raises
    ------
    ModelError
        As :func:`trained_seconds`.

    Examples
    --------
    >>> config = {"sample_size": 441000, "sample_rate": 44100}
    >>> beyond_training(config, 10.0), beyond_training(config, 30.0)
    (None, 10.0)
    """
    trained = trained_seconds(config, name)
    if trained is None or round(seconds * config["sample_rate"]) <= config["sample_size"]:
        return None
    return trained


def check_length(config: Mapping[str, Any], seconds: float, name: str) -> None:
    """Refuse clips that are longer than those that the model was trained on.

    Raises
    ------
    SamplingError
        If they are, with the trained length.
    ModelError
        As :func:`trained_seconds`.

    Examples
    --------
    >>> try:
    ...     check_length({"sample_size": 441000, "sample_rate": 44100}, 30.0, "mine")
    ... except SamplingError as error:
    ...     print(str(error).partition(";")[0])
    sampling.seconds: 30 s is longer than the 10.00 s that mine was trained on
    """
    trained = beyond_training(config, seconds, name)
    if trained is not None:
        # Cut, not rounded: what is shown must be allowed when it is asked for.
        most = int(trained * 100) / 100
        raise SamplingError(
            f"sampling.seconds: {seconds:g} s is longer than the {most:.2f} s that {name} was trained on; "
            "ask for at most that, or allow it with --beyond-training"
        )
