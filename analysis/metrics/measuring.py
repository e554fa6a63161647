"""Measuring: every metric over every clip of every condition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from analysis.errors import MetricError, NoValueError, WeightsError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.intervals import mean_over_prompts
from analysis.metrics.basis.metric import Metric, Value
from analysis.metrics.measured import Cell, ClipValue, Column, Measured

Values = Mapping[tuple[str, int], float]  # of clips, by prompt id and seed
FEW_NAMES = 3


def measure(
    study: str,
    clips: Sequence[Clip],
    conditions: Sequence[str],
    given: Given,
    metrics: Sequence[Metric],
    *,
    reference: str,
    remarks: Sequence[str] = (),
    progress: Callable[[str, int], None] = lambda metric, clips: None,
) -> Measured:
    """Measure clips.

    Parameters
    ----------
    conditions
        In their order, the full-precision one first.
    reference
        What sets are compared with, in words.
    progress
        Called after each metric and condition with the metric's name and how many clips that was.

    Raises
    ------
    SoundError
        If a clip cannot be read or holds NaN.
    """
    by_condition: dict[str, list[Clip]] = {name: [] for name in conditions}
    for clip in clips:
        by_condition[clip.condition].append(clip)
    cells: list[Cell] = []
    single: list[ClipValue] = []
    for metric in metrics:
        base: Values = {}
        for condition, some in by_condition.items():
            if metric.of_clip is None:
                cells.append(_of_set(metric, condition, some, given))
            else:
                found = [_of_clip(metric, clip, given) for clip in some]
                single += found
                values = {(one.prompt_id, one.seed): one.value for one in found if one.value is not None}
                base = values if condition == conditions[0] else base
                cells.append(_mean(metric, condition, found, values, base))
            progress(metric.name, len(some))
    return Measured(
        study=study,
        baseline=conditions[0],
        conditions=list(conditions),
        columns=[Column(one.key, one.name, one.better, one.low, one.high, note=one.note) for one in metrics],
        cells=cells,
        clips=single,
        networks={
            name: {"checkpoint": one.checkpoint, "sha256": one.sha256} for name, one in given.networks.used.items()
        },
        reference=reference,
        remarks=list(remarks),
        sha256=sorted({clip.sha256 for clip in clips}),
        prompts={clip.prompt_id: clip.prompt for clip in clips},
    )


def _of_clip(metric: Metric, clip: Clip, given: Given) -> ClipValue:
    assert metric.of_clip is not None
    try:
        value, why = metric.of_clip(clip, given), ""
    except (NoValueError, WeightsError) as error:
        value, why = None, str(error)
    return ClipValue(metric.key, clip.condition, clip.prompt_id, clip.seed, value, why)


def _mean(metric: Metric, condition: str, found: Sequence[ClipValue], values: Values, base: Values) -> Cell:
    """Average a condition's clips, and their differences from the same cells of full precision."""
    why = _reasons([one for one in found if one.value is None], len(found))
    if not values:
        return Cell(metric.key, condition, None, why=why or "no clip")
    value, low, high = mean_over_prompts(list(values.values()), [prompt for prompt, _ in values])
    if low is not None and high is not None:  # a t interval knows nothing of the ends of a metric's range
        low = low if metric.low is None else max(low, metric.low)
        high = high if metric.high is None else min(high, metric.high)
    shared = [key for key in values if key in base] if values is not base else []
    change: tuple[float | None, float | None, float | None] = (None, None, None)
    if shared:
        change = mean_over_prompts([values[key] - base[key] for key in shared], [prompt for prompt, _ in shared])
    return Cell(metric.key, condition, value, low, high, len(values), why, *change, seeds=_seeds(values))


def _seeds(values: Values) -> dict[int, float]:
    """Average each seed's clips, where there are several seeds."""
    by_seed: dict[int, list[float]] = defaultdict(list)
    for (_, seed), value in values.items():
        by_seed[seed].append(value)
    return {seed: sum(some) / len(some) for seed, some in by_seed.items()} if len(by_seed) > 1 else {}


def _reasons(without: Sequence[ClipValue], clips: int) -> str:
    """Say why clips have no value: each reason once, with the first few clips of it by name."""
    if not without:
        return ""
    if len(without) == clips and len({one.why for one in without}) == 1:
        return without[0].why
    names: dict[str, list[str]] = {}
    for one in without:
        names.setdefault(one.why, []).append(f"{one.prompt_id}, seed {one.seed}")
    named = [
        f"{'; '.join(some[:FEW_NAMES])}{f'; {len(some) - FEW_NAMES} more' if len(some) > FEW_NAMES else ''}: {why}"
        for why, some in list(names.items())[:FEW_NAMES]
    ]
    left = sum(map(len, list(names.values())[FEW_NAMES:]))
    more = f", and {left} more" if left else ""
    return f"{len(without)} of {clips} clips have no value ({'; '.join(named)}{more})"


def _of_set(metric: Metric, condition: str, clips: Sequence[Clip], given: Given) -> Cell:
    """Measure a condition's clips as a set, and each seed's alone."""
    found = _set_value(metric, clips, given)
    seeds: dict[int, float] = {}
    present = sorted({clip.seed for clip in clips})
    if found.value is not None and len(present) > 1:
        for seed in present:
            one = _set_value(metric, [clip for clip in clips if clip.seed == seed], given)
            if one.value is not None:
                seeds[seed] = one.value
    return Cell(
        metric.key,
        condition,
        found.value,
        found.low,
        found.high,
        found.n,
        found.why,
        seeds=seeds,
        details=found.details,
    )


def _set_value(metric: Metric, clips: Sequence[Clip], given: Given) -> Value:
    assert metric.of_set is not None
    if not clips:
        return Value(None, why="no clip")
    try:
        return metric.of_set(clips, given)
    except MetricError as error:
        if not isinstance(error, (NoValueError, WeightsError)):
            raise
        return Value(None, n=len(clips), why=str(error))
