"""Raters who hear no difference, led through the program's own plans, export and reader."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from analysis.read.answers import Answers, load_answers
from survey.records import RatingRow, write_csv
from survey.trials.design import plan_session
from survey.trials.question import Given
from survey.trials.questions import QUESTION_TYPES
from survey.trials.scale import Scale
from survey.trials.stimulus import Stimulus

Guesser = Callable[[int], int]  # the number of the trial, from 0, to the answer
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def stimuli(prompts: int, conditions: int, seeds: int = 1) -> list[Stimulus]:
    """Name the clips of a study, whose first condition is the baseline."""
    names = ["baseline", *(f"c{number}" for number in range(1, conditions))]
    return [
        Stimulus(f"p{p}.{name}.{s}", f"p{p}", name, s) for p in range(prompts) for name in names for s in range(seeds)
    ]


def favourite(answers: tuple[int, ...], rng: Random) -> Guesser:
    """Give a guesser who takes to one of the answers, and gives it nine times in ten."""
    liked = rng.choice(answers)
    return lambda number: liked if rng.random() < 0.9 else rng.choice(answers)


def always(answers: tuple[int, ...], rng: Random) -> Guesser:
    """Give a guesser who has one answer for everything."""
    liked = rng.choice(answers)
    return lambda number: liked


def fair(answers: tuple[int, ...], rng: Random) -> Guesser:
    """Give a guesser who throws a coin, or a die, for each answer."""
    return lambda number: rng.choice(answers)


def evenly(answers: tuple[int, ...], rng: Random) -> Guesser:
    """Give a guesser who takes care to give every answer equally often, one after the other."""
    start = rng.randrange(len(answers))
    return lambda number: answers[(number + start) % len(answers)]


def guessed(
    pool: list[Stimulus], question: str, raters: int, study: str, guesser: Callable[..., Guesser], rng: Random, **rules
) -> Iterator[RatingRow]:
    """Yield the ratings of a study as its database exports them."""
    asked = QUESTION_TYPES[question]
    answers = (-1, 1) if question == "ab" else tuple(reversed(asked.grades)) if question == "ccr" else asked.grades
    number = {one.name: place for place, one in enumerate(pool)}
    for index in range(raters):
        guess = guesser(answers, rng)
        for turn, trial in enumerate(plan_session(pool, index, study=study, scale=Scale(type=question), **rules)):
            heard, under_test = [number[name] for name in trial.clips], number[trial.stimulus]
            for result in asked.results(heard, under_test, Given(guess(turn))):
                of = pool[result.stimulus]
                yield RatingRow(
                    *(study, f"P{index:03d}", f"S{index:03d}", trial.position, trial.kind, trial.prompt_id),
                    *(trial.prompt_id, of.condition, of.seed, of.name, "0" * 64, result.score, 1, 1.0, 1000, NOW),
                    question=question,
                    reference=pool[result.reference].condition if result.reference is not None else "",
                    first=pool[result.first].condition if result.first is not None else "",
                    x=pool[result.x].condition if result.x is not None else "",
                )


def read_back(rows: Iterator[RatingRow], folder: Path) -> Answers:
    """Write ratings as `earmark export` does and read them as `earmark analyze` does."""
    text = io.StringIO(newline="")
    write_csv(text, rows)
    path = folder / "ratings.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    return load_answers(path)
