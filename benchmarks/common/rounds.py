"""Contestants in turn, round after round, so that a drift of the machine meets all of them."""

import sys
import time
from collections.abc import Callable, Mapping
from statistics import median

ROUNDS, THREADS = 5, 2

Taken = dict[str, list[float]]


def say(text: str) -> None:
    """Tell what is being measured, on the standard error."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def seconds(run: Callable[[], object]) -> float:
    """Time one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def in_turn(contestants: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> Taken:
    """Ask each contestant for what it measures itself, such as its seconds: once unrecorded, then every round."""
    for measure in contestants.values():
        measure()
    taken: Taken = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            taken[name].append(measure())
    return taken


def side_by_side(contestants: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Time the contestants in turn; the median seconds of each."""
    watches = {name: lambda run=run: seconds(run) for name, run in contestants.items()}
    return medians(in_turn(watches, rounds))


def medians(taken: Taken) -> dict[str, float]:
    """The median of each contestant."""
    return {name: median(values) for name, values in taken.items()}
