"""Which clip of a trial is heard first, and which one X is.

A pair can be heard in two ways, ABX in four: 0 to 3, whose first bit says which of the two is first and whose second
bit at which place X is. Whoever hears no difference answers by place, and what his answers seem to say of a condition
is then decided by the ways alone. So they are drawn: evenly for each condition, and such that nothing tells the next.
"""

import random
from collections.abc import Hashable, Sequence
from itertools import pairwise

OPPOSITE = 3  # way ^ OPPOSITE: the other clip is first, and X is at the other place
ATTEMPTS = 50


def draw_ways(conditions: Sequence[Hashable], ways: int, rng: random.Random) -> list[int]:
    """Draw the way of every trial of a session, one of as many `ways` (1, 2 or 4) as its question has.

    `conditions` names the one that each trial sets beside the baseline. For each of them, and over the session, all
    ways are taken equally often, within one; the condition is first in half of its trials, and X is at each place in
    half of them, within one half. What X is comes out even too, unless the number of trials leaves a remainder of 2 by
    4: then X is one of the two in one trial more than half.

    The ways of a condition are one shuffled block over all its trials: a shorter one would give its last trial away to
    who counts. A shuffled block changes its way a little more often than not; of some shuffles the one is taken whose
    changes from trial to trial are nearest to half, so that the trial before tells nothing either. Of fewer than six
    trials of a condition some must tell: the second of two is the opposite of the first.
    """
    if ways == 1:
        return [0] * len(conditions)
    start, turn = rng.randrange(4), rng.choice((1, 2))
    cycle = [way % ways for way in (start, start ^ OPPOSITE, start ^ turn, start ^ turn ^ OPPOSITE)]
    trials: dict[Hashable, list[int]] = {}
    for place, condition in enumerate(conditions):
        trials.setdefault(condition, []).append(place)
    drawn, dealt = [0] * len(conditions), 0
    # Even numbers of trials first: so they begin where the cycle has two opposite ways in a row.
    for places in sorted(rng.sample(list(trials.values()), len(trials)), key=lambda places: len(places) % 2):
        hand = [cycle[number % 4] for number in range(dealt, dealt + len(places))]
        dealt += len(places)
        for place, way in zip(places, _shuffled(hand, rng), strict=True):
            drawn[place] = way
    return drawn


def _shuffled(hand: Sequence[int], rng: random.Random) -> list[int]:
    """Shuffle ways such that what is first, where X is, and what X is each change from trial to trial half the time."""
    # Half of an odd number of steps is rounded up or down by chance.
    wanted = [(len(hand) - rng.randrange(2)) // 2 for _ in range(3)]

    def distance(ways: list[int]) -> int:
        steps = [before ^ after for before, after in pairwise(ways)]
        first, place, what = (sum(step in changing for step in steps) for changing in ((1, 3), (2, 3), (1, 2)))
        return sum(abs(one - half) for one, half in zip((first, place, what), wanted, strict=True))

    return min((rng.sample(hand, len(hand)) for _ in range(ATTEMPTS)), key=distance)
