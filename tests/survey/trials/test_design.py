"""The design: every stimulus once, conditions balanced, prompts apart, all of it repeatable."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from survey.trials.design import cycle_length, plan_session, williams_row
from survey.trials.scale import Scale
from survey.trials.stimulus import Stimulus


def stimuli(prompts: int, conditions: int, seeds: int = 1) -> list[Stimulus]:
    return [
        Stimulus(f"p{p}.c{c}.{s}", f"p{p}", f"c{c}", s)
        for p in range(prompts)
        for c in range(conditions)
        for s in range(seeds)
    ]


FAR = {f"p{p}": [f"p{(p + step) % 5}" for step in (1, 2)] for p in range(5)}
CHECKS = {"attention_checks": 2, "foils": FAR, "baseline": "c0"}


def shown(pool, index, **rules):
    by_name = {stimulus.name: stimulus for stimulus in pool}
    return [(trial, by_name[trial.stimulus]) for trial in plan_session(pool, index, study="s", **rules)]


@pytest.mark.parametrize(("prompts", "conditions", "seeds"), [(5, 3, 1), (5, 2, 1), (4, 4, 1), (3, 7, 1), (3, 3, 2)])
def test_over_a_cycle_places_and_neighbours_are_balanced(prompts, conditions, seeds):
    pool = stimuli(prompts, conditions, seeds)
    places, neighbours = Counter(), Counter()
    for index in range(cycle_length(conditions)):
        order = [stimulus.condition for _, stimulus in shown(pool, index)]
        places.update(enumerate(order))
        neighbours.update(pairwise(order))
    assert len(places) == len(pool) * conditions
    assert len(set(places.values())) == 1, "a condition takes some place more often than another"
    assert len(neighbours) == conditions * (conditions - 1), "a condition follows itself, or never follows another"
    assert len(set(neighbours.values())) == 1


@pytest.mark.parametrize("order", ["balanced", "random", "fixed"])
def test_every_stimulus_is_rated_once(order):
    pool = stimuli(5, 3, 2)
    for index in range(20):
        plan = plan_session(pool, index, study="s", order=order)
        assert sorted(trial.stimulus for trial in plan) == sorted(stimulus.name for stimulus in pool)
        assert [trial.position for trial in plan] == list(range(1, len(pool) + 1))


def test_prompts_do_not_follow_themselves():
    for prompts in (3, 5, 12):
        pool = stimuli(prompts, 3)
        for index in range(24):
            order = [stimulus.prompt_id for _, stimulus in shown(pool, index)]
            assert all(a != b for a, b in pairwise(order)), (prompts, index, order)


@pytest.mark.parametrize("question", ["acr", "abx", "mushra"])
def test_plans_depend_on_study_and_index_only(question):
    pool, rules = stimuli(5, 3), {"practice": 2, "baseline": "c0", "scale": Scale(type=question)}
    if question != "mushra":
        rules |= CHECKS
    first = plan_session(pool, 4, study="s", **rules)
    random.seed(1)
    assert plan_session(pool, 4, study="s", **rules) == first
    assert plan_session(pool, 5, study="s", **rules) != first
    assert plan_session(pool, 4, study="t", **rules) != first


def test_prompts_come_in_another_order_for_everybody():
    pool = stimuli(6, 2)
    orders = {tuple(stimulus.prompt_id for _, stimulus in shown(pool, index)) for index in range(20)}
    assert len(orders) == 20


def test_fixed_is_the_same_for_everybody():
    pool = stimuli(4, 3)
    assert plan_session(pool, 0, study="s", order="fixed") == plan_session(pool, 9, study="s", order="fixed")


def test_practice_comes_first_and_shows_different_conditions_and_prompts():
    pool = stimuli(5, 3)
    for index in range(12):
        plan = shown(pool, index, practice=3)
        assert [trial.kind for trial, _ in plan] == ["practice"] * 3 + ["trial"] * 15
        assert len({stimulus.condition for _, stimulus in plan[:3]}) == 3
        assert len({stimulus.prompt_id for _, stimulus in plan[:3]}) == 3


def test_practice_leaves_the_trials_as_they_were():
    pool = stimuli(5, 3)
    without = [trial.stimulus for trial in plan_session(pool, 3, study="s")]
    assert [trial.stimulus for trial in plan_session(pool, 3, study="s", practice=2)][2:] == without


def test_practice_takes_what_the_test_leaves_over():
    pool = stimuli(6, 3)
    for index in range(12):
        plan = shown(pool, index, practice=3, prompts=4)
        rated = {stimulus.prompt_id for trial, stimulus in plan if trial.kind == "trial"}
        warm_up = [stimulus for trial, stimulus in plan if trial.kind == "practice"]
        assert not rated & {stimulus.prompt_id for stimulus in warm_up}, "other prompts"
        assert len({stimulus.condition for stimulus in warm_up}) == 3
    pool = stimuli(2, 3, 3)
    for index in range(12):
        plan = shown(pool, index, practice=4, prompts=4)
        rated = {(stimulus.prompt_id, stimulus.seed) for trial, stimulus in plan if trial.kind == "trial"}
        warm_up = {(stimulus.prompt_id, stimulus.seed) for trial, stimulus in plan if trial.kind == "practice"}
        assert not rated & warm_up, "other seeds, where all prompts are rated"
    plan = shown(stimuli(2, 3), 0, practice=5, prompts=1)
    rated = {stimulus.prompt_id for trial, stimulus in plan if trial.kind == "trial"}
    own = [stimulus.prompt_id in rated for trial, stimulus in plan if trial.kind == "practice"]
    assert own == [False] * 3 + [True] * 2, "its own where nothing else is left"


def test_pairs_are_practised_on_what_the_test_leaves_over():
    pool = {stimulus.name: stimulus for stimulus in stimuli(5, 3)}
    for question in ("ab", "abx", "mushra"):
        for index in range(8):
            plan = plan_session(
                list(pool.values()), index, study="s", practice=2, prompts=3, scale=Scale(type=question), baseline="c0"
            )
            heard = {kind: {pool[name].prompt_id for one in plan if one.kind == kind for name in one.clips} for kind in
                     ("practice", "trial")}  # fmt: skip
            assert len(heard["trial"]) == 3
            assert heard["practice"]
            assert not heard["practice"] & heard["trial"]


def test_attention_checks_show_the_text_of_another_sound():
    pool = stimuli(5, 3)
    for index in range(12):
        plan = shown(pool, index, practice=1, **CHECKS)
        checks = [(trial, stimulus) for trial, stimulus in plan if trial.kind == "attention"]
        assert len(checks) == 2
        assert all(trial.prompt_id in FAR[stimulus.prompt_id] for trial, stimulus in checks)
        assert all(trial.prompt_id == stimulus.prompt_id for trial, stimulus in plan if trial.kind != "attention")
        assert {stimulus.condition for _, stimulus in checks} == {"c0"}, "the sound must be there to be heard"
        assert len({stimulus.name for _, stimulus in checks}) == 2
        assert plan[1][0].kind == plan[-1][0].kind == "trial"


@pytest.mark.parametrize("question", ["ab", "ccr", "abx"])
def test_attention_checks_set_a_foil_beside_the_right_clip(question):
    pool = {stimulus.name: stimulus for stimulus in stimuli(5, 3, 2)}
    for index in range(12):
        plan = plan_session(list(pool.values()), index, study="s", scale=Scale(type=question), **CHECKS)
        checks = [trial for trial in plan if trial.kind == "attention"]
        assert len(checks) == 2
        for trial in checks:
            first, second, *x = (pool[name] for name in trial.clips)
            foil = second if first.name == trial.stimulus else first
            assert pool[trial.stimulus].prompt_id == trial.prompt_id
            assert foil.prompt_id in FAR[trial.prompt_id]
            assert {first.condition, second.condition} == {"c0"}
            assert [one.name for one in x] == ([trial.clips[trial.check["low"]]] if question == "abx" else [])


def test_only_prompts_with_a_foil_among_the_study_s_are_checked():
    pool = stimuli(5, 2)
    lone = {"p0": ["p9"], "p1": [], "p3": ["p9", "p2"]}
    for index in range(12):
        plan = shown(pool, index, attention_checks=3, foils=lone, baseline="c0")
        checks = {(stimulus.name, trial.prompt_id) for trial, stimulus in plan if trial.kind == "attention"}
        assert checks == {("p3.c0.0", "p2")}
    with pytest.raises(ValueError, match="far from each other"):
        plan_session(pool, 0, study="s", attention_checks=1, foils={"p0": []}, baseline="c0")


def test_attention_checks_take_sounds_that_are_not_rated_first():
    pool = stimuli(5, 3)
    for index in range(12):
        plan = shown(pool, index, prompts=3, **CHECKS)
        rated = {stimulus.prompt_id for trial, stimulus in plan if trial.kind == "trial"}
        assert not rated & {stimulus.prompt_id for trial, stimulus in plan if trial.kind == "attention"}


def test_the_square_of_four_is_williams_s():
    assert [williams_row(4, row) for row in range(4)] == [(0, 1, 3, 2), (1, 2, 0, 3), (2, 3, 1, 0), (3, 0, 2, 1)]


def lacking(rng: random.Random, prompts: int = 6, conditions: int = 3, missing: int = 5) -> list[Stimulus]:
    """Take some cells out of a study, but of no prompt or condition all."""
    while True:
        pool = stimuli(prompts, conditions)
        gone = set(rng.sample(pool, missing))
        left = [one for one in pool if one not in gone]
        if len({one.prompt_id for one in left}) == prompts and len({one.condition for one in left}) == conditions:
            return left


@pytest.mark.parametrize("order", ["balanced", "random", "fixed"])
def test_where_clips_are_missing_every_other_is_rated_once(order, seed):
    pool = lacking(random.Random(seed))
    for index in range(20):
        plan = plan_session(pool, index, study="s", order=order)
        assert sorted(trial.stimulus for trial in plan) == sorted(stimulus.name for stimulus in pool)
        assert [trial.position for trial in plan] == list(range(1, len(pool) + 1))


def test_where_clips_are_missing_no_condition_comes_earlier_in_the_mean(seed):
    pool, sessions = lacking(random.Random(seed)), 1200
    places, first = {}, Counter()
    for index in range(sessions):
        order = [stimulus.condition for _, stimulus in shown(pool, index)]
        own = {name: [place for place, one in enumerate(order) if one == name] for name in set(order)}
        for name, found in own.items():
            places.setdefault(name, []).append(sum(found) / len(found))
            for other, there in own.items():
                first[name, other] += sum(a < b for a in found for b in there) / (len(found) * len(there))
    means = {name: sum(found) / sessions for name, found in places.items()}
    assert max(means.values()) - min(means.values()) < 0.35, means
    for (one, other), count in first.items():
        if one != other:
            assert abs(count / sessions - 0.5) < 0.03, (one, other)


def test_where_clips_are_missing_prompts_do_not_follow_themselves_if_they_need_not(seed):
    pool = lacking(random.Random(seed), prompts=12, conditions=3, missing=6)
    for index in range(24):
        order = [stimulus.prompt_id for _, stimulus in shown(pool, index)]
        assert all(a != b for a, b in pairwise(order)), (index, order)


@pytest.mark.parametrize("question", ["ab", "ccr", "abx", "mushra"])
def test_a_type_that_compares_leaves_out_prompts_without_the_baseline(question):
    pool = [one for one in stimuli(4, 3) if one.name not in ("p0.c0.0", "p1.c1.0")]
    for index in range(6):
        plan = plan_session(pool, index, study="s", scale=Scale(type=question), baseline="c0", practice=2)
        assert {trial.prompt_id for trial in plan} == {"p1", "p2", "p3"}
        heard = {name for trial in plan for name in trial.clips}
        assert heard == {one.name for one in pool if one.prompt_id != "p0"}


def test_the_least_rated_prompts_are_those_with_the_fewest_ratings_a_clip():
    pool = [one for one in stimuli(3, 3) if one.name not in ("p0.c1.0", "p0.c2.0")]
    filled = {one.name: 5 if one.prompt_id == "p0" else 4 for one in pool}
    for index in range(6):
        plan = plan_session(pool, index, study="s", prompts=2, filled=filled)
        assert {trial.prompt_id for trial in plan} == {"p1", "p2"}, "a prompt of few clips is not less rated for that"


def test_repeats_come_in_the_second_half_and_know_their_first():
    pool = stimuli(5, 3)
    for index in range(12):
        plan = shown(pool, index, practice=2, repeats=3)
        by_position = {trial.position: (trial, stimulus) for trial, stimulus in plan}
        again = [(trial, stimulus) for trial, stimulus in plan if trial.kind == "repeat"]
        assert len(again) == 3
        assert len({stimulus.name for _, stimulus in again}) == 3
        for trial, stimulus in again:
            first, original = by_position[trial.check["repeats"]]
            assert (first.kind, original) == ("trial", stimulus)
            assert first.position <= 2 + 7 < trial.position
            assert trial.position - first.position > 1, "something is heard between"


def test_instructed_checks_want_their_own_answer():
    pool = stimuli(4, 2)
    told = [(Stimulus(f"say-{n}", f"say-{n}", "(check)", n), n) for n in (2, 4)]
    for index in range(12):
        plan = plan_session(pool, index, study="s", instructed=told, instructed_checks=2)
        checks = [trial for trial in plan if trial.kind == "instructed"]
        assert len(checks) == 2
        assert {trial.stimulus for trial in checks} == {"say-2", "say-4"}, "no answer is wanted twice before all were"
        assert all(trial.check == {"low": int(trial.stimulus[-1]), "high": int(trial.stimulus[-1])} for trial in checks)
        assert plan[0].kind == plan[-1].kind == "trial"
    assert all(trial.kind == "trial" for trial in plan_session(pool, 0, study="s", instructed_checks=2))


def test_checks_leave_the_trials_as_they_were():
    pool = stimuli(5, 3)
    told = [(Stimulus("say-2", "say-2", "(check)", 2), 2)]
    without = [trial.stimulus for trial in plan_session(pool, 3, study="s")]
    plan = plan_session(pool, 3, study="s", repeats=2, instructed=told, instructed_checks=2)
    assert [trial.stimulus for trial in plan if trial.kind == "trial"] == without


def test_the_least_rated_prompts_are_taken_whole():
    pool = stimuli(6, 3)
    filled = {stimulus.name: 5 for stimulus in pool if stimulus.prompt_id not in ("p1", "p4")}
    filled["p4.c0.0"] = 1
    for index in range(12):
        plan = shown(pool, index, prompts=2, filled=filled)
        assert sorted({stimulus.prompt_id for _, stimulus in plan}) == ["p1", "p4"]
        assert len(plan) == 6
    chosen = Counter(
        stimulus.prompt_id
        for index in range(60)
        for _, stimulus in shown(pool, index, prompts=2)
        if stimulus.condition == "c0"
    )
    assert set(chosen) == {f"p{number}" for number in range(6)}, "ties are broken at random"


def test_filling_the_least_rated_keeps_cells_even():
    pool, filled = stimuli(7, 3), Counter()
    for index in range(35):
        for _, stimulus in shown(pool, index, prompts=3, filled=filled):
            filled[stimulus.name] += 1
    assert max(filled.values()) - min(filled[stimulus.name] for stimulus in pool) <= 1


def test_a_single_trial_can_be_checked():
    pool = stimuli(2, 1)
    for index in range(6):
        plan = plan_session(
            pool, index, study="s", prompts=1, attention_checks=1, baseline="c0", foils={"p0": ["p1"], "p1": ["p0"]}
        )
        assert [trial.kind for trial in plan] == ["trial", "attention"]
