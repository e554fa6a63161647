"""Provenance: all that is needed to make a report again, and how each condition was made."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from analysis.read.facts import OWN, ClipFacts, StudyFacts, several
from analysis.read.sheet import Source

LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "krippendorff", "matplotlib")
MISSING = "not recorded"
# What a reader looks for first, by the last part of the manifest's name for it.
SETTINGS = {
    "made_from": "Made from the condition",
    "scheme": "Scheme",
    "weight_bits": "Bits per weight",
    "activation_bits": "Bits per activation",
    "engine": "Engine",
    "groups": "Groups of timesteps",
    "rank": "Rank of the low-rank branch",
    "lowrank": "The low-rank branch is made from",
    "rotate": "Activations and weights rotated",
    "keep": "Layers kept in 16 bits",
    "cache": "Change up to which outputs are taken again",
    "kernel_path": "Kernel path",
    "dtype": "Number format (dtype)",
    "device": "Device",
    "processor": "Processor",
    "torch": "Version of torch",
    "earmark": "Version of Earmark",
    "checkpoint": "Checkpoint",
    "checkpoint_sha256": "Checkpoint, SHA-256",
    "sha256": "Checkpoint, SHA-256",
    "calibration_sha256": "Calibration, SHA-256",
    "adapters": "Adapters",
    "adapter_strengths": "Strength of the adapters",
    "adapters_sha256": "Adapters, SHA-256",
    "model_sha256": "Source weights, SHA-256",
}
SAMPLING = {"cfg_scale": "Guidance", "sigma_min": "Lowest noise level", "sigma_max": "Highest noise level"}
# What is to be known of every condition, and of a quantized one; what is missing is said to be.
WANTED = ("kernel_path", "dtype", "device", "torch", "earmark", "model_sha256")
QUANTIZED = ("engine", "groups", "rank", "checkpoint_sha256", "calibration_sha256")
SHORT = 12  # digits of a hash on a page; the JSON has all


def provenance(
    facts: StudyFacts,
    source: Source,
    *,
    created: str,
    settings: Mapping[str, Any],
    counts: Mapping[str, int],
    remarks: Sequence[str],
) -> dict[str, Any]:
    """Give the content of `provenance` in report.json.

    Parameters
    ----------
    facts, source
        What is known of the study, and the file.
    created
        When it was analysed (UTC).
    settings
        Baseline, margin and alpha of the analysis.
    counts
        Ratings, participants and prompts.
    remarks
        What is peculiar about the data.
    """
    return {
        "study": facts.name,
        "earmark": facts.earmark,
        "created": created,
        "file": source.file,
        "sha256": source.sha256,
        "form": source.form,
        "notices": list(source.notices),
        "lines": source.lines,
        "left_out": source.left_out,
        **counts,
        **settings,
        "margin_from": facts.margin_from,
        "stopping": facts.stopping or None,
        "running": facts.running,
        "looked": list(facts.looked),
        "remarks": list(remarks),
        "clips": _clips(facts.clips) if facts.clips else None,
        "languages": [asdict(one) for one in facts.languages],
        "libraries": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }


def made(clips: ClipFacts) -> Made:
    """Set out how the conditions were made: what is the same for all of them, and what differs."""
    names = tuple(clips.conditions)
    complete = _complete(clips.conditions)
    keys = list(dict.fromkeys(key for settings in complete.values() for key in settings))
    keys.sort(key=_rank)
    labels = [_label(key) for key in keys]
    same: list[tuple[str, str]] = [
        *([("Model", clips.model)] if clips.model else []),
        ("Clips", f"{clips.clips}, {'made' if clips.model else 'imported'} by Earmark {clips.earmark}"),
        *((f"Own clips, {_plain(key).lower()}", _shown(key, value)) for key, value in clips.imported.items()),
        *((SAMPLING.get(key) or _plain(key), _shown(key, value)) for key, value in clips.sampling.items()),
    ]
    differ: list[tuple[str, tuple[str, ...]]] = []
    for key, label in zip(keys, labels, strict=True):
        name_of = label if labels.count(label) == 1 else f"{label} ({key})"
        values = tuple(_shown(key, complete[name].get(key)) for name in names)
        if len(set(values)) == 1:
            same.append((name_of, values[0]))
        else:
            differ.append((name_of, values))
    return Made(names, tuple(same), tuple(differ))


def _clips(clips: ClipFacts) -> dict[str, Any]:
    """Give what is recorded of the clips, as report.json has it."""
    return {
        "model": clips.model,
        "earmark": clips.earmark,
        "sampling": dict(clips.sampling),
        "imported": dict(clips.imported),
        "clips": clips.clips,
        "seconds": list(clips.seconds),
        "loudness_apart": clips.loudness_apart,
        "rated": clips.rated,
        "unlisted": clips.unlisted,
        "conditions": {
            name: {key: list(value) if several(value) else value for key, value in settings.items()}
            for name, settings in _complete(clips.conditions).items()
        },
    }


def _complete(conditions: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Say of what is looked for and missing that it is not recorded."""
    complete = {}
    for name, settings in conditions.items():
        held = {_last(key) for key in settings} | {"checkpoint_sha256" for key in settings if _last(key) == "sha256"}
        plain = settings.get("scheme") == "full precision" or "made_from" in settings
        own = settings.get("scheme") == OWN
        wanted = () if own else WANTED if plain else (*WANTED, *QUANTIZED)
        complete[name] = {**settings, **{key: MISSING for key in wanted if key not in held}}
    return complete


def _last(key: str) -> str:
    """Give the last part of a dotted name."""
    return key.rpartition(".")[2]


def _rank(key: str) -> int:
    """Give the place of a setting: first those that a reader looks for."""
    names = list(SETTINGS)
    return names.index(_last(key)) if _last(key) in SETTINGS else len(names)


def _label(key: str) -> str:
    """Name a setting for a reader."""
    return SETTINGS.get(_last(key)) or _plain(key)


def _plain(key: str) -> str:
    """Write a name of the manifest's as words."""
    return key.replace("_", " ").replace(".", ", ").capitalize()


def _shown(key: str, value: object) -> str:
    """Write a setting for the page."""
    if value is None:
        return "none"
    if several(value):
        assert isinstance(value, tuple)
        return "; ".join(map(str, value))
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    text = str(value)
    return text[:SHORT] if key.endswith("sha256") and value != MISSING else text


@dataclass(frozen=True)
class Made:
    """How the conditions were made.

    Parameters
    ----------
    conditions
        Their names.
    same
        Name and value of what all of them share.
    differ
        Name and one value a condition of what differs.
    """

    conditions: tuple[str, ...]
    same: tuple[tuple[str, str], ...]
    differ: tuple[tuple[str, tuple[str, ...]], ...]
