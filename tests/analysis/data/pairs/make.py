"""Make the data sets of this folder: python make.py (numpy 2.4). The answers are R's: Rscript golden.R.

Pairs stand either way round in the file, some trials are missing, and raters have leanings of their own.
"""

import csv
from itertools import combinations, product
from pathlib import Path

import numpy as np

QUALITY = {"base": 0.0, "w8": -0.1, "w4": -0.9, "lora": -0.4}
HEAD = ("participant", "prompt", "condition", "reference", "question", "first", "score")


def write(question: str, seed: int) -> None:
    """Write the answers of 13 raters about all pairs of four conditions."""
    rng = np.random.default_rng(seed)
    with (Path(__file__).parent / f"{question}.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(HEAD)
        leaning = rng.normal(0, 0.6, (13, 4))
        for r, p, pair in product(range(13), range(5), combinations(range(4), 2)):
            if rng.random() < 0.15:
                continue
            one, two = pair if rng.random() < 0.5 else pair[::-1]
            names = list(QUALITY)
            first = names[one if rng.random() < 0.5 else two]
            felt = QUALITY[names[one]] - QUALITY[names[two]] + leaning[r, one] - leaning[r, two]
            felt += rng.normal(0, 1.0) + (0.3 if first == names[one] else -0.3)
            score = int(np.clip(np.rint(felt), -3, 3)) if question == "ccr" else int(np.sign(np.rint(felt * 1.5)))
            out.writerow((f"r{r:02}", f"p{p}", names[one], names[two], question, first, score))


write("ab", 21)
write("ccr", 22)
