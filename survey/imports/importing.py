"""Importing: all clips of a source, made alike and written under names that say nothing, on every core.

A block that was imported before from the same files under the same settings is not imported again: a note under the
hash of both says which clips it gave.
"""

import hashlib
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context, resource_tracker
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import atomic
from survey.clips.gate import longest_full_scale
from survey.clips.manifest import Clip
from survey.config.clips import OwnClips
from survey.errors import SourceError
from survey.faults import Fault, in_lines
from survey.imports.convert import resampled, trimmed, with_channels
from survey.imports.decode import Audio, Sound, decode, look
from survey.imports.finish import Finished, finish
from survey.imports.plan import Block, Plan, Planned

FORMAT = 2  # of what an import does: another number imports again
NOTES = "imported"  # the folder of the notes, beside the clips
FEW = 60  # blocks; for fewer, starting processes takes longer than it saves
HIGHEST_RATE = 48_000

Made = TypeVar("Made")
Given = TypeVar("Given")
Anchor = Callable[[Any, int], Any]


@dataclass(frozen=True, slots=True)
class Form:
    """What every clip of a study is brought to: Hz, channels, LUFS (None: as they are), and without silent ends."""

    sample_rate: int
    channels: int
    loudness: float | None
    trim: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A block to be imported into the folder of the clips.

    Where `anchor` is given, it makes a low anchor of the clip of the condition `baseline`.
    """

    block: Block
    sounds: tuple[Sound, ...]
    form: Form
    clips: Path
    baseline: str = ""
    anchor: Anchor | None = None
    anchor_name: str = ""


def look_at(rows: Sequence[Planned], source: Path) -> dict[str, Sound]:
    """Find out what every file is, by its path.

    Raises
    ------
    SourceError
        With all files that cannot be used.
    """
    found: dict[str, Sound] = {}
    faults: list[Fault] = []
    for one in rows:
        try:
            found[str(one.row.path)] = look(one.row.path, one.row.shown)
        except SourceError as error:
            faults.append(Fault(str(error), line=one.row.line))
    _refuse(source, faults)
    return found


def form_of(settings: OwnClips, sounds: Iterable[Sound]) -> Form:
    """Choose the rate and the channels of a study's clips, where it leaves them open.

    The rate is the highest there is, up to 48 kHz: a lower one would take from some clips what others never had.
    """
    there = list(sounds)
    rate = settings.sample_rate or min(HIGHEST_RATE, max((one.sample_rate for one in there), default=HIGHEST_RATE))
    channels = settings.channels or max((one.channels for one in there), default=1)
    return Form(rate, channels, settings.loudness, settings.trim_silence)


def import_blocks(
    plan: Plan,
    sounds: dict[str, Sound],
    form: Form,
    clips: Path,
    source: Path,
    advance: Callable[[int], None] = lambda clips: None,
    anchor: tuple[str, str, Anchor] | None = None,
) -> list[Clip]:
    """Import the blocks of a plan into the folder `clips`, and give their clips in the plan's order.

    Parameters
    ----------
    sounds
        What each file is, as :func:`look_at` found.
    advance
        Is told of so many clips more.
    anchor
        The baseline, the name of the low anchor, and what makes it of (samples, rate); for blocks under test.

    Raises
    ------
    SourceError
        With all files that could not be decoded, or if the clips cannot be written.
    """
    baseline, name, make = anchor or ("", "", None)
    jobs = [
        Job(block, tuple(sounds[str(one.row.path)] for one in block.clips), form, clips, baseline, make, name)
        for block in plan.blocks
    ]
    jobs += [Job(block, tuple(sounds[str(one.row.path)] for one in block.clips), form, clips) for block in plan.beside]
    made: dict[int, list[Clip]] = {}
    faults: list[Fault] = []
    try:
        for place, (found, wrong) in _on_every_core(_import_block, jobs):
            made[place] = found
            faults += wrong
            advance(len(jobs[place].block.clips))
    except BrokenProcessPool:
        raise SourceError(
            f"{source}: the system ended a process that imports, perhaps for want of memory; run it again, it goes on"
        ) from None
    except OSError as error:
        raise SourceError(f"{clips}: cannot be written ({error.strerror}); check the folder and the disk") from error
    _refuse(source, faults)
    return [clip for place in sorted(made) for clip in made[place]]


def converted(row: Planned, sound: Sound, form: Form) -> tuple[Audio, dict[str, Any]]:
    """Decode a file and bring it to the study's form; also what was done, as the manifest holds it."""
    audio = decode(row.row.path, row.row.shown, sound)
    origin: dict[str, Any] = {
        "file": row.row.shown,
        "sha256": _sha256(row.row.path),
        **asdict(sound),
        "seconds": round(len(audio) / sound.sample_rate, 3),
        "resampled": sound.sample_rate != form.sample_rate,
        "channels_changed": sound.channels != form.channels,
        # Of floating point what lies beyond full scale is not cut off.
        "full_scale_run": longest_full_scale(audio) if np.abs(audio).max() <= 1 else 0,
    }
    audio = with_channels(resampled(audio, sound.sample_rate, form.sample_rate), form.channels)
    if form.trim:
        audio, first, last = trimmed(audio)
        origin["trimmed_seconds"] = [round(first / form.sample_rate, 3), round(last / form.sample_rate, 3)]
    return audio, origin


def described(clips: Sequence[Clip], anchors: frozenset[str]) -> dict[str, dict[str, Any]]:
    """Say of each condition of own clips what its files were, as the manifest holds it."""
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(clip.condition for clip in clips):
        origins = [clip.origin for clip in clips if clip.condition == name]
        formats = Counter(str(one.get("format", "")) for one in origins)
        rates = Counter(one.get("sample_rate", 0) for one in origins)
        found[name] = {
            "scheme": "own clips",
            "source_formats": sorted(formats),
            "source_rates": sorted(rates),
            "anchor": name in anchors,
        }
    return found


def clip_of(block: Block, stimulus: str, condition: str, made: Finished, form: Form, file: str) -> Clip:
    """Describe a finished clip for the manifest."""
    return Clip(
        stimulus=stimulus,
        prompt_id=block.prompt_id,
        prompt=block.prompt,
        condition=condition,
        seed=block.seed,
        file=file,
        sha256=hashlib.sha256(made.content).hexdigest(),
        seconds=made.seconds,
        sample_rate=form.sample_rate,
        channels=form.channels,
        gain_db=round(made.gain, 3),
        loudness_lufs=round(max(made.loudness, -200.0), 2),
    )


def steps_of(made: Finished) -> dict[str, Any]:
    """Say what finishing did to a clip, as the manifest holds it."""
    return {
        "lowered_db": round(made.lowered, 3),
        "padded_seconds": round(made.padded, 3),
        "true_peak_dbtp": round(max(made.peak, -200.0), 2),
    }


def keep(folder: Path, content: bytes) -> str:
    """Write a clip under its hash, which tells nothing, and give its name."""
    name = f"{hashlib.sha256(content).hexdigest()[:32]}.flac"
    with atomic.replacing(folder / name) as temporary:
        temporary.write_bytes(content)
    return name


def _import_block(job: Job) -> tuple[list[Clip], list[Fault]]:
    """Import a block; gives its clips, or what is wrong with its files."""
    note = job.clips / NOTES / f"{_key(job)}.json"
    if known := _known(note, job):
        return known, []
    sounds: list[Audio] = []
    origins: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for one, sound in zip(job.block.clips, job.sounds, strict=True):
        try:
            audio, origin = converted(one, sound, job.form)
        except SourceError as error:
            faults.append(Fault(str(error), line=one.row.line))
        else:
            sounds.append(audio)
            origins.append(origin)
    if faults:
        return [], faults
    names = [(one.stimulus, one.condition) for one in job.block.clips]
    own = [name for _, name in names]
    if job.anchor is not None and job.baseline in own and job.anchor_name not in own:
        place = own.index(job.baseline)
        sounds.append(job.anchor(sounds[place], job.form.sample_rate))
        origins.append({"made_from": job.baseline, "file": origins[place]["file"]})
        names.append((f"{job.block.prompt_id}.{job.anchor_name}.{job.block.seed}", job.anchor_name))
    made = finish(sounds, job.form.sample_rate, job.form.loudness)
    clips = []
    for (stimulus, condition), finished, origin in zip(names, made, origins, strict=True):
        clip = clip_of(job.block, stimulus, condition, finished, job.form, keep(job.clips, finished.content))
        clips.append(replace(clip, origin={**origin, **steps_of(finished)}))
    if job.block.clips[0].row.kind in ("gold", "practice"):
        row = job.block.clips[0].row
        clips = [replace(clip, kind=row.kind, expected=row.expected, tolerance=row.tolerance) for clip in clips]
    with atomic.replacing(note) as temporary:
        temporary.write_text(json.dumps([asdict(clip) for clip in clips], ensure_ascii=False), encoding="utf-8")
    return clips, []


def _key(job: Job) -> str:
    """Hash all that a block's clips depend on."""
    files = [
        (one.stimulus, one.condition, one.row.kind, one.row.expected, one.row.tolerance, _sha256(one.row.path))
        for one in job.block.clips
    ]
    facts = [FORMAT, job.block.prompt_id, job.block.prompt, job.block.seed, files, asdict(job.form)]
    facts += [job.baseline, job.anchor_name] if job.anchor is not None else []
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()


def _known(note: Path, job: Job) -> list[Clip]:
    """Return the clips of a block that was imported before, if all of them are still what they were."""
    try:
        clips = [Clip(**entry) for entry in json.loads(note.read_text(encoding="utf-8"))]
        same = all(_sha256(job.clips / clip.file) == clip.sha256 for clip in clips)
    except (OSError, ValueError, TypeError):
        return []
    shown = {one.condition: one.row.shown for one in job.block.clips}  # the file may have another name now
    named = [replace(one, origin={**one.origin, "file": shown.get(one.condition, one.origin["file"])}) for one in clips]
    return named if same else []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _on_every_core(work: Callable[[Given], Made], jobs: Sequence[Given]) -> Iterator[tuple[int, Made]]:
    """Do jobs in processes, and yield the place of each with what it gave, as they end."""
    cores = len(os.sched_getaffinity(0))
    if cores < 2 or len(jobs) < FEW:
        yield from ((place, work(job)) for place, job in enumerate(jobs))
        return
    # Started anew: a fork of a process with threads, such as torch's, may wait for ever.
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        with _deaf_to_ctrl_c():
            places = {pool.submit(work, job): place for place, job in enumerate(jobs)}
        try:
            for done in as_completed(places):
                yield places[done], done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Leave Ctrl-C to this process, which hears of it afterwards; those started meanwhile never do."""
    resource_tracker.ensure_running()  # started meanwhile, it would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _refuse(source: Path, faults: Sequence[Fault]) -> None:
    if faults:
        raise SourceError(in_lines(faults, str(source)))
