"""Facts: what stands beside the metrics of a condition and is no metric: the model's size, and seconds a clip."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from app.verbs.clips.conditions import checkpoint_path, model_name
from quant.errors import QuantError
from quant.method.variants import VARIANTS

if TYPE_CHECKING:
    from analysis.metrics.measured import Cell, Column
    from quant.inspect.sizes import Sizes
    from survey import Manifest, StudyConfig

MEGA = 1e6
STATE_DICT, STORED, SECONDS = "state_dict_mb", "stored_mb", "seconds"
NO_MODEL = "clips that no model of the study made"


def fact_columns() -> list[Column]:
    """The columns of the facts."""
    from analysis.metrics.measured import Column

    known = {
        STATE_DICT: ("state dict (MB)", "MB", "What is not quantized counts in float32."),
        STORED: ("file (MB)", "MB", "What is stored, the rest of the model among it."),
        SECONDS: ("seconds a clip", "s", "Median, on the machine that rendered them."),
    }
    return [
        Column(key, name, "lower", 0.0, unit=unit, note=note, fact=True) for key, (name, unit, note) in known.items()
    ]


def fact_cells(folder: Path, config: StudyConfig, manifest: Manifest, conditions: Sequence[str]) -> list[Cell]:
    """The facts of each condition; what is not known has the reason."""
    from analysis.metrics.measured import Cell

    taken = seconds_taken(folder)
    cells = []
    for name in conditions:
        variant = manifest.variants.get(name, {})
        try:
            sizes, why = _sizes(folder, config, name), NO_MODEL
        except QuantError as error:
            sizes, why = None, str(error)
        state_dict, stored = (sizes.state_dict, sizes.stored) if sizes else (None, None)
        for key, size in ((STATE_DICT, state_dict), (STORED, stored)):
            cells.append(Cell(key, name, size / MEGA if size else None, why="" if size else why))
        made_here = name in VARIANTS and "scheme" in variant
        times = taken.get(variant.get("checkpoint_sha256"), []) if made_here else []
        why = "" if times else "not noted when they were rendered" if made_here else NO_MODEL
        cells.append(Cell(SECONDS, name, median(times) if times else None, n=len(times), why=why))
    return cells


def _sizes(folder: Path, config: StudyConfig, condition: str) -> Sizes | None:
    """Sizes of what renders a condition; None if no model does."""
    from quant.inspect.sizes import checkpoint_sizes, full_precision_sizes

    if condition not in VARIANTS or config.model is None:
        return None
    if VARIANTS[condition].scheme is None:
        return full_precision_sizes(model_name(folder, config))
    return checkpoint_sizes(checkpoint_path(folder, condition))


def seconds_taken(folder: Path) -> Mapping[str | None, Sequence[float]]:
    """Seconds that each clip of a study took, by the checkpoint's hash, None for full precision."""
    found: dict[str | None, list[float]] = defaultdict(list)
    for path in sorted((folder / "clips" / "raw").glob("*.json")):
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            found[note["clip"]["checkpoint_sha256"]].append(float(note["took"]["seconds"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found
