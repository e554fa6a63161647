"""Draw the data sets of the reliability tests: run it here, then golden.R; both outputs are committed."""

import csv
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def draw(name: str, *, seed: int, raters: int, clips: int, spread: tuple[float, float, float]) -> None:
    """Write every rater's score of every clip: spread between clips, between raters, and the rest."""
    rng = np.random.default_rng(seed)
    of_clip, of_rater = rng.normal(0, spread[0], clips), rng.normal(0, spread[1], raters)
    (HERE / name).mkdir(exist_ok=True)
    with (HERE / name / "ratings.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["participant", "prompt", "condition", "score"])
        for rater in range(raters):
            for clip in range(clips):
                value = 3.2 + of_clip[clip] + of_rater[rater] + rng.normal(0, spread[2])
                score = int(np.clip(round(value), 1, 5))
                writer.writerow([f"{rater:02d}", f"p{clip // 2}", "ab"[clip % 2], score])


if __name__ == "__main__":
    draw("agree", seed=1, raters=9, clips=24, spread=(1.0, 0.2, 0.4))
    draw("biased", seed=2, raters=6, clips=16, spread=(0.6, 0.8, 0.6))
    draw("noise", seed=3, raters=12, clips=10, spread=(0.0, 0.3, 1.0))
    draw("two_raters", seed=4, raters=2, clips=30, spread=(0.9, 0.3, 0.6))
