"""What of a study cannot change while people take part: frozen when the first session begins, and compared since.

Another question, another sound or another rule of decision would make one study of two. What is frozen is stored as
JSON, in the words of study.yaml; a change of it needs a new revision, and every session belongs to one.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass, replace
from typing import Any

from survey.config.clips import OwnClips
from survey.config.rendering import Calibration, Lora, Quantization, Sampling
from survey.config.study import AnalysisRules, Prompt, StudyConfig
from survey.config.together import check_together
from survey.translations import Translations, differences, frozen_texts, joined
from survey.trials.scale import Asked, Scale
from survey.values import restored, shown

SECTIONS: dict[str, type] = {
    "sampling": Sampling,
    "calibration": Calibration,
    "quantization": Quantization,
    "scale": Scale,
    "analysis": AnalysisRules,
}
# Of translations, what frozen_texts gives.
PLAIN = ("model", "conditions", "prompts", "lora", "clips", "scales", "layout", "translations")
FROZEN = (*PLAIN, *SECTIONS)


def frozen(config: StudyConfig) -> dict[str, Any]:
    """Return the part of a configuration that is frozen, as JSON gives it back."""
    sections = {name: asdict(getattr(config, name)) for name in SECTIONS} | {"scale": config.scale.stored()}
    prompts = [prompt.text for prompt in config.prompts]
    made: dict[str, Any] = {"model": config.model, "conditions": config.conditions, "prompts": prompts, **sections}
    if config.lora:  # studies without one are frozen as they were before there were any
        made["lora"] = [asdict(one) for one in config.lora]
    if not config.quantization.rotate:  # likewise
        del made["quantization"]["rotate"]
    if config.quantization.rounding == "auto":  # likewise
        del made["quantization"]["rounding"]
    if config.analysis.stopping == "none":  # likewise
        del made["analysis"]["stopping"]
    if config.calibration.range == "auto":  # likewise
        del made["calibration"]["range"]
    if config.clips:  # likewise
        made["clips"] = asdict(config.clips)
    if config.scales:  # likewise
        made |= {"scales": [one.stored() for one in config.scales], "layout": config.layout}
    if translations := frozen_texts(config.translations):  # likewise
        made["translations"] = translations
    return dict(json.loads(json.dumps(made)))


def fingerprint(part: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a frozen part."""
    return hashlib.sha256(json.dumps(part, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def asked_of(part: Mapping[str, Any]) -> Asked:
    """Return what a frozen part asks."""
    scales = part.get("scales") or [part.get("scale", {})]
    return Asked(tuple(restored(Scale, one) for one in scales), part.get("layout", "together"))


def translations_of(part: Mapping[str, Any]) -> Translations:
    """Return the translations of a frozen part."""
    found: Translations = part.get("translations", {})
    return found


def completed(known: Mapping[str, Any], config: StudyConfig) -> dict[str, Any]:
    """Return a frozen part of which only some is known, with the configuration's values for the rest."""
    scale = known.get("scale", {})
    if scale.get("type", config.scale.type) != config.scale.type:
        # The words of another type do not fit this one.
        config = replace(config, scale=restored(Scale, scale), scales=(), layout="together")
    made = frozen(replace(config, translations={}))  # nobody had any then
    for key, value in known.items():
        made[key] = {**made[key], **value} if isinstance(value, dict) else value
    return made


def in_force(part: Mapping[str, Any], config: StudyConfig) -> StudyConfig:
    """Return a configuration with the frozen part in the place of its own.

    Raises
    ------
    ConfigError
        If what may change does not go with what is frozen.
    """
    sections: dict[str, Any] = {name: restored(cls, part[name]) for name, cls in SECTIONS.items()}
    prompts = tuple(Prompt(f"p{number}", text) for number, text in enumerate(part["prompts"], 1))
    lora = tuple(restored(Lora, one) for one in part.get("lora", ()))
    sections["scales"] = tuple(restored(Scale, one) for one in part.get("scales", ()))
    sections["layout"] = part.get("layout", "together")
    conditions = tuple(part["conditions"])
    clips = restored(OwnClips, part["clips"]) if part.get("clips") else None
    translations = joined(translations_of(part), frozen_texts(config.translations, frozen=False))
    plain: dict[str, Any] = {"model": part["model"], "conditions": conditions, "prompts": prompts}
    made = replace(config, lora=lora, clips=clips, translations=translations, **plain, **sections)
    check_together(made, "study.yaml")
    return made


def changes(before: StudyConfig, after: StudyConfig) -> list[str]:
    """Say what of the frozen part is another in `after`: the key, its value there, and the one before."""
    then, now = dict(_leaves(before)), dict(_leaves(after))
    if then.get("quantization.lowrank") == "error" and now.get("quantization.lowrank") == "auto":
        del then["quantization.lowrank"]  # begun when that was the default: it stays in force
    changed = [
        f"{key} is {shown(now[key])}, was {shown(then[key])}" for key in then if then[key] != now.get(key, then[key])
    ]
    return changed + differences(frozen_texts(before.translations), frozen_texts(after.translations))


def with_frozen(written: StudyConfig, config: StudyConfig) -> StudyConfig:
    """Return what is written, with what is frozen of a configuration in the place of its own."""
    kept = {name: getattr(config, name) for name in FROZEN}
    free = frozen_texts(written.translations, frozen=False)
    return replace(written, **kept | {"translations": joined(frozen_texts(config.translations), free)})


def _leaves(config: StudyConfig) -> Iterator[tuple[str, Any]]:
    for name in FROZEN:
        if name == "translations":
            continue
        value = getattr(config, name)
        if name == "clips":
            yield name, asdict(value) if value else None
        elif name == "scales":
            yield name, [one.name for one in value]
            yield from ((f"scales.{one.name}.{key}", leaf) for one in value for key, leaf in vars(one).items())
        elif name == "scale" and config.scales:
            continue
        elif is_dataclass(value):
            yield from ((f"{name}.{key}", leaf) for key, leaf in vars(value).items())
        elif name == "prompts":
            yield name, [prompt.text for prompt in value]
        elif name == "lora":
            yield name, [f"{one.file} with strength {one.strength:g}" for one in value]
        else:
            yield name, list(value) if isinstance(value, tuple) else value
