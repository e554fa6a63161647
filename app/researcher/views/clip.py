"""One clip: how it looks and how loud it is, where it comes from, and the other clips of its prompt to switch to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.researcher.views.spectrogram import spectrogram
from app.researcher.views.templates import frame, plain
from survey import Clip, Manifest


def clip_page(manifest: Manifest, clip: Clip, path: Path, sound: bool) -> str:
    """Draw a clip; `sound` says that its file is the one that the manifest names."""
    beside = [one for one in manifest.clips if one.prompt_id == clip.prompt_id and one.kind == clip.kind]
    beside.sort(key=lambda one: (one.stimulus != clip.stimulus, one.seed != clip.seed))
    seen = spectrogram(path)
    made = {"model": manifest.model, "earmark": manifest.earmark, **manifest.sampling}
    return frame(
        "clip",
        clip.stimulus,
        manifest.study,
        "../",
        clip=clip,
        beside=beside,
        intact=sound,
        top_khz=seen.top_hz / 1000,
        peak=seen.peak_dbfs,
        facts=[
            ("This clip", _rows({"file": clip.file, "sha256": clip.sha256, **clip.recipe, **clip.origin})),
            (f"Condition {clip.condition}", _rows(manifest.variants.get(clip.condition, {}))),
            ("All clips", _rows(made)),
        ],
    )


def _rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is known, as words."""
    known = [(name.replace("_", " "), value) for name, value in facts.items() if value not in (None, "", {}, [], ())]
    return [(name, plain(value)) for name, value in known]
