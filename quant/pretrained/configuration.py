"""Configurations: which ``model_config.json`` is computed and which is refused, told from the JSON alone.

Imports no torch: a model that will not do is refused before anything is loaded.
"""

from __future__ import annotations

from typing import Any

from quant.errors import ModelError


def check(config: Any, name: str) -> None:
    """Refuse a configuration that Earmark does not compute, by the name of the option.

    Raises
    ------
    ModelError
        If it is of another kind of model or lacks something.

    Examples
    --------
    >>> try:
    ...     check({"model_type": "autoencoder"}, "mine")
    ... except ModelError as error:
    ...     print(str(error).partition(";")[0])
    mine: model_type is 'autoencoder'
    """
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "diffusion_cond":
        raise ModelError(
            f"{name}: model_type is {kind!r}; Earmark takes 'diffusion_cond', a text-to-audio diffusion model"
        )
