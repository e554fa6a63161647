"""What study.yaml makes of a condition: its variant with the study's own settings, and how the manifest says them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from app.errors import UsageError
from quant.method.variants import Variant, check_engine, variant_named
from quant.pretrained.folder import find
from survey import StudyConfig
from survey.trials.questions import ANCHOR


def model_name(folder: Path, config: StudyConfig) -> str:
    """Name the study's model for the loader; a relative folder is relative to the study."""
    beside = folder / config.model
    return str(beside) if beside.is_dir() else config.model


def find_model(folder: Path, config: StudyConfig) -> None:
    """Refuse the study's model by its files and its configuration alone: before torch is imported, which takes seconds.

    Raises
    ------
    ModelError
        If it cannot be found, or Earmark does not compute it.
    """
    find(model_name(folder, config))


def checkpoint_path(folder: Path, condition: str) -> Path:
    """Where a study keeps the checkpoint of a quantized condition."""
    return folder / "models" / f"{condition}.safetensors"


def variant_of(config: StudyConfig, condition: str) -> Variant:
    """Find a condition's variant with the study's own settings, of each those that it has a use for."""
    variant, rules = variant_named(condition), config.quantization
    if variant.scheme is None:
        return variant
    groups = rules.groups if variant.scheme == "dynamic" else 1
    lowrank = rules.lowrank if variant.rank else "error"
    return replace(variant, groups=groups, lowrank=lowrank, keep=rules.keep)


def check_conditions(config: StudyConfig) -> None:
    """Refuse settings that would be left aside, before any work is done.

    Raises
    ------
    UsageError
        If one changes no condition of the study.
    VariantError
        If the engine does not honour one.
    """
    variants = [variant_of(config, condition) for condition in config.conditions]
    quantized = [variant for variant in variants if variant.scheme is not None]
    for variant in quantized:
        check_engine(variant, config.quantization.engine)
    if not quantized:
        return
    if config.quantization.groups > 1 and not any(variant.groups > 1 for variant in quantized):
        raise UsageError("study.yaml: quantization.groups: changes no condition, as none is dynamic; leave it out")
    if config.quantization.lowrank != "error" and not any(variant.rank for variant in quantized):
        raise UsageError(
            "study.yaml: quantization.lowrank: changes no condition, as none has a low-rank branch; leave it out"
        )


def settings_of(config: StudyConfig, condition: str) -> dict[str, Any]:
    """Say how a condition is computed, in flat plain names, as the manifest holds it; looks at no file."""
    if condition == ANCHOR:
        return {"made_from": config.analysis.baseline}
    variant, rules = variant_of(config, condition), config.quantization
    if variant.scheme is None:
        return {"scheme": "full precision", "weight_bits": 32, "activation_bits": 32}
    every_step = rules.engine == "reference" and variant.scheme == "dynamic"
    return {
        "scheme": variant.scheme,
        "weight_bits": variant.weight_bits,
        "activation_bits": variant.activation_bits,
        "engine": rules.engine,
        "groups": "one a step" if every_step else variant.groups,
        "rank": variant.rank,
        **({"lowrank": variant.lowrank} if variant.rank else {}),
        "keep": list(variant.keep),
        "alpha": config.calibration.alpha,
        "calibration_prompts": config.calibration.prompts,
    }
