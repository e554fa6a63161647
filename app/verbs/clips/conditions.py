"""What study.yaml makes of a condition: its variant with the study's own settings, and how the manifest says them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.errors import UsageError
from app.output.terminal import word
from quant.adapters.adapter import Adapter
from quant.method.variants import VARIANTS, Variant, check_engine, lowrank_of, range_of, rounding_of, variant_named
from quant.pretrained.folder import find
from quant.rendering.length import check_length
from survey import StudyConfig
from survey.faults import fault_at, in_lines
from survey.trials.questions import ANCHOR


def model_name(folder: Path, config: StudyConfig) -> str:
    """Name the study's model for the loader; a relative folder, or weight file, is relative to the study.

    Raises
    ------
    UsageError
        If it has none, as all its clips are own ones.
    """
    if config.model is None:
        raise UsageError(
            f"{folder / 'study.yaml'}: names no model, so there is nothing to calibrate, quantize or inspect; its "
            f"clips are your own: earmark generate {word(folder)} imports them"
        )
    beside = folder / config.model
    return str(beside) if os.path.exists(beside) else config.model  # of any text, where pathlib may raise


def rendered(config: StudyConfig) -> tuple[str, ...]:
    """Name the conditions whose clips the study's model renders; the others are own clips."""
    if config.clips is None:
        return config.conditions
    return tuple(name for name in config.conditions if config.model is not None and name in VARIANTS)


def adapters_of(folder: Path, config: StudyConfig) -> tuple[Adapter, ...]:
    """Name the adapters of the study's model for the loader; a relative path is relative to the study."""
    beside = ((folder / one.file, one) for one in config.lora)
    return tuple(
        Adapter(path if os.path.exists(path) else Path(os.path.expanduser(one.file)), one.strength)
        for path, one in beside
    )


def adapter_facts(adapters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Say which adapters a model has, in flat plain names, as the manifest holds it; nothing if it has none.

    ``adapters`` are as :func:`quant.adapters.adapter.recorded` says them.
    """
    columns = {
        "adapters": "file",
        "adapter_strengths": "strength",
        "adapters_sha256": "sha256",
        "adapter_configs_sha256": "config_sha256",
    }
    return {
        key: [one.get(name) for one in adapters]
        for key, name in columns.items()
        if any(one.get(name) is not None for one in adapters)
    }


def checkpoint_path(folder: Path, condition: str) -> Path:
    """Where a study keeps the checkpoint of a quantized condition."""
    return folder / "models" / f"{condition}.safetensors"


def variant_of(config: StudyConfig, condition: str) -> Variant:
    """Find a condition's variant with the study's own settings, of each those that it has a use for."""
    variant, rules = variant_named(condition), config.quantization
    if variant.scheme is None:
        return variant
    groups = rules.groups if variant.scheme == "dynamic" else 1
    lowrank = rules.lowrank if variant.rank else "auto"
    reach = config.calibration.range if variant.scheme == "static" else "auto"
    rotate = rules.rotate and reach != "minmax"
    rounding = "auto" if rules.rounding == "nearest" and variant.weight_bits == 8 else rules.rounding
    return replace(
        variant, groups=groups, lowrank=lowrank, keep=rules.keep, range=reach, rounding=rounding, rotate=rotate
    )


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
        check_engine(variant, config.quantization.engine, config.calibration.alpha)
    if not quantized:
        return
    rules = config.quantization
    idle = {
        "quantization.groups": (rules.groups > 1 and not any(one.groups > 1 for one in quantized), "none is dynamic"),
        "quantization.rotate": (
            rules.rotate and not any(one.rotate for one in quantized),
            "none is dynamic and the range is minmax",
        ),
        "quantization.lowrank": (
            rules.lowrank != "auto" and not any(one.rank for one in quantized),
            "none has a low-rank branch",
        ),
        "quantization.rounding": (
            rules.rounding != "auto" and not any(one.rounding != "auto" for one in quantized),
            "weights of 8 bits are rounded to the nearest anyway",
        ),
        "calibration.range": (
            config.calibration.range != "auto" and not any(one.scheme == "static" for one in quantized),
            "none is static",
        ),
    }
    if found := [
        fault_at(key, f"changes no condition, as {why}; leave it out") for key, (wrong, why) in idle.items() if wrong
    ]:
        raise UsageError(in_lines(found, "study.yaml"))


def check_model(folder: Path, config: StudyConfig, beyond_training: bool = False) -> None:
    """Refuse a model that will not do, or clips longer than its training's, by its configuration alone.

    Raises
    ------
    ModelError
        If the model is not found or not computed.
    SamplingError
        If the clips are too long and that is not allowed by ``beyond_training``.
    """
    name = model_name(folder, config)
    found = find(name).config
    if not beyond_training:
        check_length(found, config.sampling.seconds, config.model or name)


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
        **({"lowrank": lowrank_of(variant, rules.engine)} if variant.rank else {}),
        "keep": list(variant.keep),
        "rounding": rounding_of(variant, rules.engine),
        "rotate": variant.rotate,
        **({"cache": variant.cache} if variant.cache else {}),
        **({"range": range_of(variant, rules.engine)} if variant.scheme == "static" else {}),
        "alpha": "search" if config.calibration.alpha is None else config.calibration.alpha,
        "calibration_prompts": config.calibration.prompts,
    }
