"""Estimate: how long the clips of an experiment will take and how much they will hold, from steps timed here."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from app.counts import counted
from app.errors import UsageError
from app.verbs.clips.conditions import checkpoint_path, variant_of
from app.verbs.metrics.facts import seconds_taken

if TYPE_CHECKING:
    from quant.model.loading import AudioModel
    from quant.rendering.sampling import Sampling
    from survey import StudyConfig

ENOUGH = 4  # clips of a condition whose own times are taken for the rest
STEPS = 8  # of the clip that is rendered to time the decoder and to see its size
WORKERS = 4  # for whom the time is told where no cluster is asked


@dataclass(frozen=True)
class Part:
    """What is to be done for a condition: clips, seconds of one, and whether clips of it have told that."""

    clips: int
    seconds: float
    told: bool


@dataclass(frozen=True)
class Estimate:
    """Clips to be rendered by condition, seconds of the calibration, and bytes of the clips and the checkpoints."""

    parts: Mapping[str, Part]
    calibration: float
    bytes: int

    @property
    def clips(self) -> int:
        """How many clips there are to render."""
        return sum(part.clips for part in self.parts.values())

    @property
    def seconds(self) -> float:
        """How long they take, one worker's time."""
        return sum(part.clips * part.seconds for part in self.parts.values())


def estimate(
    folder: Path,
    config: StudyConfig,
    model: AudioModel,
    settings: Sampling,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Estimate:
    """Estimate what is left to do, by what was done: clips that are there tell the time and size of the rest.

    Conditions without such clips are timed: a few steps of each, with at most two blocks of each kind standing for the
    others, and one clip of a few steps for what follows the last step. Nothing is written.
    """
    from quant.inspect.pace import paces
    from quant.inspect.target import checkpoint_bytes

    variants = [variant_of(config, name) for name in config.conditions]
    there, taken = _there(folder, config, model, settings), _taken(folder, config)
    cells = len(config.prompts) * len(config.sampling.seeds)
    todo = {name: cells - len(there.get(name, ())) for name in config.conditions}
    quantized = [one for one in variants if one.scheme is not None]
    missing = [one for one in quantized if not checkpoint_path(folder, one.name).is_file()]
    wanted = [one for one in variants if todo[one.name] and len(taken.get(one.name, ())) < ENOUGH]
    if missing and variants[0] not in wanted:
        wanted.insert(0, variants[0])
    after, size = _one_clip(model, settings, config.prompts[0].text) if any(todo.values()) else (0.0, 0)
    found = paces(model, settings, wanted, progress) if wanted else {}
    parts = {}
    for name, clips in todo.items():
        told = len(taken.get(name, ())) >= ENOUGH
        seconds = median(taken[name]) if told else found[name].middle * settings.steps + after if name in found else 0.0
        parts[name] = Part(clips, seconds, told)
    files = [path for some in there.values() for path in some]
    if len(files) >= ENOUGH:
        size = ceil(sum(path.stat().st_size for path in files) / len(files))
    stored = sum(checkpoint_bytes(model, one, settings.steps) for one in missing)
    begun = (folder / "models" / "calibration.safetensors").is_file()
    step = found[variants[0].name].middle if missing else 0.0
    calibration = 0.0 if begun else step * settings.steps * config.calibration.prompts
    return Estimate(parts, calibration, size * sum(todo.values()) + stored)


def told(found: Estimate, config: StudyConfig, workers: int | None = None, free: int | None = None) -> list[str]:
    """Say an estimate in lines, the last of which is the whole: `39,000 clips: about 9 hours here; ...`."""
    seeds, sampling = config.sampling.seeds, config.sampling
    lines = [
        f"plan: {counted(len(config.prompts), 'prompt')}, {counted(len(config.conditions), 'condition')}, "
        f"{counted(len(seeds), 'seed')}; {counted(sampling.steps, 'step')} a clip of {sampling.seconds:g} s"
    ]
    width = max(map(len, found.parts))
    for name, part in found.parts.items():
        how = "as its clips took" if part.told else "from a few steps, one clip at a time"
        if part.clips:
            lines.append(
                f"  {name.ljust(width)}  {counted(part.clips, 'clip')}, {part.seconds:.2f} s each, {how}: "
                f"{duration(part.clips * part.seconds)}"
            )
    if found.calibration:
        prompts = counted(config.calibration.prompts, "calibration prompt")
        lines.append(f"  {prompts} before: {duration(found.calibration)}")
    disk = f"{size(found.bytes)}{'' if free is None else f' of {size(free)} free'}"
    if not found.clips:
        return [*lines, "all clips are there"]
    many = workers or WORKERS
    shared = duration(found.calibration + found.seconds / many)
    like = "" if workers else " like this machine"
    here = "of one worker" if workers else "here"
    whole = f"{duration(found.calibration + found.seconds)} {here}"
    return [
        *lines,
        f"{counted(found.clips, 'clip')}: about {whole}; on {counted(many, 'worker')}{like} {shared}; {disk}",
    ]


def refuse_full_disk(folder: Path, needed: int) -> int:
    """Refuse to begin what will not fit on the disk; return the bytes that are free.

    Raises
    ------
    UsageError
        If it will not.
    """
    free = free_bytes(folder)
    if needed > free:
        raise UsageError(
            f"{folder}: {size(needed)} are needed and {size(free)} are free; choose a folder on another disk with -o, "
            "or a smaller --limit"
        )
    return free


def free_bytes(folder: Path) -> int:
    """Bytes that are free where a folder is, or will be."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def duration(seconds: float) -> str:
    """Write a time to two figures at most."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 100:
        return f"{minutes:.0f} minutes"
    hours = minutes / 60
    return f"{hours:.0f} hours" if hours >= 10 else f"{hours:.1f} hours"


def size(count: int) -> str:
    """Write bytes to three figures."""
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def _one_clip(model: AudioModel, settings: Sampling, prompt: str) -> tuple[float, int]:
    """Time what follows the last step of a clip, and tell the bytes of its file: a clip of a few steps."""
    from quant.rendering.clips import encode_flac, render

    short, ended = replace(settings, steps=min(STEPS, settings.steps)), 0.0

    def step(done: int, total: int) -> None:
        nonlocal ended
        ended = time.perf_counter()

    samples = render(model, prompt, 0, short, step)
    content = encode_flac(samples, model.sample_rate)
    return time.perf_counter() - ended, len(content)


def _there(folder: Path, config: StudyConfig, model: AudioModel, settings: Sampling) -> dict[str, list[Path]]:
    """List the clips that are there, by condition; a quantized one without its checkpoint has none."""
    from app.verbs.clips.render import RawClips
    from quant.method.variants import VARIANTS

    ready = [
        name for name in config.conditions if VARIANTS[name].scheme is None or checkpoint_path(folder, name).is_file()
    ]
    raw = RawClips(folder, replace(config, conditions=tuple(ready)), model, settings)
    found = {name: [raw.path(name, prompt, seed) for _, prompt, seed in raw.cells()] for name in ready}
    return {name: [path for path in paths if path.is_file()] for name, paths in found.items()}


def _taken(folder: Path, config: StudyConfig) -> dict[str, Sequence[float]]:
    """Seconds that the clips of each condition took, as far as they are noted."""
    from quant.files import file_sha256
    from quant.method.variants import VARIANTS

    by_checkpoint, found = seconds_taken(folder), {}
    for name in config.conditions:
        path = checkpoint_path(folder, name)
        if VARIANTS[name].scheme is None:
            found[name] = by_checkpoint.get(None, [])
        elif path.is_file():
            found[name] = by_checkpoint.get(file_sha256(path), [])
    return found
