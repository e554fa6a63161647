"""Provenance: how each condition was made stands in the JSON in full, and on the page for a reader."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from analysis import Source, StudyFacts
from analysis.read.facts import ClipFacts, warnings
from analysis.report.provenance import made, provenance

HASH = "0123456789abcdef" * 4
BASELINE = {
    "scheme": "full precision",
    "model_sha256": HASH,
    "device": "cpu",
    "kernel_path": "torch float32",
    "dtype": "float32",
    "torch": "2.13.0",
    "earmark": "0.1",
}
QUANTIZED = {
    **BASELINE,
    "scheme": "dynamic",
    "engine": "integer",
    "groups": 4,
    "rank": 32,
    "kernel_path": "oneDNN int8",
    "keep": ["ff.2"],
    "checkpoint_sha256": HASH[::-1],
    "calibration_sha256": HASH[4:] + "9999",
}


def clips(**conditions: dict[str, Any]) -> ClipFacts:
    sampling = {"sampler": "euler", "steps": 30, "cfg_scale": 7.0, "seeds": [1, 2]}
    recipe = ("device", "kernel_path", "dtype", "torch", "earmark")
    return ClipFacts("mini", "0.1", sampling, conditions, recipe, 8, (4.0, 4.0), 0.0)


def content(facts: ClipFacts | None) -> dict[str, Any]:
    return provenance(
        StudyFacts("s", clips=facts),
        Source("r.csv", HASH, 3),
        created="now",
        settings={"baseline": "fp32", "margin": 0.3, "alpha": 0.05},
        counts={"ratings": 3, "participants": 2, "prompts": 1},
        remarks=("one",),
    )


def test_the_json_has_all_that_the_manifest_says() -> None:
    found = content(clips(fp32=BASELINE, w8=QUANTIZED))["clips"]
    assert found["sampling"] == {"sampler": "euler", "steps": 30, "cfg_scale": 7.0, "seeds": [1, 2]}
    assert found["conditions"]["fp32"] == BASELINE
    assert found["conditions"]["w8"] == QUANTIZED


def test_what_is_missing_is_said_to_be_and_what_does_not_apply_is_not() -> None:
    bare = content(clips(fp32=BASELINE, w8={"checkpoint": "models/w8.safetensors", "sha256": None}))["clips"][
        "conditions"
    ]
    missing = {key for key, value in bare["w8"].items() if value == "not recorded"}
    assert missing == {
        *("engine", "groups", "rank", "calibration_sha256"),
        *("kernel_path", "dtype", "device", "torch", "earmark", "model_sha256"),
    }
    assert "engine" not in bare["fp32"]
    assert content(None)["clips"] is None


def test_the_page_parts_what_is_the_same_from_what_differs() -> None:
    table = made(clips(fp32=BASELINE, w8=QUANTIZED))
    same, differ = dict(table.same), dict(table.differ)
    assert table.conditions == ("fp32", "w8")
    assert same["Steps"] == "30"
    assert same["Seeds"] == "1, 2"
    assert same["Device"] == "cpu"
    assert same["Source weights, SHA-256"] == HASH[:12]
    assert differ["Kernel path"] == ("torch float32", "oneDNN int8")
    assert differ["Rank of the low-rank branch"] == ("none", "32")
    assert differ["Layers kept in 16 bits"] == ("none", "ff.2")
    assert differ["Checkpoint, SHA-256"] == ("none", HASH[::-1][:12])


def test_settings_of_any_name_and_depth_are_shown() -> None:
    table = made(clips(a={**BASELINE, "new.deep_setting": 1}, b={**BASELINE, "new.deep_setting": 2}))
    assert ("New, deep setting", ("1", "2")) in table.differ


def test_two_settings_of_one_name_are_told_apart() -> None:
    table = made(clips(a={**BASELINE, "x.rank": 1, "y.rank": 5}, b={**BASELINE, "x.rank": 2, "y.rank": 5}))
    assert ("Rank of the low-rank branch (x.rank)", ("1", "2")) in table.differ
    assert ("Rank of the low-rank branch (y.rank)", "5") in table.same


def test_conditions_that_were_not_computed_alike_are_warned_of() -> None:
    def said(**conditions: dict[str, Any]) -> str:
        return " ".join(warnings(StudyFacts(clips=clips(**conditions))))

    assert said(fp32=BASELINE, w8=QUANTIZED) == "", "a kernel path is of its condition"
    apart = said(fp32=BASELINE, w8={**QUANTIZED, "device": "H100"})
    assert "differ in device (cpu: fp32; H100: w8)" in apart
    mixed = said(fp32=BASELINE, w8={**QUANTIZED, "kernel_path": ("oneDNN (3 clips)", "Triton (1 clip)")})
    assert "clips of one condition" in mixed
    assert "differ in kernel path (oneDNN (3 clips) and Triton (1 clip): w8)" in mixed
    assert said(fp32={}, w8={}) == "", "of what is not recorded nothing is said"


def test_several_values_of_one_condition_are_a_list_in_the_json() -> None:
    mixed = replace(clips(w8={**QUANTIZED, "device": ("cpu (3 clips)", "H100 (1 clip)")}))
    assert content(mixed)["clips"]["conditions"]["w8"]["device"] == ["cpu (3 clips)", "H100 (1 clip)"]
    assert dict(made(mixed).same)["Device"] == "cpu (3 clips); H100 (1 clip)"
