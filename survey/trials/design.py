"""Who hears what in which order.

A balanced session is a chain of blocks, each with every condition once. Inside a block the conditions stand
in a row of a Williams square (Williams 1949), so that every condition takes every place and follows every
other equally often; from block to block the row is shifted such that the pairs across the seam come out even,
too. Both hold exactly over `cycle_length` successive participants.

Where conditions lack clips of some prompts, the session is planned as if none were missing; which prompt a place gets
is drawn at random, and the places of what is missing fall out. What held exactly then holds in the mean: every
condition comes as early as every other, and each of two precedes the other equally often. Every clip is still heard
once. A type that compares with the baseline leaves out the prompts of which the baseline has no clip.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from survey.trials import quality
from survey.trials.question import AbsoluteCategory
from survey.trials.scale import Scale
from survey.trials.stimulus import Stimulus
from survey.trials.ways import draw_ways

PRACTICE, TRIAL, ATTENTION, REPEAT, INSTRUCTED = "practice", "trial", "attention", "repeat", "instructed"
GOLD = "gold"
UNCOUNTED = "uncounted"  # no analysis takes it: of a session that does not count, or from before a new start
KINDS = (TRIAL, PRACTICE, ATTENTION, REPEAT, INSTRUCTED, GOLD, UNCOUNTED)
ATTEMPTS = 50
MISSING = ""  # the name of a stimulus that there is no clip of


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """A stimulus to be shown at `position` (from 1) beside the text of `prompt_id`.

    The prompt is the stimulus's own except in an attention check, where it belongs to another sound. `check` says which
    answers pass; see :mod:`survey.trials.quality`. `clips` are the stimuli heard, in order, if more than the one.
    """

    position: int
    kind: str
    stimulus: str
    prompt_id: str
    check: Mapping[str, Any] | None = None
    clips: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class _Shown:
    """A trial that has no position yet; a repeat knows which one it repeats."""

    kind: str
    stimulus: Stimulus
    prompt_id: str
    check: Mapping[str, Any] | None = None
    first: "_Shown | None" = field(default=None)
    clips: tuple[str, ...] = ()


def plan_session(
    stimuli: Sequence[Stimulus],
    index: int,
    *,
    study: str,
    order: str = "balanced",
    practice: int = 0,
    attention_checks: int = 0,
    repeats: int = 0,
    instructed: Sequence[tuple[Stimulus, int]] = (),
    instructed_checks: int = 0,
    gold: Sequence[tuple[Stimulus, float, float]] = (),
    gold_checks: int = 0,
    warm_ups: Sequence[Stimulus] = (),
    prompts: int = 0,
    filled: Mapping[str, int] | None = None,
    scale: Scale | None = None,
    baseline: str = "baseline",
    foils: Mapping[str, Sequence[str]] | None = None,
) -> tuple[PlannedTrial, ...]:
    """Plan the session of the `index`-th participant (from 0).

    Every stimulus is rated once, or those of as many `prompts` (of one seed) as asked for; a `scale` that compares
    makes trials of several clips. The plan depends on nothing but the arguments: `study` and `index` seed what is
    random in it.

    Parameters
    ----------
    instructed
        Sounds that say what to answer, each with that answer.
    gold
        Clips whose answer is known, each with that answer and how far from it one passes.
    warm_ups
        Clips that are for practice alone.
    filled
        How many sessions, ended or under way, hold each stimulus by name: the least filled are taken first.
    foils
        For each prompt id those of the prompts that nobody takes for it; attention checks need some.
    """

    def generator(purpose: str) -> random.Random:
        """Give each part a generator of its own, so that changing one leaves the others as they were."""
        return random.Random(f"{study}:{index}{purpose}")  # noqa: S311 - a design, no secret

    scale = scale or Scale()
    asked = scale.kind
    every = comparable(stimuli, asked, baseline)
    stimuli = offered = asked.tested(every, baseline)
    rng = generator("")
    if prompts:
        stimuli = _least_filled(stimuli, prompts, filled or {}, generator(":prompts"))
    own_practice = _usable(warm_ups, every, asked, baseline)
    warm_up = _practice(own_practice, [], practice, generator(":practice:own")) if own_practice else []
    warm_up += _practice(offered, stimuli, practice - len(warm_up), generator(":practice"))
    if order == "balanced":
        main = _balanced(stimuli, index, rng)
    elif order == "random":
        main = rng.sample(stimuli, len(stimuli))
    else:
        main = list(stimuli)
    practised = [_Shown(PRACTICE, stimulus, stimulus.prompt_id) for stimulus in warm_up]
    trials = [_Shown(TRIAL, stimulus, stimulus.prompt_id) for stimulus in main]
    _arrange(practised, [*every, *warm_ups], asked, baseline, generator(":practice:ways"))
    _arrange(trials, every, asked, baseline, generator(":ways"))
    own = [stimulus for stimulus in every if stimulus.condition == baseline]
    _insert_attention(trials, attention_checks, own, foils or {}, [*warm_up, *main], scale, generator(":attention"))
    _insert_repeats(trials, repeats, generator(":repeats"))
    told = [(one, quality.expects(answer, answer)) for one, answer in instructed]
    _insert_sounds(trials, INSTRUCTED, told, instructed_checks, generator(":instructed"))
    known = [(one, quality.near(answer, tolerance)) for one, answer, tolerance in gold]
    _insert_sounds(trials, GOLD, known, gold_checks, generator(":gold"))
    shown = [*practised, *trials]
    places = {id(one): position for position, one in enumerate(shown, 1)}
    return tuple(
        PlannedTrial(
            places[id(one)],
            one.kind,
            one.stimulus.name,
            one.prompt_id,
            quality.repeats(places[id(one.first)], asked.within(scale)) if one.first else one.check,
            one.clips,
        )
        for one in shown
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
    blocks = len(dict.fromkeys(map(_block, stimuli)))
    for name, pool in pools.items():
        there = set(map(_block, pool))
        lacking = [block for block in dict.fromkeys(map(_block, stimuli)) if block not in there]
        pool += [Stimulus(MISSING, prompt_id, name, seed) for prompt_id, seed in lacking]
    order = [names[number] for number in condition_order(len(names), blocks, index)]
    candidates = (_fill(order, pools, rng) for _ in range(ATTEMPTS))
    best, fewest = next(candidates)
    while fewest and (better := next(candidates, None)):
        if better[1] < fewest:
            best, fewest = better
    return best


def _fill(order: Sequence[str], pools: dict[str, list[Stimulus]], rng: random.Random) -> tuple[list[Stimulus], int]:
    """Draw one filling, without what is missing, and count its successive repetitions of a prompt."""
    left = {name: list(pool) for name, pool in pools.items()}
    chosen: list[Stimulus] = []
    repeats, last = 0, None
    for name in order:
        fresh = [stimulus for stimulus in left[name] if stimulus.prompt_id != last or stimulus.name == MISSING]
        repeats += not fresh
        pick = rng.choice(fresh or left[name])
        left[name].remove(pick)
        if pick.name != MISSING:
            last = pick.prompt_id
            chosen.append(pick)
    return chosen, repeats


def comparable(stimuli: Sequence[Stimulus], asked: AbsoluteCategory, baseline: str) -> list[Stimulus]:
    """Leave out the prompts that a type cannot ask of, as it compares with a baseline that has no clip of them."""
    if asked.clips(2) == 1:
        return list(stimuli)
    there = {_block(stimulus) for stimulus in stimuli if stimulus.condition == baseline}
    return [stimulus for stimulus in stimuli if _block(stimulus) in there]


def _block(stimulus: Stimulus) -> tuple[str, int]:
    """Return what all clips share that differ by condition alone."""
    return stimulus.prompt_id, stimulus.seed


def _familiarity(heard: Iterable[Stimulus]) -> Callable[[Stimulus], int]:
    """Return what grades a stimulus: 0 if its prompt is not heard, 1 if it is from another seed, 2 if from this one."""
    seeds: dict[str, set[int]] = {}
    for stimulus in heard:
        seeds.setdefault(stimulus.prompt_id, set()).add(stimulus.seed)
    return lambda one: (one.prompt_id in seeds) + (one.seed in seeds.get(one.prompt_id, ()))


def _practice(
    offered: Sequence[Stimulus], tested: Sequence[Stimulus], count: int, rng: random.Random
) -> list[Stimulus]:
    """Draw stimuli that show as many conditions and prompts as `count` allows, first those that are not tested.

    A clip that was practised on is known when its trial comes, the others are not.
    """
    pool, familiarity = rng.sample(offered, len(offered)), _familiarity(tested)
    chosen: list[Stimulus] = []
    while pool and len(chosen) < count:
        conditions = Counter(stimulus.condition for stimulus in chosen)
        prompts = Counter(stimulus.prompt_id for stimulus in chosen)
        ranks = [(familiarity(one), conditions[one.condition], prompts[one.prompt_id]) for one in pool]
        chosen.append(pool.pop(ranks.index(min(ranks))))
    return chosen


def _usable(
    warm_ups: Sequence[Stimulus], every: Sequence[Stimulus], asked: AbsoluteCategory, baseline: str
) -> list[Stimulus]:
    """Keep the practice clips that a trial can be made of: for a comparison those that have all their others."""
    conditions = {stimulus.condition for stimulus in every}
    there: dict[tuple[str, int], set[str]] = {}
    for stimulus in warm_ups:
        there.setdefault(_block(stimulus), set()).add(stimulus.condition)
    whole = [one for one in warm_ups if asked.clips(2) == 1 or there[_block(one)] == conditions]
    return asked.tested(whole, baseline)


def _least_filled(
    stimuli: Sequence[Stimulus], count: int, filled: Mapping[str, int], rng: random.Random
) -> list[Stimulus]:
    """Keep whole prompts, each under all its conditions, of the fewest ratings a clip so far; ties at random."""
    load: dict[tuple[str, int], list[int]] = {}
    for stimulus in stimuli:
        load.setdefault(_block(stimulus), []).append(filled.get(stimulus.name, 0))
    blocks = rng.sample(sorted(load), len(load))
    kept = set(sorted(blocks, key=lambda block: mean(load[block]))[:count])
    return [stimulus for stimulus in stimuli if _block(stimulus) in kept]


def _arrange(
    shown: Sequence[_Shown], every: Sequence[Stimulus], asked: AbsoluteCategory, baseline: str, rng: random.Random
) -> None:
    """Give every trial its clips; which comes first is drawn for each condition, whatever the order of trials."""
    blocks: dict[tuple[str, int], dict[str, Stimulus]] = {}
    for stimulus in every:
        blocks.setdefault(_block(stimulus), {})[stimulus.condition] = stimulus
    ways = draw_ways([one.stimulus.condition for one in shown], asked.ways, rng)
    for one, way in zip(shown, ways, strict=True):
        one.clips = asked.arrange(one.stimulus, blocks[_block(one.stimulus)], baseline, way, rng)


def _insert_attention(
    trials: list[_Shown],
    count: int,
    own: Sequence[Stimulus],
    foils: Mapping[str, Sequence[str]],
    heard: Sequence[Stimulus],
    scale: Scale,
    rng: random.Random,
) -> None:
    """Insert clips under a foil's text, or beside a foil's clip, at neither end.

    All are the baseline's (`own`), in which a prompt can be heard if in any. Clips that are not heard otherwise come
    first, and none comes twice before all had their turn.
    """
    clips = {prompt: [one for one in own if one.prompt_id == prompt] for prompt in {one.prompt_id for one in own}}
    far = {prompt: [other for other in foils.get(prompt, ()) if other in clips] for prompt in clips}
    pool = [one for one in rng.sample(own, len(own)) if far[one.prompt_id]]
    pool.sort(key=_familiarity(heard))
    if count and not pool:
        raise ValueError("attention checks need prompts that are far from each other, and no foil is given")
    for number, way in enumerate(draw_ways([ATTENTION] * count, scale.kind.ways, rng)):
        one = pool[number % len(pool)]
        other = rng.choice(far[one.prompt_id])
        check, places = scale.kind.attention(way, scale)
        pair = one.name, rng.choice(clips[other]).name
        text = one.prompt_id if places else other
        shown = _Shown(ATTENTION, one, text, check, clips=tuple(pair[place] for place in places))
        trials.insert(rng.randint(1, max(1, len(trials) - 1)), shown)


def _insert_repeats(trials: list[_Shown], count: int, rng: random.Random) -> None:
    """Show some of the first half's clips again in the second half, where they are not remembered."""
    half = len(trials) // 2
    firsts = [one for one in trials[:half] if one.kind == TRIAL]
    for one in rng.sample(firsts, min(count, len(firsts))):
        # Behind the first half, which gets no longer, so that no repeat follows its first showing at once.
        place = rng.randint(half + 1, len(trials))
        trials.insert(place, _Shown(REPEAT, one.stimulus, one.prompt_id, first=one, clips=one.clips))


def _insert_sounds(
    trials: list[_Shown],
    kind: str,
    sounds: Sequence[tuple[Stimulus, Mapping[str, Any]]],
    count: int,
    rng: random.Random,
) -> None:
    """Insert sounds whose answer is known, at neither end, and none twice before all had their turn."""
    drawn = rng.sample(sounds, len(sounds))
    for number in range(count if drawn else 0):
        stimulus, check = drawn[number % len(drawn)]
        place = rng.randint(1, max(1, len(trials) - 1))
        trials.insert(place, _Shown(kind, stimulus, stimulus.prompt_id, check))
