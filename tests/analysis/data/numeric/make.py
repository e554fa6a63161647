"""Make the data sets of this folder: python make.py (numpy 2.4). The answers are R's: Rscript golden.R."""

import csv
from itertools import product
from pathlib import Path

import numpy as np

CONDITIONS = {"base": 6.3, "w8": 6.2, "w4": 4.9}
HEAD = ("participant", "prompt", "condition", "score")


def write(name: str, seed: int, whole: bool) -> None:
    """Write ratings of 11 raters and 7 prompts from 0 to 10 in whole points, or from 0 to 100 with two digits."""
    rng = np.random.default_rng(seed)
    rater, prompt = rng.normal(0, 0.9, (11, 3)), rng.normal(0, 0.6, (7, 3))
    with (Path(__file__).parent / f"{name}.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(HEAD)
        for r, p, (c, condition) in product(range(11), range(7), enumerate(CONDITIONS)):
            score = np.clip(CONDITIONS[condition] + rater[r, c] + prompt[p, c] + rng.normal(0, 1.4), 0, 10)
            out.writerow((f"r{r:02}", f"p{p}", condition, int(np.rint(score)) if whole else f"{10 * score:.2f}"))


write("ten", 21, True)
write("slider", 22, False)
