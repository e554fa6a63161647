"""The launch gate: what is wrong with a study's clips before anybody hears them."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from survey.clips.cells import TRIAL, Cell, cell_of
from survey.clips.level import loudness, true_peak
from survey.clips.manifest import Clip, Manifest
from survey.clips.recipes import DIFFERENT, Alike
from survey.clips.tags import tags_of
from survey.trials.foils import has_foils

SILENCE = 10 ** (-60 / 20)  # peak of full scale below which nothing can be heard
CLIPPED_RUN = 8  # successive samples at full scale; a normalized clip has single ones
LOUDNESS_SPREAD = 1.0  # LU between conditions of one prompt
HIGHEST_PEAK = 0.0  # dBTP of own clips: beyond full scale a player's converter distorts
LOW_PEAK = 0.25  # of full scale; between samples that stay below it nothing reaches full scale
LENGTH_TOLERANCE = 0.1  # seconds; latent frames round a clip's length


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason not to launch: the stimulus (or prompt), the rule it breaks and one line that says how."""

    stimulus: str
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the checks across clips need to know of one that could be read."""

    clip: Clip
    sample_rate: int
    channels: int
    digest: str
    loudness: float
    size: int


def check_clips(
    manifest: Manifest,
    folder: Path,
    *,
    cells: Collection[Cell],
    seconds: float | None,
    attention_checks: int = 0,
    threads: int = 1,
) -> list[Problem]:
    """Return every problem of the clips in `folder`; an empty list opens the gate.

    Parameters
    ----------
    manifest
        What the clips are said to be.
    folder
        Where they lie.
    cells
        The cells that must be there: prompt ids, condition names and seeds of the study.
    seconds
        The length every clip must have; None where those of a prompt and seed must be of one length, as own clips.
    attention_checks
        How many a session has: with any, there must be prompts that nobody takes for each other.
    threads
        How many clips are judged at once. With several, a program that ends meanwhile waits for all of them.
    """
    problems = [
        *_missing(manifest, cells),
        *_mixed(manifest.clips),
        *_ambiguous(manifest, {prompt for prompt, _, _ in cells}, attention_checks),
    ]
    longest: dict[tuple[str, int], float] = {}
    for clip in manifest.clips:
        block = clip.prompt_id, clip.seed
        longest[block] = max(clip.seconds, longest.get(block, 0.0))

    def checked(clip: Clip) -> tuple[list[Problem], list[_Heard]]:
        wanted, one = longest[clip.prompt_id, clip.seed] if seconds is None else seconds, list[_Heard]()
        return list(_check_clip(clip, folder, wanted, one, peaks=manifest.imported is not None)), one

    heard: list[_Heard] = []
    with ExitStack() as ending:
        # What takes the time lets go of Python's lock: reading, hashing, filtering.
        each = ending.enter_context(ThreadPoolExecutor(threads)).map if threads > 1 else map
        for found, one in each(checked, manifest.clips):
            problems += found
            heard += one
    leveled = (manifest.imported or {}).get("loudness", "") is not None  # None: as they are
    return problems + list(_check_prompts(heard, leveled)) + list(_duplicates(heard))


def _missing(manifest: Manifest, cells: Collection[Cell]) -> Iterator[Problem]:
    wanted = set(cells)
    there = Counter(cell_of(clip) for clip in manifest.clips if clip.kind == TRIAL)
    own = manifest.imported is not None
    source = "no clip is there; add its file, or state clips.missing: true, and" if own else "no clip was rendered;"
    for one in sorted(wanted - set(there)):
        yield Problem(_name(one), "missing", f"{source} run `earmark generate`")
    for one in sorted(set(there) - wanted):
        yield Problem(_name(one), "foreign", "the study does not ask for it; run `earmark generate`")
    for one in sorted(one for one, count in there.items() if count > 1):
        yield Problem(_name(one), "duplicate", "appears twice in the manifest; run `earmark generate`")


def _mixed(clips: Sequence[Clip]) -> Iterator[Problem]:
    """Conditions must differ in how they are quantized, not in what rendered them; own clips say nothing of that."""
    clips = [clip for clip in clips if not clip.origin]
    again = "run `earmark generate --fresh`"
    alike, others = Alike(), dict[str, list[str]]()
    for clip in clips:
        if difference := alike.difference(clip.condition, clip.recipe):
            others.setdefault(difference, []).append(clip.stimulus)
    if clips and not any(clip.recipe for clip in clips):
        yield Problem(
            "", "mixed", f"the clips do not say what rendered them, as clips of older versions do not; {again}"
        )
    for difference, names in others.items():
        more = f", as were {len(names) - 1} more" if len(names) > 1 else ""
        yield Problem(names[0], "mixed", f"{DIFFERENT}{more} ({difference}); {again}")


def _ambiguous(manifest: Manifest, prompts: Collection[str], attention_checks: int) -> Iterator[Problem]:
    """Refuse attention checks that an honest listener could fail."""
    if not attention_checks:
        return
    if manifest.foils is None:
        message = "the manifest does not say which prompts attention checks may mix up; run `earmark generate`"
        yield Problem("", "foils", f"{message}, or set session.attention_checks to 0")
    elif not has_foils(manifest.foils, prompts):
        message = "no two prompts differ enough for an attention check that every attentive person passes"
        yield Problem("", "foils", f"{message}; change a prompt, or set session.attention_checks to 0")


def _name(one: Cell) -> str:
    return ".".join(str(part) for part in one)


def _again(clip: Clip) -> str:
    """Say what is to be done with a clip whose sound is wrong."""
    if not clip.origin:
        return "render it again"
    return f"mend or replace {clip.origin.get('file', 'its file')}, then run `earmark generate`"


def _restore(clip: Clip) -> str:
    """Say what is to be done with a clip whose sound is right, and its file is not."""
    return "run `earmark generate`" if clip.origin else "render it again"


def _check_clip(
    clip: Clip, folder: Path, seconds: float, heard: list[_Heard], peaks: bool = False
) -> Iterator[Problem]:
    path = folder / clip.file
    try:
        content = path.read_bytes()
        audio, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (OSError, RuntimeError) as error:
        yield Problem(clip.stimulus, "unreadable", f"{path} cannot be read ({error}); {_restore(clip)}")
        return
    if hashlib.sha256(content).hexdigest() != clip.sha256:
        made = "imported" if clip.origin else "rendered"
        yield Problem(clip.stimulus, "sha256", f"{path} is not the file that was {made}; {_restore(clip)}")
    for tag in tags_of(path):
        yield Problem(clip.stimulus, "tags", f"{path} carries {tag}, which a listener could read; remove it")
    faults = dict([*_clipped_before(clip), *_sound_faults(audio, rate, seconds)])
    for rule, said in faults.items():
        yield Problem(clip.stimulus, rule, f"{path} {said}; {_again(clip)}")
    if not faults and peaks and np.abs(audio).max() > LOW_PEAK and (peak := true_peak(audio, rate)) > HIGHEST_PEAK:
        message = f"{path} has a true peak of {peak:+.1f} dBTP, which players distort"
        yield Problem(clip.stimulus, "true peak", f"{message}; lower the clips of its prompt, or give clips.loudness")
    if not audio.size or not np.isfinite(audio).all():
        return
    digest = hashlib.sha256(np.ascontiguousarray(audio).tobytes()).hexdigest()
    heard.append(_Heard(clip, rate, audio.shape[1], digest, loudness(audio, rate), len(content)))


def _sound_faults(audio: np.ndarray[Any, Any], rate: int, seconds: float) -> Iterator[tuple[str, str]]:
    if not np.isfinite(audio).all():
        yield "nan", "has values that are not numbers"
        return
    length = len(audio) / rate
    if abs(length - seconds) > LENGTH_TOLERANCE:
        yield "length", f"lasts {length:.2f} s instead of {seconds:g} s"
    if not audio.size or np.ptp(audio, axis=0).max() / 2 < SILENCE:  # a constant offset is no sound
        yield "silence", "is silent"
    elif longest_full_scale(audio) >= CLIPPED_RUN:
        yield "clipping", f"is clipped ({CLIPPED_RUN} or more consecutive samples at full scale)"


def _clipped_before(clip: Clip) -> Iterator[tuple[str, str]]:
    """Find an own clip whose file was clipped: at another level its flat peaks lie below full scale."""
    run = int(clip.origin.get("full_scale_run", 0))
    if run >= CLIPPED_RUN:
        yield "clipping", f"was clipped ({run} consecutive samples at full scale)"


def longest_full_scale(audio: np.ndarray[Any, Any]) -> int:
    """Return the longest run of samples at full scale in any channel."""
    longest = 0
    for channel in audio.T:
        full = np.abs(channel) >= 32767 / 32768
        edges = np.flatnonzero(np.diff(np.concatenate(([0], full.astype(np.int8), [0]))))
        longest = max(longest, int((edges[1::2] - edges[::2]).max(initial=0)))
    return longest


def _check_prompts(heard: Iterable[_Heard], leveled: bool = True) -> Iterator[Problem]:
    """Conditions of one prompt and seed must not differ in format, in bytes nor, where they are `leveled`, in level."""
    groups: dict[tuple[str, int], list[_Heard]] = defaultdict(list)
    for item in heard:
        groups[item.clip.prompt_id, item.clip.seed].append(item)
    for (prompt, _), items in groups.items():
        formats = {(item.sample_rate, item.channels) for item in items}
        if len(formats) > 1:
            shown = ", ".join(f"{rate} Hz x {channels}" for rate, channels in sorted(formats))
            message = f"its conditions differ in sample rate or channels ({shown}); run `earmark generate`"
            yield Problem(prompt, "format", message)
            continue
        sizes = sorted({item.size for item in items if item.clip.kind == TRIAL})
        if len(sizes) > 1:
            message = f"the files of its conditions have {len(sizes)} sizes, from {sizes[0]:,} to {sizes[-1]:,} bytes, "
            message += "by which a listener could tell them apart; run `earmark generate --fresh`"
            yield Problem(prompt, "size", message)
        levels = [item.loudness for item in items if np.isfinite(item.loudness)]
        if leveled and levels and max(levels) - min(levels) > LOUDNESS_SPREAD:
            spread = max(levels) - min(levels)
            message = f"its conditions differ by {spread:.1f} LU in loudness; at most {LOUDNESS_SPREAD:g} is fair; "
            message += "run `earmark generate`"
            yield Problem(prompt, "loudness", message)


def _duplicates(heard: Iterable[_Heard]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for item in heard:
        twin = first.setdefault(item.digest, item.clip.stimulus)
        if twin != item.clip.stimulus:
            remedy = "replace the file of one, or leave its condition out" if item.clip.origin else "render both again"
            yield Problem(item.clip.stimulus, "duplicate", f"has the same sound as {twin}; {remedy}")
