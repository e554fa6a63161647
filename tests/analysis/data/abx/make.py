"""Make the data set of this folder: python make.py (numpy 2.4). The answers are R's: Rscript golden.R."""

import csv
from pathlib import Path

import numpy as np

HEAR = {("w8", "base"): 0.52, ("w4", "base"): 0.8, ("w4", "w8"): 0.68}


def write() -> None:
    """Write the answers of 11 raters who differ in how much they hear and in how many trials they did."""
    rng = np.random.default_rng(31)
    with (Path(__file__).parent / "abx.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("participant", "prompt", "condition", "reference", "question", "first", "x", "position", "score"))
        for r in range(11):
            ear, position = rng.normal(0, 0.12), 0
            for pair, share in HEAR.items():
                for trial in range(int(rng.integers(6, 13))):
                    position += 1
                    way = pair if rng.random() < 0.5 else pair[::-1]
                    first, x = (way[int(rng.random() < 0.5)] for _ in range(2))
                    right = rng.random() < np.clip(share + ear, 0.02, 0.98)
                    out.writerow((f"r{r:02}", f"p{trial % 4}", *way, "abx", first, x, position, int(right)))


write()
