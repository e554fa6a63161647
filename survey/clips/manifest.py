"""clips/manifest.json: which clip came from which prompt, condition and seed."""

import json
import re
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import atomic
from survey.errors import ManifestError, reason
from survey.faults import Fault, in_lines
from survey.values import shown

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Clip:
    """The audio file of one stimulus; `file` is relative to the manifest's folder.

    `recipe` says what rendered it: device, processor, kernel_path, dtype and the versions of torch and Earmark; it is
    empty where that is not known, as in manifests of versions that did not note it. `kind` is `trial`, or `practice` or
    `gold` for clips beside the test; a gold clip's answer is to lie within `tolerance` of the one `expected`. `origin`
    says of an own clip which file it was and what was done to it; it is empty for clips that were rendered.
    """

    stimulus: str
    prompt_id: str
    prompt: str
    condition: str
    seed: int
    file: str
    sha256: str
    seconds: float
    sample_rate: int
    channels: int
    gain_db: float
    loudness_lufs: float
    recipe: dict[str, str] = field(default_factory=dict)
    kind: str = "trial"
    expected: float | None = None
    tolerance: float = 0.0
    origin: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All clips of a study with what made them.

    `variants` says of each condition, in flat plain names, how it is computed (scheme, bits, engine, groups, rank, ...)
    and from which files: `model_sha256` of the full-precision weights, and of a quantized one `checkpoint`,
    `checkpoint_sha256` and `calibration_sha256`. Where adapters are merged into the model, `adapters`,
    `adapter_strengths` and `adapters_sha256` list their files, and `model_sha256` stands for weights and adapters.
    Of a condition of own clips it says that it is one (`scheme`), and how many files of which formats there were.
    `model` and `sampling` are empty where all clips are own ones; `imported` says how those were made alike.
    """

    study: str
    model: str
    earmark: str
    sampling: dict[str, Any]
    variants: dict[str, dict[str, Any]]
    clips: tuple[Clip, ...]
    foils: dict[str, list[str]] | None = None  # survey/trials/foils.py; None in manifests from before there were any
    beyond_training: float | None = None  # seconds of the clips of the model's training, if the study's are longer
    imported: dict[str, Any] | None = None  # settings and source of own clips; None where there are none


def read_manifest(path: Path) -> Manifest:
    """Read a manifest and check its shape.

    Raises
    ------
    ManifestError
        If it is not there, or with all that is wrong with its clips, in a line each.
    """
    again = "run `earmark generate` again"
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text)
    except FileNotFoundError:
        raise ManifestError(f"{path}: there are no clips yet; run `earmark generate` first") from None
    except RecursionError:
        raise ManifestError(f"{path}: damaged (nested too deeply); {again}") from None
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path}: damaged or unreadable ({reason(error)}); {again}") from error
    if not isinstance(raw, dict) or "format" not in raw:
        raise ManifestError(f"{path}: not a manifest of Earmark; {again}")
    if raw.pop("format") != FORMAT:
        raise ManifestError(f"{path}: written in a format other than {FORMAT}; update Earmark or {again}")
    try:
        entries = raw.pop("clips")
        if faults := [fault for entry in entries for fault in _faults(entry)]:
            line = _lines(text)
            said = [
                Fault(f"damaged (clip {shown(stimulus)}: {what}); {again}", line=line(stimulus, key))
                for stimulus, key, what in faults
            ]
            raise ManifestError(in_lines(said, str(path)))
        manifest = Manifest(clips=tuple(Clip(**entry) for entry in entries), **raw)
    except (KeyError, TypeError) as error:
        raise ManifestError(f"{path}: damaged ({reason(error)}); {again}") from error
    if not isinstance(manifest.sampling, dict) or not isinstance(manifest.variants, dict):
        raise ManifestError(f"{path}: damaged (sampling and variants must be mappings); {again}")
    if manifest.imported is not None and not isinstance(manifest.imported, dict):
        raise ManifestError(f"{path}: damaged (imported must be a mapping); {again}")
    trained = manifest.beyond_training
    if trained is not None and (isinstance(trained, bool) or not isinstance(trained, int | float)):
        raise ManifestError(f"{path}: damaged (beyond_training is {trained!r}, not seconds); {again}")
    if not _are_foils(manifest.foils):
        raise ManifestError(f"{path}: damaged (foils must map each prompt to a list of prompts); {again}")
    return manifest


def _are_foils(foils: object) -> bool:
    if foils is None:
        return True
    return isinstance(foils, dict) and all(
        isinstance(others, list) and all(isinstance(other, str) for other in others) for others in foils.values()
    )


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write atomically: a reader sees the old manifest or the new one, never half of one."""
    text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=2, ensure_ascii=False)
    with atomic.replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


_KINDS = {float: (int, float), float | None: (int, float, type(None)), dict[str, str]: dict, dict[str, Any]: dict}


def _faults(entry: Any) -> Iterator[tuple[object, str, str]]:
    """Yield what is wrong with the entry of a clip: its stimulus, the key, and what stands there."""
    try:
        clip = Clip(**entry)
    except TypeError as error:
        stimulus = entry.get("stimulus") if isinstance(entry, dict) else entry
        yield stimulus, "stimulus", reason(error)
        return
    for entry_field in fields(Clip):
        name, value = entry_field.name, getattr(clip, entry_field.name)
        kind: Any = _KINDS.get(entry_field.type, entry_field.type)  # type: ignore[arg-type]
        if isinstance(value, bool) or not isinstance(value, kind):
            yield clip.stimulus, name, f"{name} is {shown(value)}"
    if isinstance(clip.recipe, dict) and not all(isinstance(value, str) for value in clip.recipe.values()):
        yield clip.stimulus, "recipe", f"recipe is {shown(clip.recipe)}"
    file = clip.file if isinstance(clip.file, str) else ""
    if Path(file).is_absolute() or ".." in Path(file).parts or "\0" in file:
        yield clip.stimulus, "file", f"file {shown(file)} lies outside the folder"


def _lines(text: str) -> Callable[[object, str], int]:
    """Return what finds the line of a key of a clip, by its stimulus; 0 where there is none."""
    starts = {found[1]: found.start() for found in re.finditer(r'"stimulus"\s*:\s*("(?:[^"\\]|\\.)*")', text)}
    breaks = [found.start() for found in re.finditer("\n", text)]

    def line(stimulus: object, key: str) -> int:
        start = starts.get(json.dumps(stimulus, ensure_ascii=False), -1)
        place = text.find(f'"{key}"', start) if start >= 0 else -1
        return bisect(breaks, place) + 1 if place >= 0 else 0

    return line
