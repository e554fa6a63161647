"""Hearing: the networks of the metrics, those of the embedded model among them, and where their weights are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UsageError

if TYPE_CHECKING:
    from analysis.metrics.basis.networks import Network, Networks


def weights_folder(given: Path | None) -> Path | None:
    """Give the folder of weights: that of the option, else that of the environment; None if neither names one.

    Raises
    ------
    UsageError
        If it is no folder.
    """
    named = given or (Path(value) if (value := os.environ.get("EARMARK_WEIGHTS")) else None)
    if named is not None and not named.is_dir():
        raise UsageError(
            f"{'--weights' if given else 'EARMARK_WEIGHTS'}: {named} is no folder; name the one that holds them"
        )
    return named


def networks(kept: Path, weights: Path | None) -> Networks:
    """Give the networks that metrics may ask for; what they hear is kept in the folder ``kept``."""
    from analysis.metrics.basis.networks import Networks
    from analysis.metrics.registry import LOADERS

    return Networks({**LOADERS, "mini": _mini}, weights, kept)


def _mini(_: Path | None) -> Network:
    """Load the embedded model's listener, whose weights are its own."""
    from analysis.errors import WeightsError
    from quant.errors import QuantError
    from quant.mini.listener import load_listener

    try:
        return load_listener()
    except QuantError as error:
        raise WeightsError(str(error)) from error
