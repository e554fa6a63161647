"""Who hears what in which order.

A balanced session is a chain of blocks, each with every condition once. Inside a block the conditions stand
in a row of a Williams square (Williams 1949), so that every condition takes every place and follows every
other equally often; from block to block the row is shifted such that the pairs across the seam come out even,
too. Both hold exactly over `cycle_length` successive participants.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

PRACTICE, TRIAL, ATTENTION = "practice", "trial", "attention"
ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Stimulus:
    """A prompt rendered under one condition from one seed; `name` is its key in the manifest."""

    name: str
    prompt_id: str
    condition: str
    seed: int


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """A stimulus to be shown at `position` (from 1) beside the text of `prompt_id`.

    The prompt is the stimulus's own except in an attention check, where it belongs to another sound.
    """

    position: int
    kind: str
    stimulus: str
    prompt_id: str


def plan_session(
    stimuli: Sequence[Stimulus],
    index: int,
    *,
    study: str,
    order: str = "balanced",
    practice: int = 0,
    attention_checks: int = 0,
) -> tuple[PlannedTrial, ...]:
    """Plan the session of the `index`-th participant (from 0).

    Every stimulus is rated once. The plan depends on nothing but the arguments: `study` and `index` seed what
    is random in it.
    """
    rng = random.Random(f"{study}:{index}")  # noqa: S311 - a design, no secret
    # Practice comes from its own generator, so that changing its length leaves the trials as they were.
    warm_up = _practice(stimuli, practice, random.Random(f"{study}:{index}:practice"))  # noqa: S311
    if order == "balanced":
        main = _balanced(stimuli, index, rng)
    elif order == "random":
        main = rng.sample(stimuli, len(stimuli))
    else:
        main = list(stimuli)
    shown = [(PRACTICE, stimulus, stimulus.prompt_id) for stimulus in warm_up]
    shown += _with_checks([(TRIAL, stimulus, stimulus.prompt_id) for stimulus in main], attention_checks, rng)
    return tuple(
        PlannedTrial(position, kind, stimulus.name, prompt_id)
        for position, (kind, stimulus, prompt_id) in enumerate(shown, 1)
    )


def williams_row(conditions: int, row: int) -> tuple[int, ...]:
    """Return a row of the Williams square over k conditions: 0..k-1, and mirrored k..2k-1 for an odd k."""
    base = [0]
    for step in range(1, conditions):
        base.append((base[-1] + (step if step % 2 else -step)) % conditions)
    if row // conditions % 2:
        base.reverse()
    return tuple((value + row) % conditions for value in base)


def cycle_length(conditions: int) -> int:
    """Return the number of participants after which a balanced design is exactly balanced."""
    rows = conditions if conditions % 2 == 0 else 2 * conditions
    return rows * max(1, conditions - 1) if conditions > 1 else 1


def condition_order(conditions: int, blocks: int, index: int) -> list[int]:
    """Return the order of conditions, block after block, for the `index`-th participant."""
    rows = conditions if conditions % 2 == 0 else 2 * conditions
    mirrored, shift = divmod(index % rows, conditions)
    jump = index // rows
    order: list[int] = []
    for block in range(blocks):
        row = williams_row(conditions, mirrored * conditions + shift)
        if order and conditions > 1:
            # The first of this block differs from the last of the one before by 1..k-1, each equally often.
            step = 1 + (block + jump) % (conditions - 1)
            change = (order[-1] + step - row[0]) % conditions
            shift = (shift + change) % conditions
            row = tuple((value + change) % conditions for value in row)
        order.extend(row)
    return order


def _balanced(stimuli: Sequence[Stimulus], index: int, rng: random.Random) -> list[Stimulus]:
    """Fill the order of conditions with prompts at random, none twice in a row if avoidable."""
    pools: dict[str, list[Stimulus]] = {}
    for stimulus in stimuli:
        pools.setdefault(stimulus.condition, []).append(stimulus)
    names = list(pools)
    blocks = len(stimuli) // len(names) if names else 0
    if any(len(pool) != blocks for pool in pools.values()):
        raise ValueError("a balanced order needs the same number of stimuli in every condition")
    order = [names[number] for number in condition_order(len(names), blocks, index)]
    candidates = (_fill(order, pools, rng) for _ in range(ATTEMPTS))
    best, fewest = next(candidates)
    while fewest and (better := next(candidates, None)):
        if better[1] < fewest:
            best, fewest = better
    return best


def _fill(order: Sequence[str], pools: dict[str, list[Stimulus]], rng: random.Random) -> tuple[list[Stimulus], int]:
    """Draw one filling and count its successive repetitions of a prompt."""
    left = {name: list(pool) for name, pool in pools.items()}
    chosen: list[Stimulus] = []
    repeats = 0
    for name in order:
        last = chosen[-1].prompt_id if chosen else None
        fresh = [stimulus for stimulus in left[name] if stimulus.prompt_id != last]
        repeats += not fresh
        pick = rng.choice(fresh or left[name])
        left[name].remove(pick)
        chosen.append(pick)
    return chosen, repeats


def _practice(stimuli: Sequence[Stimulus], count: int, rng: random.Random) -> list[Stimulus]:
    """Draw stimuli that show as many conditions and prompts as `count` allows."""
    pool = rng.sample(stimuli, len(stimuli))
    chosen: list[Stimulus] = []
    while pool and len(chosen) < count:
        conditions = [stimulus.condition for stimulus in chosen]
        prompts = [stimulus.prompt_id for stimulus in chosen]
        pick = min(pool, key=lambda s: (conditions.count(s.condition), prompts.count(s.prompt_id)))
        pool.remove(pick)
        chosen.append(pick)
    return chosen


def _with_checks(
    shown: list[tuple[str, Stimulus, str]], count: int, rng: random.Random
) -> list[tuple[str, Stimulus, str]]:
    """Insert clips under another prompt's text, at neither end; an attentive rater scores them low."""
    trials = list(shown)
    for _ in range(count):
        _, stimulus, prompt_id = rng.choice(shown)
        others = sorted({own for _, _, own in shown} - {prompt_id})
        place = rng.randint(1, len(trials) - 1)
        trials.insert(place, (ATTENTION, stimulus, rng.choice(others)))
    return trials
