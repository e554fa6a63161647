"""Draw the data sets of the ordinal tests: run it here, then golden.R; both outputs are committed."""

import csv
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def draw(
    name: str,
    *,
    seed: int,
    raters: int,
    prompts: int,
    effects: dict[str, float],
    spread: tuple[float, float],
    cuts: tuple[float, ...] = (-4.0, -2.0, 0.0, 2.0),
    grades: tuple[int, ...] = (1, 2, 3, 4, 5),
    seeds: int = 1,
    missing: float = 0.0,
) -> None:
    """Write one data set drawn from a cumulative logit model with spread between raters and between prompts."""
    rng = np.random.default_rng(seed)
    of_rater, of_prompt = rng.normal(0, spread[0], raters), rng.normal(0, spread[1], prompts)
    (HERE / name).mkdir(exist_ok=True)
    with (HERE / name / "ratings.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["participant", "prompt", "condition", "seed", "score"])
        for rater in range(raters):
            for prompt in range(prompts):
                for condition, effect in effects.items():
                    for take in range(seeds):
                        value = of_rater[rater] + of_prompt[prompt] + effect + rng.logistic()
                        if rng.random() >= missing:
                            score = grades[int(np.searchsorted(cuts, value))]
                            writer.writerow([f"{rater:03d}", f"p{prompt}", condition, take, score])


if __name__ == "__main__":
    three = {"base": 0.0, "a": -0.2, "b": -0.9}
    draw("three", seed=1, raters=24, prompts=8, effects=three, spread=(1.0, 0.6))
    seven = {"base": 0.0, **{f"w{k}": value for k, value in enumerate((-0.1, 0.3, -0.5, -1.2, 0.8, -2.5))}}
    draw("seven", seed=2, raters=15, prompts=6, effects=seven, spread=(0.8, 0.5), missing=0.1)
    # The seeds of the next three are such that the most likely spread is exactly zero.
    draw("no_prompt_spread", seed=0, raters=16, prompts=6, effects=three, spread=(0.9, 0.0))
    draw("no_rater_spread", seed=6, raters=14, prompts=10, effects=three, spread=(0.0, 0.8))
    draw("no_spread", seed=5, raters=14, prompts=7, effects=three, spread=(0.0, 0.0))
    draw("grades", seed=15, raters=18, prompts=5, effects=three, spread=(1.2, 0.5), cuts=(-1.0, 1.5), grades=(2, 3, 5))
    draw("seeds", seed=6, raters=12, prompts=4, effects=three, spread=(0.7, 0.7), seeds=3, missing=0.2)
    draw("many_prompts", seed=8, raters=6, prompts=40, effects=three, spread=(0.6, 1.0))
