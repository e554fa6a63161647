"""Variants: the conditions that a study can name."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, asdict, replace
from typing import Any

import pytest
from tiny_models import one_line

import quant
from quant.errors import VariantError
from quant.method.variants import PAPER, VARIANTS, Variant, check_engine, rounding_of, variant_named


def test_names_are_those_of_the_papers_table() -> None:
    assert VARIANTS["baseline"] == Variant("baseline", None)
    assert VARIANTS["sqs-w8a8"] == Variant("sqs-w8a8", "static", 8, 8, 0)
    assert VARIANTS["sqd-w8a8"] == Variant("sqd-w8a8", "dynamic", 8, 8, 0)
    assert VARIANTS["sqd-lora-w8a8"] == Variant("sqd-lora-w8a8", "dynamic", 8, 8, 32)
    assert VARIANTS["sqs-w4a8"] == Variant("sqs-w4a8", "static", 4, 8, 0)
    assert VARIANTS["sqd-w4a8"] == Variant("sqd-w4a8", "dynamic", 4, 8, 0)
    assert VARIANTS["sqd-lora-w4a8"] == Variant("sqd-lora-w4a8", "dynamic", 4, 8, 64)
    assert len(PAPER) == 7
    assert VARIANTS["sqd-w8a8-cache"] == replace(VARIANTS["sqd-w8a8"], name="sqd-w8a8-cache", cache=0.2)
    assert {*VARIANTS} == {*PAPER, "sqd-w8a8-cache"}
    assert all(name == variant.name == variant_named(name).name for name, variant in VARIANTS.items())


def test_unless_said_otherwise_one_group_keeps_nothing_and_the_engine_says_what_the_branch_carries() -> None:
    for variant in VARIANTS.values():
        assert (variant.groups, variant.keep, variant.lowrank) == (1, (), "auto")


def test_variants_are_values_that_survive_json() -> None:
    """As study files and checkpoints hold them."""
    for variant in (*VARIANTS.values(), Variant("x", "dynamic", 4, 8, 16, "weight", 5, ("ff.2", "to_q"))):
        fields = json.loads(json.dumps(asdict(variant)))
        again = Variant(**(fields | {"keep": tuple(fields["keep"])}))
        assert again == variant
        assert hash(again) == hash(variant)
        with pytest.raises(FrozenInstanceError):
            variant.rank = 3


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


@pytest.mark.parametrize(
    ("base", "field", "value"),
    [
        *(("sqd-w8a8", "scheme", value) for value in ("per-token", "", 1)),
        *(("sqd-w8a8", bits, value) for bits in ("weight_bits", "activation_bits") for value in (-8, 0, 1, 9, 16, 4.5)),
        *(("sqd-w8a8", "rank", value) for value in (-1, -32)),
        *(("sqd-w8a8", "groups", value) for value in (-1, 0)),
        *(("sqd-w8a8", "cache", value) for value in (-0.1, float("nan"))),
        ("sqs-w8a8", "groups", 2),
        ("baseline", "rotate", True),
        ("sqd-lora-w8a8", "lowrank", "residual"),
        ("sqd-w8a8", "lowrank", "weight"),
        ("sqs-w8a8", "range", "narrow"),
        ("sqd-w8a8", "range", "mse"),
        ("sqd-w4a8", "rounding", "up"),
        *(
            ("baseline", *change)
            for change in (("weight_bits", 4), ("rank", 3), ("groups", 2), ("keep", ("ff.2",)), ("cache", 0.2))
        ),
    ],
)
def test_settings_that_are_impossible_or_change_nothing_are_refused(base: str, field: str, value: Any) -> None:
    with pytest.raises(VariantError) as caught:
        replace(VARIANTS[base], **{field: value})
    message = one_line(caught.value)
    assert message.startswith(f"{base}: {field}: ")


@pytest.mark.parametrize(
    "given", [replace(VARIANTS["sqs-w8a8"], range="minmax"), replace(VARIANTS["sqd-w8a8"], groups=2)]
)
def test_rotation_is_refused_where_calibration_saw_no_ranges_for_it(given: Variant) -> None:
    with pytest.raises(VariantError, match=f"{given.name}: rotate: needs one group of timesteps"):
        replace(given, rotate=True)


def test_feedback_is_for_one_group_and_taken_below_8_bits() -> None:
    with pytest.raises(VariantError, match="sqd-w4a8: rounding: feedback needs one group of timesteps, not 2"):
        replace(VARIANTS["sqd-w4a8"], groups=2, rounding="feedback")
    names = [name for name, variant in VARIANTS.items() if variant.scheme]
    fed = [name for name in names if rounding_of(VARIANTS[name], "integer") == "feedback"]
    assert fed == ["sqs-w4a8", "sqd-w4a8", "sqd-lora-w4a8"]
    assert rounding_of(replace(VARIANTS["sqd-w4a8"], groups=2), "integer") == "nearest"
    assert {rounding_of(VARIANTS[name], "reference") for name in names} == {"nearest"}


@pytest.mark.parametrize(
    ("variant", "field"),
    [
        (replace(VARIANTS["sqd-w8a8"], groups=2), "groups"),
        (replace(VARIANTS["sqs-w8a8"], rank=8), "rank"),
        (replace(VARIANTS["sqd-w8a8"], rotate=True), "rotate"),
        (replace(VARIANTS["sqd-w4a8"], rounding="feedback"), "rounding"),
        (replace(VARIANTS["sqd-lora-w8a8"], lowrank="outliers"), "lowrank"),
    ],
)
def test_what_the_reference_engine_would_leave_aside_is_refused(variant: Variant, field: str) -> None:
    check_engine(variant, "integer")
    with pytest.raises(VariantError) as caught:
        check_engine(variant, "reference")
    message = one_line(caught.value)
    assert message.startswith(f"{variant.name}: {field}: ")
    assert "integer engine" in message
