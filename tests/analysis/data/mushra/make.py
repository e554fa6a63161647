"""Make the data set of this folder: python make.py (numpy 2.4). The answers are R's: Rscript golden.R."""

import csv
from pathlib import Path

import numpy as np

QUALITY = {"reference": 100, "w8": 88, "w4": 62, "anchor": 25}


def write() -> None:
    """Write sliders of 12 raters and 7 prompts; r03 and r08 often miss the hidden reference; some lines are missing."""
    rng = np.random.default_rng(41)
    with (Path(__file__).parent / "mushra.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("participant", "prompt", "condition", "question", "score"))
        for r in range(12):
            shift = rng.normal(0, 6)
            for p in range(7):
                missed = (r in (3, 8) and p < r - 1) or (r == 5 and p == 2)
                for condition, quality in QUALITY.items():
                    if rng.random() < 0.02:
                        continue
                    felt = quality + shift + rng.normal(0, 9)
                    if condition == "reference":
                        felt = 78 + rng.normal(0, 4) if missed else 100 - abs(rng.normal(0, 3))
                    score = int(np.clip(np.rint(felt), 0, 89 if missed else 100))
                    out.writerow((f"r{r:02}", f"p{p}", condition, "mushra", score))


write()
