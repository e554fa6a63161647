"""Draw the data sets of the mixed model: run it here, then mixed.R; both outputs are committed."""

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
    sd: tuple[float, ...],
    missing: float = 0.0,
    seeds: int = 1,
    between: bool = False,
    nested: bool = False,
) -> None:
    """Write one data set; sd: raters, prompts, rater x condition, prompt x condition, residual, rater x prompt.

    `between`: a rater hears one condition; `nested`: a prompt exists under one condition.
    """
    rng = np.random.default_rng(seed)
    rater, prompt = rng.normal(0, sd[0], raters), rng.normal(0, sd[1], prompts)
    of_rater, of_prompt = rng.normal(0, sd[2], (raters, len(effects))), rng.normal(0, sd[3], (prompts, len(effects)))
    of_both = rng.normal(0, sd[5], (raters, prompts)) if len(sd) > 5 else np.zeros((raters, prompts))
    with (HERE / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["participant", "prompt", "condition", "seed", "score"])
        for r, p, c in np.ndindex(raters, prompts, len(effects)):
            condition, effect = list(effects.items())[c]
            for again in range(rng.integers(1, seeds + 1)):
                value = 3.3 + rater[r] + prompt[p] + of_rater[r, c] + of_prompt[p, c] + effect + rng.normal(0, sd[4])
                value += of_both[r, p]
                heard = (not between or r % len(effects) == c) and (not nested or p % len(effects) == c)
                if rng.random() >= missing and heard:
                    score = int(np.clip(round(value), 1, 5))
                    writer.writerow([f"{r:03d}", f"p{p:02d}", condition, 1000 + again, score])


def once(seed: int, raters: int = 40, prompts: int = 12) -> None:
    """Write a set in which a rater hears every condition once, each with another prompt."""
    rng = np.random.default_rng(seed)
    rater, prompt = rng.normal(0, 0.6, raters), rng.normal(0, 0.5, (prompts, 3))
    with (HERE / "once.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["participant", "prompt", "condition", "score"])
        for r in range(raters):
            for c, p in enumerate(rng.choice(prompts, 3, replace=False)):
                value = 3.3 + rater[r] + prompt[p, c] - 0.2 * c + rng.normal(0, 0.6)
                writer.writerow([f"{r:03d}", f"p{p:02d}", ("base", "w8", "w4")[c], int(np.clip(round(value), 1, 5))])


if __name__ == "__main__":
    three = {"base": 0.0, "w8": -0.1, "w4": -0.6}
    seven = {"base": 0.0, "a": 0.1, "b": -0.1, "c": -0.2, "d": -0.3, "e": 0.05, "f": -0.7}
    draw("interactions", seed=1, raters=20, prompts=20, effects=three, sd=(0.4, 0.3, 0.3, 0.25, 0.7))
    draw("zero", seed=2, raters=12, prompts=6, effects=three, sd=(0.4, 0.0, 0.0, 0.0, 0.9))
    draw("seven", seed=3, raters=14, prompts=8, effects=seven, sd=(0.4, 0.3, 0.25, 0.2, 0.7))
    draw("seeds", seed=4, raters=11, prompts=7, effects=three, sd=(0.4, 0.3, 0.3, 0.2, 0.7), missing=0.3, seeds=3)
    draw("prompts", seed=5, raters=6, prompts=25, effects=three, sd=(0.5, 0.4, 0.3, 0.3, 0.7), missing=0.1)
    draw("between", seed=6, raters=18, prompts=6, effects=three, sd=(0.4, 0.3, 0.2, 0.3, 0.7), between=True)
    draw("matched", seed=7, raters=18, prompts=9, effects=three, sd=(0.4, 0.3, 0.2, 0.2, 0.4, 0.7), missing=0.1)
    draw("nested", seed=8, raters=25, prompts=30, effects=three, sd=(0.5, 0.4, 0.4, 0.0, 0.7), missing=0.3, nested=True)
    draw("sparse", seed=9, raters=90, prompts=70, effects=three, sd=(0.4, 0.4, 0.3, 0.3, 0.6, 0.5), missing=0.92)
    once(seed=10)
