"""Own clips on their way into a study: listed, looked at, made alike, and written down in the manifest.

No model and no torch is needed, but where attention checks ask for prompts that nobody takes for each other.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import __version__
from app.counts import counted
from app.errors import UsageError
from app.progress import Progress
from survey import Clip, Manifest, StudyConfig, write_manifest
from survey.imports.importing import NOTES, Form, described, form_of, import_blocks, look_at
from survey.imports.plan import Plan, plan_import
from survey.sources.listing import Listing, find_source, list_clips
from survey.trials.foils import find_foils
from survey.trials.questions import ANCHOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from survey.imports.decode import Sound

OURS = re.compile(r"[0-9a-f]{32}\.flac")  # the names under which clips are imported


@dataclass(frozen=True)
class Found:
    """What a study imports: its source, and what becomes of each file."""

    source: Path
    listing: Listing
    plan: Plan

    @property
    def files(self) -> int:
        """How many files are imported."""
        return sum(len(block.clips) for block in (*self.plan.blocks, *self.plan.beside))


def find_own(folder: Path, config: StudyConfig, rendered: Sequence[str] = ()) -> Found:
    """List a study's own clips and say which become what; nothing is written.

    Raises
    ------
    SourceError
        If they do not fit the study.
    UsageError
        If they lie where the study keeps what it imports.
    """
    assert config.clips is not None
    source = find_source(folder, config.clips.source)
    check_apart(folder, source)
    listing = list_clips(source)
    return Found(source, listing, plan_import(config, listing, rendered))


def check_apart(folder: Path, source: Path) -> None:
    """Refuse a source in the folder of the study's clips, or around the study: originals are not touched.

    Raises
    ------
    UsageError
        If it is there.
    """
    study, there = folder.resolve(), source.resolve()
    held = there if there.is_dir() else there.parent
    if held.is_relative_to(study / "clips") or (there.is_dir() and study.is_relative_to(there)):
        raise UsageError(f"{source}: the study {folder} would keep its own clips in there; put the two side by side")


def look_at_own(found: Found) -> dict[str, Sound]:
    """Find out what every file is."""
    files = [one for block in (*found.plan.blocks, *found.plan.beside) for one in block.clips]
    return look_at(files, found.source)


def import_study(folder: Path, config: StudyConfig, fresh: bool = False) -> Manifest:
    """Import the clips of a study that renders none, and write its manifest; what was imported before is kept.

    ``fresh`` imports that again, too.
    """
    assert config.clips is not None
    found = find_own(folder, config)
    for note in found.plan.notes:
        print(f"note: {note}", file=sys.stderr)
    with Progress(folder, found.files, unit="clip") as progress:
        progress.say("looking at the files")
        sounds = look_at_own(found)
        form = form_of(config.clips, sounds.values())
        progress.say("importing")
        if fresh:
            shutil.rmtree(folder / "clips" / NOTES, ignore_errors=True)
        clips = import_blocks(
            found.plan,
            sounds,
            form,
            folder / "clips",
            found.source,
            progress.advance,
            _anchor(config, found.listing),
        )
        manifest = Manifest(
            study=config.name,
            model="",
            earmark=__version__,
            sampling={},
            variants=described([clip for clip in clips if clip.kind == "trial"], found.plan.anchors),
            clips=tuple(clips),
            foils=foils_of(config) if config.session.attention_checks else None,
            imported=imported(config, form),
        )
        write_manifest(folder / "clips" / "manifest.json", manifest)
        remove_stale(folder / "clips", clips)
        progress.say(f"{len(clips)} clips ready")
    print(said(clips, form))
    return manifest


def imported(config: StudyConfig, form: Form) -> dict[str, Any]:
    """Say what all own clips were brought to, as the manifest holds it."""
    assert config.clips is not None
    return {
        "source": config.clips.source,
        "sample_rate": form.sample_rate,
        "channels": form.channels,
        "loudness": form.loudness,
        "trim_silence": form.trim,
        "missing": config.clips.missing,
    }


def said(clips: Sequence[Clip], form: Form) -> str:
    """Say in a line what became of the files."""
    own = [clip for clip in clips if clip.origin.get("sha256")]
    done = Counter[str]()
    for clip in own:
        done["resampled"] += bool(clip.origin["resampled"])
        done["of other channels"] += bool(clip.origin["channels_changed"])
        done["padded"] += clip.origin["padded_seconds"] > 0
        done["lowered for a peak"] += clip.origin["lowered_db"] > 0
    steps = [f"{number} {step}" for step, number in done.items() if number]
    level = "loudness as it was" if form.loudness is None else f"{form.loudness:g} LUFS"
    channels = counted(form.channels, "channel")
    return f"imported at {form.sample_rate} Hz, {channels}, {level}: {', '.join([counted(len(own), 'file'), *steps])}"


def foils_of(config: StudyConfig) -> dict[str, list[str]]:
    """Choose the prompts that attention checks mix up, once for all sessions: serving needs no encoder."""
    from quant.model.sentence import similarities

    prompts = config.prompts
    return find_foils([prompt.id for prompt in prompts], similarities([prompt.text for prompt in prompts]))


def remove_stale(folder: Path, clips: Sequence[Clip]) -> None:
    """Remove what was imported before and is no clip of the study any more."""
    kept = {clip.file for clip in clips}
    for path in folder.glob("*.flac"):
        if OURS.fullmatch(path.name) and path.name not in kept:
            path.unlink()


def _anchor(config: StudyConfig, listing: Listing) -> tuple[str, str, Any] | None:
    """Return what makes the low anchor of a type that has one, unless the source brings its own."""
    from quant.rendering.anchor import low_anchor_of

    if config.scale.type != "mushra" or ANCHOR in listing.conditions:
        return None
    return config.analysis.baseline, ANCHOR, low_anchor_of
