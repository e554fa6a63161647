"""What metrics measured, drawn from a model in which clips have a quality that metrics and people hear."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.metrics.basis.intervals import mean_over_prompts
from analysis.metrics.measured import Cell, ClipValue, Column, Measured

SEED_OF_CLIPS = 1000
METRICS: tuple[tuple[str, str, str, float], ...] = (
    ("clap", "CLAP score (630k-audioset-fusion-best)", "higher", 0.9),
    ("kl", "KL_passt(generated||reference)", "lower", 0.6),
    ("visqol", "ViSQOL, audio mode, to full precision", "higher", 0.5),
    ("cdpam", "CDPAM to full precision", "lower", 0.2),
)


def drawn(
    seed: int,
    conditions: Sequence[str],
    *,
    prompts: int = 8,
    raters: int = 6,
    metrics: Sequence[tuple[str, str, str, float]] = METRICS,
    mark: str = "",
) -> tuple[Measured, pd.DataFrame]:
    """Draw metrics and ratings of the same clips; the last number of a metric is how much of the quality it hears.

    Metrics whose names end in "to full precision" have no value for the first condition; `mark` ends every name.
    """
    random = np.random.default_rng(seed)
    size = (prompts, len(conditions))
    quality = random.normal(0, 0.5, prompts)[:, None] + random.normal(0, 0.4, size) - 0.2 * np.arange(len(conditions))
    names, labels = [f"p{number:02}{mark}" for number in range(prompts)], [f"{name}{mark}" for name in conditions]
    columns, cells, clips = [], [], []
    for key, name, better, heard in metrics:
        sign = 1 if better == "higher" else -1
        values = 3 + sign * (heard * quality + random.normal(0, 0.3, size))
        columns.append(Column(key, f"{name}{mark}", better, note=f"What {key} is.{mark}"))
        for place, condition in enumerate(labels):
            if name.endswith("to full precision") and place == 0:
                why = f"it is the full-precision clip itself{mark}"
                cells.append(Cell(key, condition, None, why=why))
                clips += [ClipValue(key, condition, prompt, SEED_OF_CLIPS, None, why) for prompt in names]
                continue
            own = values[:, place]
            clips += [
                ClipValue(key, condition, prompt, SEED_OF_CLIPS, float(value))
                for prompt, value in zip(names, own, strict=True)
            ]
            change = mean_over_prompts(own - values[:, 0], names) if place else (None, None, None)
            cells.append(Cell(key, condition, *mean_over_prompts(own, names), prompts, "", *change))
    columns.append(Column("size", f"file (GB){mark}", "lower", unit="GB", fact=True))
    cells += [Cell("size", name, 4.85 - place, n=1) for place, name in enumerate(labels)]
    measured = Measured(
        study=f"a study{mark}",
        baseline=labels[0],
        conditions=labels,
        columns=columns,
        cells=cells,
        clips=clips,
        networks={f"clap{mark}": {"checkpoint": f"630k{mark}", "sha256": "ab12" * 16}},
        reference=f"the clips of the first condition{mark}",
        remarks=[f"Two clips are silent.{mark}"],
        sha256=["c" * 64],
    )
    bias = random.normal(0, 0.3, raters)
    rows = [
        (f"r{rater}{mark}", names[prompt], labels[place],
         int(np.clip(np.rint(3.5 + quality[prompt, place] + bias[rater] + random.normal(0, 0.7)), 1, 5)),
         str(SEED_OF_CLIPS))
        for rater in range(raters) for prompt in range(prompts) for place in range(len(labels))
    ]  # fmt: skip
    return measured, pd.DataFrame(rows, columns=["participant", "prompt", "condition", "score", "seed"])
