"""People: how far each metric orders clips and conditions as people do; the computation is that of `ranks`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.metrics.agreement import Agreement, Kind, Over
from analysis.metrics.measured import Column, Measured
from analysis.metrics.ranks import (
    FEWEST_PROMPTS,
    Correlation,
    Float,
    Rated,
    by_chance,
    over_clips,
    over_conditions,
    within_prompts,
)
from analysis.words import counted

Key = tuple[str, str, str]  # of a clip: prompt, condition, seed

WEAK = 0.3  # an interval below it shows that there is no more than a weak agreement
FEWEST_CONDITIONS = 5  # of fewer, chance alone brings the same order, or its opposite, more than once in 20
CHANCE = 0.05


def beside(measured: Measured, ratings: pd.DataFrame) -> Beside:
    """Set metrics beside ratings; facts, such as sizes, are left out.

    Parameters
    ----------
    measured
        What metrics say.
    ratings
        Ratings of single clips with `participant`, `prompt` (its text or id), `condition`, `score`, perhaps `seed`.

    Examples
    --------
    >>> from analysis.metrics.measured import Cell, ClipValue
    >>> clips = [ClipValue("fd", c, p, 0, v) for p in "pqrs" for c, v in (("a", 1.0), ("b", 2.0), ("c", 3.0))]
    >>> column = Column("fd", "distance", "lower")
    >>> measured = Measured("s", "a", ["a", "b", "c"], [column], [Cell("fd", "a", 1.0)], clips, {}, "none")
    >>> rows = [(r, p, c, s) for r in "xy" for p in "pqrs" for c, s in (("a", 5), ("b", 4), ("c", 3))]
    >>> ratings = pd.DataFrame(rows, columns=["participant", "prompt", "condition", "score"])
    >>> [(one.over, one.correlation, one.kind) for one in beside(measured, ratings).agreements[1:]]
    [('within prompts', 1.0, 'cannot tell'), ('conditions', 1.0, 'cannot tell')]
    """
    table = _table(ratings, _ids(measured))
    found: list[Agreement] = []
    clips: dict[str, pd.DataFrame] = {}
    conditions: dict[str, pd.DataFrame] = {}
    for column in (one for one in measured.columns if one.better and not one.fact):
        values = _values(measured, column, seeds=table.seeds)
        if values:
            places = [place for place, key in enumerate(table.keys) if key in values]
            held = table.of(places, [values[table.keys[place]] for place in places])
            clips[column.key] = _points(table, places, held)
            conditions[column.key] = clips[column.key].groupby("condition")[["value", "rating"]].mean().reset_index()
            found += _of_clips(column, held)
        else:
            cells = {one.condition: one.value for one in measured.cells if one.column == column.key}
            conditions[column.key], rows = _of_sets(column, table, cells, _why(measured, column))
            found += rows
    return Beside(measured, tuple(found), clips, conditions)


def _ids(measured: Measured) -> dict[str, str]:
    """Give the ids of prompts by the names that ratings have for them: see `analysis.read.names.prompts_of`."""
    shared = Counter(measured.prompts.values())
    named = {f"{text} [{one}]": one for one, text in measured.prompts.items()}
    named |= {text: one for one, text in measured.prompts.items() if shared[text] == 1}
    return named | {one: one for one in measured.prompts}


def _table(ratings: pd.DataFrame, ids: Mapping[str, str]) -> _Table:
    """Sum the scores of each rater and clip."""
    seeds = "seed" in ratings and bool(ratings["seed"].astype(str).str.strip().ne("").any())
    seed = ratings["seed"].astype(str) if seeds else pd.Series("", index=ratings.index)
    prompt = ratings["prompt"].astype(str).map(lambda name: ids.get(name, name))
    named = [prompt, ratings["condition"].astype(str), seed]
    rows: list[Key] = list(zip(*named, strict=True))
    keys = sorted(set(rows))
    place = {key: number for number, key in enumerate(keys)}
    raters = {name: number for number, name in enumerate(sorted(ratings["participant"].astype(str).unique()))}
    sums, counts = np.zeros((len(raters), len(keys))), np.zeros((len(raters), len(keys)))
    where = [raters[name] for name in ratings["participant"].astype(str)], [place[row] for row in rows]
    np.add.at(sums, where, ratings["score"].to_numpy(dtype=np.float64))
    np.add.at(counts, where, 1.0)
    return _Table(keys, sums, counts, seeds)


def _values(measured: Measured, column: Column, *, seeds: bool) -> dict[Key, float]:
    """Give a metric's values of clips; where ratings know no seed, the mean over them."""
    found: dict[Key, list[float]] = {}
    for one in measured.clips:
        if one.column == column.key and one.value is not None:
            found.setdefault((one.prompt_id, one.condition, str(one.seed) if seeds else ""), []).append(one.value)
    return {key: sum(some) / len(some) for key, some in found.items()}


def _why(measured: Measured, column: Column) -> str:
    """Say why a metric has no value at all: the baseline lacks one anyway, beside itself, so others tell more."""
    cells = [one for one in measured.cells if one.column == column.key and one.why]
    cells.sort(key=lambda one: one.condition == measured.baseline)
    return cells[0].why if cells else "it was not measured"


def _points(table: _Table, places: Sequence[int], held: Rated) -> pd.DataFrame:
    """List clips with both numbers."""
    keys = [table.keys[place] for place in places]
    frame = pd.DataFrame(keys, columns=["prompt", "condition", "seed"])
    return frame.assign(value=held.values, rating=held.means() if keys else np.zeros(0))


def _of_clips(column: Column, held: Rated) -> list[Agreement]:
    """Correlate a metric of single clips."""
    turned = Rated(_turned(column, held.values), held.prompts, held.conditions, held.sums, held.counts)
    clips, prompts = len(held.values), len(set(held.prompts.tolist()))
    if clips < 3:
        said = f"{counted(clips, 'clip')} with a value {'was' if clips == 1 else 'were'} rated, too few to correlate."
        return [_nothing(column, "clips", said, clips)]
    what = f"{counted(clips, 'clip')} of {counted(prompts, 'prompt')}"
    rows = [_row(column, "clips", over_clips(turned), (clips, prompts), f"Over {what}")]
    alone = np.bincount(turned.prompts)[turned.prompts] > 1
    several, inside = int(alone.sum()), len(set(turned.prompts[alone].tolist()))
    if several:
        among = f"Within prompts ({counted(several, 'clip')} of {inside})"
        rows.append(_row(column, "within prompts", within_prompts(_part(turned, alone)), (several, inside), among))
    else:
        rows.append(_nothing(column, "within prompts", "Within prompts, there is no second clip to order.", 0))
    sums = [np.bincount(turned.conditions, one) for one in (turned.values, turned.sums.sum(0), turned.counts.sum(0))]
    values, means = sums[0] / np.bincount(turned.conditions), sums[1] / sums[2]
    return [*rows, _over_conditions(column, over_conditions(turned), values, means, prompts)]


def _of_sets(
    column: Column, table: _Table, cells: Mapping[str, float | None], why: str
) -> tuple[pd.DataFrame, list[Agreement]]:
    """Correlate a metric of sets, which has one value a condition."""
    values = {name: value for name, value in cells.items() if value is not None}
    places = [place for place, key in enumerate(table.keys) if key[1] in values]
    names = sorted({table.keys[place][1] for place in places})
    if not names:
        said = "None of its conditions was rated." if values else f"{why[:1].upper()}{why[1:].rstrip('.')}."
        return pd.DataFrame(columns=["condition", "value", "rating"]), [_nothing(column, "conditions", said, 0)]
    held = table.of(places, [0.0] * len(places))
    fixed = _turned(column, np.array([values[name] for name in names]))
    sums = [np.bincount(held.conditions, one.sum(axis=0)) for one in (held.sums, held.counts)]
    means = sums[0] / sums[1]
    row = _over_conditions(column, over_conditions(held, fixed), fixed, means, len(set(held.prompts.tolist())))
    points = pd.DataFrame({"condition": names, "value": [values[name] for name in names], "rating": means})
    return points, [row]


def _over_conditions(column: Column, found: Correlation, values: Float, means: Float, prompts: int) -> Agreement:
    """Judge a correlation over conditions, where chance may bring any order."""
    count = len(values)
    if count < 2:
        return _nothing(column, "conditions", "There is one condition, which has no order.", count)
    what = f"Over {count} conditions"
    if found.value is None or count >= FEWEST_CONDITIONS:
        chance = by_chance(found.value, values, means) if found.value is not None else 1.0
        return _row(column, "conditions", found, (count, prompts), what, chance)
    ways = {2: 2, 3: 6, 4: 24}[count]
    orders = f"there are {ways} orders of {count}, so that chance alone agrees completely once in {ways}"
    said = f"{what}: {_number(found)}, which tells nothing: {orders}."
    return _agreement(column, "conditions", found, (count, prompts), "cannot tell", said)


def _row(
    column: Column, over: Over, found: Correlation, size: tuple[int, int], what: str, chance: float = 0.0
) -> Agreement:
    """Judge a correlation by its interval, and over conditions by how often chance does as well."""
    if found.value is None:
        said = f"{what}: no correlation, as all values or all mean ratings are the same."
        return _agreement(column, over, found, size, "no value", said)
    if found.low is None or found.high is None:
        reason = (
            f"an interval needs at least {FEWEST_PROMPTS} prompts and 2 raters"
            if size[1] < FEWEST_PROMPTS or abs(found.value) < 1 - 1e-9
            else "an order that is complete has no spread to judge it by"
        )
        return _agreement(column, over, found, size, "cannot tell", f"{what}: {_number(found)}; {reason}.")
    likely = f"; chance brings such an order in {100 * chance:.2g} of 100 cases" if chance else ""
    if (found.low > 0 or found.high < 0) and chance <= CHANCE:
        return _agreement(
            column,
            over,
            found,
            size,
            "agrees" if found.low > 0 else "contradicts",
            f"{what}: {_number(found)}{likely}.",
        )
    if found.low <= 0 and 0 <= found.high < WEAK:
        said = f"{what}: {_number(found)}, at most a weak agreement."
        return _agreement(column, over, found, size, "does not agree", said)
    why = likely if found.low > 0 or found.high < 0 else ", and zero is among them"
    return _agreement(column, over, found, size, "cannot tell", f"{what}: {_number(found)}{why}.")


def _agreement(
    column: Column, over: Over, found: Correlation, size: tuple[int, int], kind: Kind, words: str
) -> Agreement:
    turned = column.better == "lower"
    return Agreement(column.key, column.name, over, found.value, found.low, found.high, turned, *size, kind, words)


def _nothing(column: Column, over: Over, words: str, count: int) -> Agreement:
    return _agreement(column, over, Correlation(None), (count, 0), "no value", words)


def _turned(column: Column, values: Float) -> Float:
    """Turn the sign where lower is better."""
    return -values if column.better == "lower" else values


def _part(held: Rated, kept: np.ndarray) -> Rated:
    """Keep some clips, and number their prompts anew."""
    prompts = np.unique(held.prompts[kept], return_inverse=True)[1]
    return Rated(held.values[kept], prompts, held.conditions[kept], held.sums[:, kept], held.counts[:, kept])


def _number(found: Correlation) -> str:
    """Write a correlation with its interval."""
    ends = f" ({found.low:.2f} to {found.high:.2f})" if found.low is not None and found.high is not None else ""
    return f"{found.value:.2f}{ends}".replace("-", "−")


@dataclass(frozen=True)
class _Table:
    """Ratings by rater and clip.

    Parameters
    ----------
    keys
        The clips, in order.
    sums, counts
        Of scores, (raters, clips).
    seeds
        Whether the ratings know the seeds of clips.
    """

    keys: Sequence[Key]
    sums: Float
    counts: Float
    seeds: bool

    def of(self, places: Sequence[int], values: Sequence[float]) -> Rated:
        """Give some clips with a metric's values, and the raters who rated one of them."""
        kept = self.counts[:, places].sum(axis=1) > 0
        keys = [self.keys[place] for place in places]
        prompts, conditions = (np.unique([key[part] for key in keys], return_inverse=True)[1] for part in (0, 1))
        sums, counts = (one[kept][:, places] for one in (self.sums, self.counts))
        return Rated(np.asarray(values, dtype=np.float64), prompts, conditions, sums, counts)


@dataclass(frozen=True)
class Beside:
    """Metrics beside ratings.

    Parameters
    ----------
    measured
        What metrics say.
    agreements
        How far each agrees with people.
    clips
        Of each metric of single clips by key, each rated clip: `prompt`, `condition`, `seed`, `value`, `rating`.
    conditions
        Of each metric by key, each condition: `condition`, `value`, `rating`.
    """

    measured: Measured
    agreements: tuple[Agreement, ...]
    clips: Mapping[str, pd.DataFrame]
    conditions: Mapping[str, pd.DataFrame]

    def as_dict(self) -> dict[str, Any]:
        """Give the table of metrics as plain data, without single clips, which measured.json has."""
        return {name: value for name, value in asdict(self.measured).items() if name != "clips"}
