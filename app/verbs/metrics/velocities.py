"""Velocities: how well each quantized condition answers the calls of full precision's own runs, as a column in dB."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UsageError
from app.progress import Progress
from app.verbs.clips.conditions import checkpoint_path
from quant.method.variants import VARIANTS

if TYPE_CHECKING:
    from analysis.metrics.measured import Cell, Column
    from survey import StudyConfig

KEY = "velocity_sqnr"


def velocity_column() -> Column:
    """The column."""
    from analysis.metrics.measured import Column

    note = "Noise over signal of the network's answers to full precision's own calls, averaged over noise levels."
    return Column(KEY, "velocity SQNR (dB)", "higher", unit="dB", note=note)


def velocity_cells(folder: Path, config: StudyConfig, conditions: Sequence[str], device: str) -> list[Cell]:
    """Compare every quantized condition with full precision along its runs, of each prompt and seed of the study.

    Raises
    ------
    UsageError
        If no model renders the study.
    """
    from analysis.metrics.basis.intervals import mean_over_prompts
    from analysis.metrics.measured import Cell
    from app.verbs.clips.pipeline import Pipeline
    from quant.engine.checkpoint import load_beside
    from quant.inspect.velocity import paired_velocities

    if config.model is None:
        raise UsageError(f"--metrics {KEY}: the clips are your own, and no model is there to ask; leave it out")
    pipeline = Pipeline(folder, config, device)
    seeds, texts = config.sampling.seeds, [prompt.text for prompt in config.prompts]
    cells = []
    asked = [name for name in conditions if name in VARIANTS and VARIANTS[name].scheme is not None]
    with Progress(folder, len(asked) * len(texts) * len(seeds), "run") as progress:
        for name in conditions:
            if name not in asked:
                why = "it is full precision itself" if name in VARIANTS else "no model of the study made it"
                cells.append(Cell(KEY, name, None, why=why))
                continue
            progress.say(f"velocities of {name}")
            quantized = load_beside(checkpoint_path(folder, name), pipeline.model)[0]
            found = paired_velocities(
                pipeline.model, quantized, texts, seeds, pipeline.settings, lambda done, total: progress.advance(1)
            ).of_clips
            of = {(text, seed): float(found[i, j]) for i, text in enumerate(texts) for j, seed in enumerate(seeds)}
            finite = {cell: value for cell, value in of.items() if math.isfinite(value)}
            if not finite:
                cells.append(Cell(KEY, name, None, why="it answers exactly as full precision does"))
                continue
            value, low, high = mean_over_prompts(list(finite.values()), [text for text, _ in finite])
            cells.append(Cell(KEY, name, value, low, high, len(finite)))
    return cells
