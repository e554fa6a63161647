"""Draw the data sets `incomplete` and `ties`: run it here, then golden.R; both outputs are committed."""

import csv
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def draw(
    name: str,
    *,
    seed: int,
    raters: int,
    effects: dict[str, float],
    prompts: int,
    missing: float,
    noise: float,
) -> None:
    """Write one data set of ratings rounded to the scale from 1 to 5."""
    rng = np.random.default_rng(seed)
    of_prompt = rng.normal(0, 0.4, prompts)
    with (HERE / name / "ratings.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["participant", "prompt", "condition", "score"])
        for rater in range(raters):
            bias = rng.normal(0, 0.3)
            for prompt in range(prompts):
                for condition, effect in effects.items():
                    value = 3.6 + bias + of_prompt[prompt] + effect + rng.normal(0, noise)
                    gone = rng.random() < missing or (name == "incomplete" and rater == 3 and condition == "w4")
                    if not gone:
                        writer.writerow([f"{rater:03d}", f"p{prompt}", condition, int(np.clip(round(value), 1, 5))])


if __name__ == "__main__":
    draw(
        "incomplete",
        seed=11,
        raters=13,
        effects={"base": 0.0, "w8": -0.05, "w8lr": 0.1, "w4": -0.9},
        prompts=6,
        missing=0.15,
        noise=0.8,
    )
    draw(
        "ties",
        seed=5,
        raters=9,
        effects={"base": 0.0, "a": 0.1, "b": -0.3},
        prompts=2,
        missing=0.0,
        noise=0.4,
    )
