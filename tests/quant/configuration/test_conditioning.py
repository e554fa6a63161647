"""Conditioning: which conditioner is told the prompt, and which the seconds."""

from __future__ import annotations

from typing import Any

import pytest

from quant.configuration.conditioning import metadata, roles


def conditioning(*pairs: str, **defaults: str) -> dict[str, Any]:
    """Conditioners of "id type" each."""
    split = [pair.split() for pair in pairs]
    return {"configs": [{"id": id_, "type": type_} for id_, type_ in split], "default_keys": defaults}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (conditioning("prompt t5", "seconds_total number"), {"prompt": "prompt", "seconds_total": "seconds_total"}),
        (conditioning("caption lut"), {"caption": "prompt"}),
        (conditioning("prompt t5", "lyrics t5"), {"prompt": "prompt", "lyrics": None}),
        (conditioning("verse t5", "chorus t5"), {"verse": None, "chorus": None}),
        (conditioning("a t5", "b lut", a="prompt", b="prompt"), {"a": "prompt", "b": "prompt"}),
        (conditioning("a t5", "b lut", a="text", b="text"), {"a": "prompt", "b": "prompt"}),
        (conditioning("a t5", "b lut", a="prompt", b="text"), {"a": "prompt", "b": None}),
        (
            conditioning("prompt t5", "length int", length="seconds_total"),
            {"prompt": "prompt", "length": "seconds_total"},
        ),
        (conditioning("prompt t5", "bpm number"), {"prompt": "prompt", "bpm": None}),
        (conditioning("prompt number"), {"prompt": None}),
        (conditioning("seconds_total t5"), {"seconds_total": None}),
    ],
)
def test_roles(given: dict[str, Any], told: dict[str, str | None]) -> None:
    assert roles(given) == told


def test_whole_seconds_are_rounded_up() -> None:
    given = conditioning("text t5", "seconds_start int", "seconds_total number", "length int", length="seconds_total")
    assert metadata(given, "rain", 2.25) == {"text": "rain", "seconds_start": 0, "seconds_total": 2.25, "length": 3}
