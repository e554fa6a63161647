"""Make the data sets of this folder: python make.py (numpy 2.4). The answers are R's: Rscript golden.R."""

import csv
from itertools import product
from pathlib import Path

import numpy as np

CONDITIONS = {"base": 3.6, "w8": 3.5, "w4": 2.9}
HEAD = ("participant", "prompt", "condition", "seed", "score")


def write(name: str, share: float, raters: int, prompts: int, seed: int) -> None:
    """Write crossed ratings, of which a share is kept; `share` 0 gives each rater one condition a prompt."""
    rng = np.random.default_rng(seed)
    rater, prompt = rng.normal(0, 0.5, raters), rng.normal(0, 0.4, (prompts, 3))
    names = list(CONDITIONS)
    with (Path(__file__).parent / f"{name}.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(HEAD)
        for r, p, s in product(range(raters), range(prompts), range(2 if share else 1)):
            for c, condition in enumerate(names):
                if rng.random() > share if share else (r + p) % 3 != c:
                    continue
                score = np.rint(CONDITIONS[condition] + rater[r] + prompt[p, c] + rng.normal(0, 0.8))
                out.writerow((f"r{r:02}", f"p{p}", condition, s, int(np.clip(score, 1, 5))))


write("incomplete", 0.8, 14, 6, 11)
write("unpaired", 0.0, 18, 9, 12)
