"""Which clip is heard first, and what X is: even for each condition, and told by nothing."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable
from itertools import pairwise

import pytest
from guessers import stimuli
from scipy import stats

from survey.trials.design import plan_session
from survey.trials.scale import Scale

PAIRS = ("ab", "ccr", "abx")
SIZES = [
    *((p, 1, 0) for p in range(1, 8)),
    (10, 1, 0),
    (3, 2, 0),
    (6, 2, 5),
    (5, 3, 6),
]  # prompts, seeds, and how many of both a person gets


def heard(kind: str, conditions: int, index: int, cells: tuple[int, int] = (10, 1), **rules) -> list[tuple]:
    """Return of each trial its condition, whether that was first, whether X was A, and whether X was the condition."""
    pool = {one.name: one for one in stimuli(cells[0], conditions, cells[1])}
    found = []
    for trial in plan_session(list(pool.values()), index, scale=Scale(type=kind), **rules):
        first, *_ = names = [pool[name].condition for name in trial.clips]
        under_test = pool[trial.stimulus].condition
        assert sorted(names[:2]) == ["baseline", under_test]
        x = names[2] if kind == "abx" else None
        found.append((under_test, first == under_test, x == first, x == under_test))
    return found


@pytest.mark.parametrize("conditions", range(2, 8))
@pytest.mark.parametrize("order", ["balanced", "random", "fixed"])
@pytest.mark.parametrize("kind", PAIRS)
def test_each_condition_is_first_in_half_of_a_participants_trials_and_x_is_balanced(kind, order, conditions):
    for prompts, seeds, part in SIZES:
        for index in range(3):
            rules = {"study": "s", "order": order, "prompts": part, "practice": index}
            trials = heard(kind, conditions, index, (prompts, seeds), **rules)[index:]
            for name in {trial[0] for trial in trials}:
                own = [trial for trial in trials if trial[0] == name]
                assert len(own) == (part or prompts * seeds)
                assert abs(2 * sum(first for _, first, *_ in own) - len(own)) <= len(own) % 2
                if kind == "abx":
                    assert abs(2 * sum(is_a for *_, is_a, _ in own) - len(own)) <= len(own) % 2
                    assert abs(2 * sum(it for *_, it in own) - len(own)) <= (len(own) % 2 or len(own) % 4)
                    assert_even(own)
            assert abs(2 * sum(first for _, first, *_ in trials) - len(trials)) <= len(trials) % 2
            if kind == "abx":
                assert abs(2 * sum(is_a for *_, is_a, _ in trials) - len(trials)) <= len(trials) % 2
                assert_even(trials)


def assert_even(trials: list[tuple]) -> None:
    """Assert that whether the condition is first and X is A come together in every way equally often, within one."""
    count = Counter((first, is_a) for _, first, is_a, _ in trials)
    counts = [count[way] for way in [(a, b) for a in (True, False) for b in (True, False)]]
    assert max(counts) - min(counts) <= 1, counts


Clue = Callable[[list[tuple], int], Hashable]
CLUES: dict[str, Clue] = {
    "condition": lambda trials, at: trials[at][0],
    "position": lambda trials, at: at,
    "condition and position": lambda trials, at: (trials[at][0], at),
    "trial before": lambda trials, at: trials[at - 1][1:] if at else None,
    "trial before and condition": lambda trials, at: (trials[at][0], trials[at - 1] if at else None),
    "last trial of the condition": lambda trials, at: last_of(trials, at),
}


def last_of(trials: list[tuple], at: int) -> Hashable:
    """Return the trial before of the same condition."""
    return next((trial[1:] for trial in reversed(trials[:at]) if trial[0] == trials[at][0]), None)


@pytest.mark.parametrize(("conditions", "order"), [(2, "balanced"), (3, "random"), (4, "fixed"), (4, "balanced")])
@pytest.mark.parametrize("kind", ["ab", "abx"])
def test_no_clue_tells_what_is_first_or_what_x_is(kind, order, conditions, seed):
    """Whoever learns from half of the plans what follows from a clue must be right by chance in the other half."""
    plans = [heard(kind, conditions, index, study=f"{seed}", order=order) for index in range(100)]
    for what in (1, 2, 3) if kind == "abx" else (1,):
        for name, clue in CLUES.items():
            learned: dict[Hashable, Counter[bool]] = defaultdict(Counter)
            for trials in plans[:50]:
                for at, trial in enumerate(trials):
                    learned[clue(trials, at)][trial[what]] += 1
            told = [
                learned[clue(trials, at)].most_common(1)[0][0] == trial[what]
                for trials in plans[50:]
                for at, trial in enumerate(trials)
                if learned[clue(trials, at)]
            ]
            # A hundredth is what a block of ten trials that must come out even cannot hide.
            most = stats.binom.ppf(1 - 1e-5, len(told), 0.51) / len(told)
            assert sum(told) / len(told) <= most, (name, what, sum(told) / len(told))


def test_practice_and_checks_are_drawn_evenly_too():
    far = {f"p{p}": [f"p{q}" for q in range(6) if q != p] for p in range(6)}
    for kind in PAIRS:
        for index in range(20):
            pool = {one.name: one for one in stimuli(6, 3)}
            plan = plan_session(
                list(pool.values()), index, study="s", scale=Scale(type=kind), practice=4, attention_checks=4, foils=far
            )
            warm_up = [trial for trial in plan if trial.kind == "practice"]
            assert sum(trial.clips[0] == trial.stimulus for trial in warm_up) == 2
            checks = [trial for trial in plan if trial.kind == "attention"]
            own_first = [pool[trial.clips[0]].prompt_id == trial.prompt_id for trial in checks]
            assert sum(own_first) == 2
            if kind == "abx":
                assert Counter(trial.check["low"] for trial in checks) == {0: 2, 1: 2}


def test_sliders_come_in_an_order_that_nothing_tells(seed):
    conditions = 4
    pool = {one.name: one for one in stimuli(10, conditions)}
    plans = [
        [[pool[name].condition for name in trial.clips] for trial in plan_session(
            list(pool.values()), index, study=f"{seed}", scale=Scale(type="mushra")
        )]
        for index in range(100)
    ]  # fmt: skip
    places = Counter((name, place) for plan in plans for trial in plan for place, name in enumerate(trial[:-1]))
    assert {trial[-1] for plan in plans for trial in plan} == {"baseline"}
    assert stats.chisquare(list(places.values())).pvalue > 1e-5
    same = [a == b for plan in plans for pair in pairwise(plan) for a, b in zip(*(x[:-1] for x in pair), strict=True)]
    assert stats.binomtest(sum(same), len(same), 1 / conditions).pvalue > 1e-5
