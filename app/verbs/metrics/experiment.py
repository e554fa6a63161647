"""Experiment: the study folder of the paper's Table 1, made of captions, and its clips as the models give them."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import UsageError
from app.folder import yaml_text
from app.progress import Progress
from app.verbs.metrics.captions import Caption
from atomic import replacing

if TYPE_CHECKING:
    from analysis.metrics.basis.clips import Clip
    from app.verbs.clips.render import RawClips
    from quant.rendering.sampling import Sampling
    from survey import StudyConfig

FORMAT, RECORD = 1, "table1.json"
FIRST_SEED = 1000
MANY = 20  # prompts; beyond, a participant rates FEW of them, as in the paper's survey
FEW = 5


@dataclass(frozen=True)
class Wanted:
    """What is asked of an experiment: the model by the loader's name, the captions' file, its sample, what is rendered.

    ``steps`` and ``calibration`` are None for the paper's.
    """

    model: str
    source: Path
    captions: Sequence[Caption]
    seeds: int
    conditions: Sequence[str]
    steps: int | None = None
    calibration: int = 50

    @property
    def prompts(self) -> list[str]:
        """The texts of the captions, each once: a clip depends on the text and the seed alone."""
        return list(dict.fromkeys(one.text for one in self.captions))

    def settings(self, paper: Sampling) -> Sampling:
        """The paper's settings for the model, with the steps that are asked for."""
        return paper if self.steps is None else replace(paper, steps=self.steps)


def absolute(model: str) -> str:
    """Name a model from anywhere: a folder or file by its whole path, others as they are called."""
    from quant.pretrained.folder import MODELS

    return os.path.abspath(model) if model not in MODELS and os.path.exists(model) else model


def refuse_other(folder: Path, wanted: Wanted) -> None:
    """Refuse a folder that holds something else than this experiment, before any work is done.

    Raises
    ------
    UsageError
        If it is a file, or was made of other captions or another model, or not by this verb.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder with -o")
    if not (folder / "study.yaml").exists():
        return
    record = _read_record(folder)
    if record is None:
        raise UsageError(f"{folder}: holds a study that earmark table1 did not make; choose another folder with -o")
    if record["captions_sha256"] != _sha256(wanted.source):
        raise UsageError(
            f"{folder}: was made of other captions ({record['captions']}); give those, or another folder with -o"
        )
    if record["model"] != wanted.model:
        raise UsageError(
            f"{folder}: was made with another model ({record['model']}); give that one, or another folder with -o"
        )
    written = (folder / "study.yaml").read_text(encoding="utf-8")
    if written != record["study"]:
        raise UsageError(
            f"{folder}: its study.yaml was changed by hand, so that it is not the paper's any more; go on with earmark "
            f"generate and earmark measure, or choose another folder with -o"
        )


def write_folder(folder: Path, wanted: Wanted, settings: Sampling) -> None:
    """Make the study's folder, or bring it up to a larger sample or more seeds.

    Raises
    ------
    UsageError
        As :func:`refuse_other`, or if it cannot be written.
    """
    refuse_other(folder, wanted)
    text = _study(wanted, settings)
    record = {
        "format": FORMAT,
        "captions": wanted.source.name,
        "captions_sha256": _sha256(wanted.source),
        "model": wanted.model,
        "study": text,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "prompts.csv", ["prompt"], [[prompt] for prompt in wanted.prompts])
        head = [one.name for one in fields(Caption)]
        rows = [[getattr(one, name) for name in head] for one in wanted.captions]
        _write(folder / "captions.csv", head, rows)
        # Its record first: a study without one would be somebody else's.
        for name, content in ((RECORD, json.dumps(record, indent=1, ensure_ascii=False)), ("study.yaml", text)):
            with replacing(folder / name) as temporary:
                temporary.write_text(content, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}); choose another folder with -o") from error


def render_clips(folder: Path, config: StudyConfig, device: str, cluster: str | None) -> RawClips:
    """Calibrate, quantize and render whatever is missing; the clips stay as the models give them, as in the paper."""
    from app.verbs.clips.pipeline import Pipeline

    run = Pipeline(folder, config, device)
    with Progress(folder, run.calibration_steps() + run.clip_steps()) as progress:
        run.check()
        run.quantize(run.calibrate(progress), progress)
        return run.render(progress, cluster)


def experiment_clips(raw: RawClips, captions: Sequence[Caption]) -> list[Clip]:
    """List the clip of every caption under each condition and seed; captions of one text have one and the same file."""
    from analysis.metrics.basis.clips import Clip
    from quant.files import file_sha256

    hashes: dict[Path, str] = {}
    clips = []
    for condition in raw.config.conditions:
        for seed in raw.config.sampling.seeds:
            for one in captions:
                path = raw.path(condition, one.text, seed)
                if path not in hashes:
                    hashes[path] = file_sha256(path)
                clips.append(Clip(path, hashes[path], one.id, one.text, condition, seed))
    return clips


def reference_names(captions: Sequence[Caption]) -> dict[str, list[str]]:
    """Say what the file of each caption's real audio may be called, by the caption's id."""
    return {one.id: [one.youtube_id, f"Y{one.youtube_id}", f"{one.youtube_id}_{one.start}", one.id] for one in captions}


def _study(wanted: Wanted, settings: Sampling) -> str:
    sampling = {one.name: getattr(settings, one.name) for one in fields(settings)}
    sampling["seeds"] = list(range(FIRST_SEED, FIRST_SEED + wanted.seeds))
    lines = [
        f"# Made by earmark table1 of {' '.join(wanted.source.name.split())}: the paper's Table 1.",
        "name: table1",
        f"model: {yaml_text(wanted.model)}",
        f"conditions: [{', '.join(wanted.conditions)}]",
        "prompts_file: prompts.csv",
        "sampling:",
        *(f"  {key}: {value}" for key, value in sampling.items()),
        f"calibration: {{prompts: {wanted.calibration}, alpha: 0.5}}",
    ]
    if len(wanted.prompts) > MANY:
        lines.append(f"session: {{prompts_per_participant: {FEW}}}")
    return "\n".join([*lines, ""])


def _read_record(folder: Path) -> Mapping[str, Any] | None:
    """Read what a folder was made of; None if it says nothing."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        known = {"captions", "captions_sha256", "model", "study"} <= record.keys() and record["format"] == FORMAT
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return record if known else None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
