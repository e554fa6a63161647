"""Contents: a study as an archive holds it, without what is private and what only this machine knows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from app.errors import UsageError
from app.verbs.results.given import RECORD

if TYPE_CHECKING:
    from survey import Manifest, Problem, RatingRow, StudyConfig
    from survey.config.session import SessionRules

PRIVATE = ("platform", "completion_url", "codes", "embed")  # of recruitment: how people come, are paid and leave
PROMPTS, MEASURED = "prompts.csv", "metrics/measured.json"


def bare(path: str) -> str:
    """Give the last part of a path of this machine's; a name, and a path within the study, stay as they are.

    Examples
    --------
    >>> bare("/home/ann/models/large"), bare("../large"), bare("models/large"), bare("mini")
    ('large', 'large', 'models/large', 'mini')
    """
    found = PureWindowsPath(path) if PureWindowsPath(path).drive or "\\" in path else PurePosixPath(path)
    outside = found.is_absolute() or bool(found.drive) or ".." in found.parts or path.startswith("~")
    return found.name if outside else path


def written_study(folder: Path, config: StudyConfig) -> tuple[str, dict[str, Path]]:
    """Write a study.yaml by which others can serve the study; also the files that it names, by their place beside it.

    Raises
    ------
    UsageError
        If one that it names cannot be had.
    """
    import yaml

    from app.live.gold import read_gold
    from survey.yamlfile import read_yaml

    raw, files = read_yaml(folder / "study.yaml").values, dict[str, Path]()
    if recruitment := {key: value for key, value in (raw.get("recruitment") or {}).items() if key not in PRIVATE}:
        raw["recruitment"] = recruitment
    else:
        raw.pop("recruitment", None)
    if "prompts_file" in raw:
        files[PROMPTS], raw["prompts_file"] = folder / raw["prompts_file"], PROMPTS
    elif "prompts" not in raw:  # as the names of own clips gave them
        raw["prompts"] = [prompt.text for prompt in config.prompts]
    raw.setdefault("conditions", list(config.conditions))
    if config.model is not None:
        raw["model"] = bare(config.model)
    if config.clips is not None:
        given = raw["clips"] if isinstance(raw["clips"], dict) else {}
        raw["clips"] = {**given, "source": bare(config.clips.source)}
    if config.lora:
        raw["lora"] = [{"file": bare(one.file), "strength": one.strength} for one in config.lora]
    entries = raw.get("session", {}).get("gold", ())
    for number, (entry, one) in enumerate(zip(config.session.gold, entries, strict=True), 1):
        read_gold(folder, entry, number)  # which refuses what lies outside the study
        name = f"gold/{number}{Path(entry.file).suffix}"
        files[name], one["file"] = folder / entry.file, name
    return yaml.safe_dump(raw, sort_keys=False, allow_unicode=True, width=120), files


def without_paths(manifest: Manifest) -> Manifest:
    """Return a manifest that names no folder of this machine."""
    imported = manifest.imported
    if imported is not None:
        imported = {**imported, "source": bare(str(imported.get("source", "")))}
    clips = tuple(
        replace(clip, origin={**clip.origin, "file": bare(str(clip.origin["file"]))}) if "file" in clip.origin else clip
        for clip in manifest.clips
    )
    return replace(manifest, model=bare(manifest.model), imported=imported, clips=clips)


def record(
    config: StudyConfig,
    revision: int,
    rules: Sequence[SessionRules | None],
    languages: Mapping[str, int],
    looked: Sequence[str],
) -> dict[str, str]:
    """Write what the ratings were given under: the frozen part of the study, the rules of the sessions, early looks."""
    from survey.config.revision import fingerprint, frozen

    part = frozen(config)
    told = {
        "study": config.name,
        "revision": revision,
        "sha256": fingerprint(part),
        "frozen": part,
        "rules": [_plain(one) if one else None for one in rules],
        "languages": dict(sorted(languages.items())),
        "looked": list(looked),
    }
    return {RECORD: as_json(told)}


def _plain(rules: SessionRules) -> dict[str, Any]:
    """Return the rules of a session without this machine's places."""
    return asdict(replace(rules, gold=tuple(replace(one, file=bare(one.file)) for one in rules.gold)))


def checks(problems: Sequence[Problem], rows: Sequence[RatingRow], folder: Path, clips: int) -> dict[str, str]:
    """Write what the launch gate says of the clips, and how often each kind of check was passed and failed."""
    places = {f"{folder / 'clips'}/": "clips/", f"{folder}/": ""}
    gate = []
    for problem in problems:
        message = problem.message
        for here, there in places.items():
            message = message.replace(here, there)
        gate.append({**asdict(problem), "message": message})
    told = Counter((row.kind, "passed" if row.passed else "failed") for row in rows if row.passed is not None)
    counts = {
        kind: {how: told[kind, how] for how in ("passed", "failed")} for kind in sorted({kind for kind, _ in told})
    }
    return {"checks.json": as_json({"launch_gate": {"clips": clips, "problems": gate}, "checks": counts})}


def as_json(value: object) -> str:
    """Write JSON for people to read."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def beside(folder: Path, named: Mapping[str, Path], sounds: bool) -> dict[str, bytes]:
    """Read the files that belong to the study: those that study.yaml names, recorded instructions, and metrics.

    Without `sounds`, no file of sound is among them.

    Raises
    ------
    UsageError
        If one cannot be read.
    """
    wanted = dict(named)
    wanted |= {f"spoken/{path.name}": path for path in sorted((folder / "spoken").glob("[1-5].flac"))}
    wanted |= {name: folder / name for name in (MEASURED,) if (folder / name).is_file()}
    found = {}
    for name, path in wanted.items():
        if not sounds and name not in (PROMPTS, MEASURED):
            continue
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be read ({error.strerror}); check the file and its permissions"
            ) from error
    return found
