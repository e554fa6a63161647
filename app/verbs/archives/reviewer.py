"""Reviewer: the page of an archive on which its clips are heard side by side, which needs no program but a browser."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING
from urllib.parse import quote

from app.verbs.results.spoken import question_in

if TYPE_CHECKING:
    from survey import Clip, Manifest, RatingRow, StudyConfig

SCORED = ("acr", "dcr", "numeric", "slider")  # of one clip at a time, so that a mean of it says something


@dataclass(frozen=True)
class Heard:
    """A clip on the page: its place, how many answers were about it, and their mean where it is of it alone."""

    clip: Clip
    place: str
    ratings: int
    mean: float | None


def page(config: StudyConfig, manifest: Manifest, rows: Sequence[RatingRow], *, sounds: bool) -> str:
    """Write the page.

    Parameters
    ----------
    rows
        The ratings, of whose trials the means are; of several scales the first is shown.
    sounds
        Whether the clips are in the archive.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    first = config.asked.first
    given = [row for row in rows if row.kind == "trial" and row.scale == (first.name or "")]
    # An answer to a pair is about both of its clips; its row names the other by its condition.
    tested = [clip for clip in manifest.clips if clip.kind == "trial"]
    others = {(clip.prompt_id, clip.condition, clip.seed): clip.stimulus for clip in tested}
    compared = [others.get((row.prompt_id, row.reference, row.seed)) for row in given if row.reference]
    about = Counter([*(row.stimulus for row in given), *compared])
    scores: dict[str, list[float]] = defaultdict(list)
    for row in given:
        if row.score is not None and first.type in SCORED:
            scores[row.stimulus].append(row.score)
    blocks: dict[tuple[str, str, int], list[Heard]] = defaultdict(list)
    beside: list[Heard] = []
    for clip in manifest.clips:
        own = scores[clip.stimulus]
        one = Heard(clip, quote(f"clips/{clip.file}"), about[clip.stimulus], fmean(own) if own else None)
        (blocks[clip.prompt_id, clip.prompt, clip.seed] if clip.kind == "trial" else beside).append(one)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("reviewer.html").render(
        study=config.name,
        question=question_in(config, ""),
        raters=len({row.participant for row in rows}),
        ratings=len(given),
        blocks=blocks,
        beside=beside,
        sounds=sounds,
        scales=config.asked.several,
    )
