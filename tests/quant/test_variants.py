"""Variants: the conditions that a study can name."""

from __future__ import annotations

import pytest
from tiny_models import one_line

import quant
from quant.errors import VariantError
from quant.variants import VARIANTS, Variant, variant_named


def test_names_are_those_of_the_papers_table() -> None:
    assert VARIANTS["baseline"] == Variant("baseline", None)
    assert VARIANTS["sqs-w8a8"] == Variant("sqs-w8a8", "static", 8, 8, 0)
    assert VARIANTS["sqd-w8a8"] == Variant("sqd-w8a8", "dynamic", 8, 8, 0)
    assert VARIANTS["sqd-lora-w8a8"] == Variant("sqd-lora-w8a8", "dynamic", 8, 8, 32)
    assert all(name == variant.name == variant_named(name).name for name, variant in VARIANTS.items())


def test_unknown_variant_lists_the_known() -> None:
    with pytest.raises(VariantError) as caught:
        variant_named("sqx-w2a2")
    message = one_line(caught.value)
    assert message.startswith("sqx-w2a2: ")
    assert all(name in message for name in VARIANTS)


def test_every_public_name_is_there() -> None:
    for name in quant.__all__:
        assert getattr(quant, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = quant.magic
