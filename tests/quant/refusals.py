"""The one line with which a model is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import one_line

from quant.errors import ModelError
from quant.model.loading import load_model


def refusal(name: str | Path) -> str:
    """The one line with which the loader refuses a model."""
    with pytest.raises(ModelError) as caught:
        load_model(str(name))
    return one_line(caught.value)
