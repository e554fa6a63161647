"""Wide: tables whose scores stand side by side, a column a condition, a clip, a rater or a scale."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from analysis.errors import MissingColumnError
from analysis.foreign.clues import headers, paths, values
from analysis.foreign.clues.pick import ambiguous
from analysis.foreign.clues.taken import Taken, gathered
from analysis.foreign.plain import ROLES, by_names
from analysis.table.table import Table
from analysis.words import counted, listed

ALL = "all"
_NAMES = (*headers.REQUIRED, "prompt_id", "seed", "session", "rated_at", "kind", "comment", "scale")
_RATER = re.compile(r"([^\W\d_]*)[\W_]*\d+", re.ASCII)
_SHORT = frozenset(["p", "s", "r", "l", "u", "vp", "subj", "part", "e", "j", "id", "a", "w"])


def taken(table: Table, given: Mapping[str, int], *, asked: bool = False) -> Taken | None:
    """Take a table whose scores stand in several columns; None where that cannot be told.

    Parameters
    ----------
    table
        The file.
    given
        The columns that somebody named.
    asked
        Whether somebody said that it is such a table.

    Raises
    ------
    MissingColumnError
        If somebody said so and it cannot be.

    Examples
    --------
    >>> table = Table("r.csv", "", ("rater", "prompt", "ref", "w8"), (["a"], ["p"], ["5"], ["3"]), [2])
    >>> taken(table, {}).columns["condition"]
    ['ref', 'w8']
    """
    roles = [role for role in ROLES if role != "score"]
    found = {role: place for role, place in by_names(table, given, roles).items() if role in (*_NAMES, "clip")}
    if "score" not in given:
        found.pop("score", None)
    side = score_columns(table, set(found.values()))
    if "participant" in found and found["participant"] in side:
        del found["participant"]
    if len(side) >= 2:
        way = _way(table, found, side, asked)
        if way is not None:
            return way
    if asked:
        raise MissingColumnError(
            f"{table.name}: no scores side by side: {listed(repr(table.header[at]) for at in side) or 'no column'} "
            "holds scores, and no other column says who gave them or for what; say with --columns participant=NAME"
        )
    return None


def score_columns(table: Table, used: set[int]) -> list[int]:
    """Find the columns of scores, by what they hold.

    Examples
    --------
    >>> table = Table("r.csv", "", ("rater", "age", "a", "b"), (["p"], ["30"], ["5"], ["3"]), [2])
    >>> score_columns(table, {0})
    [2, 3]
    """
    return [
        place
        for place, name in enumerate(table.header)
        if place not in used and not headers.is_other(name) and values.are_scores(table.columns[place])
    ]


def _way(table: Table, found: Mapping[str, int], side: Sequence[int], asked: bool) -> Taken | None:
    """Tell what the columns of scores are, and take them."""
    names = [table.header[place] for place in side]
    shared = {role: place for role, place in found.items() if role != "clip"}
    label = found.get("clip", found.get("prompt"))
    if "participant" not in found:
        unknown = all(headers.tier("score", name) is None for name in names)
        raters = _raters(table, shared, label, side) if label is not None and (unknown or are_raters(names)) else None
        if raters is not None or not asked:
            return raters
        people = [f"row {line}" for line in table.lines]
        said = "No column says who gave the scores: each row was taken for a participant of its own."
        return _clips(table, shared, side, people).saying(said)
    if "prompt" in found and "condition" in found:
        return _scales(table, shared, side) if asked else None
    parts = paths.plainly(table.columns[label]) if label is not None and "condition" not in found else {}
    if label is not None and parts and not any(map(paths.says_condition, names)):
        if not asked:
            raise ambiguous(table, "score", side, ", or take each as a scale of its own with --wide")
        cells = table.columns[label]
        made = {"condition": [parts[cell][0] for cell in cells], "prompt": [parts[cell][1] for cell in cells]}
        return _scales(table, {role: at for role, at in shared.items() if role != "prompt"}, side, made)
    if label is not None:
        given = {"prompt": label, **shared}
        what = f"Each of {counted(len(side), 'column')} of scores ({_some(names)}) was taken for a condition."
        return _stacked(table, given, side, {"condition": names}).saying(what)
    if "condition" in found:
        what = f"Each of {counted(len(side), 'column')} of scores ({_some(names)}) was taken for a prompt."
        return _stacked(table, shared, side, {"prompt": names}).saying(what)
    return _clips(table, shared, side, None)


def are_raters(names: Sequence[str]) -> bool:
    """Say whether names of columns are ones of raters: one word with numbers, such as subject_0, P01.

    Examples
    --------
    >>> are_raters(["subject_0", "subject_1"]), are_raters(["P01", "P02"]), are_raters(["w8a8", "w4a8"])
    (True, True, False)
    """
    found = [_RATER.fullmatch(name.strip()) for name in names]
    stems = {one[1].casefold() if one else None for one in found}
    if len(stems) != 1:
        return False
    (stem,) = stems
    return stem is not None and (stem in _SHORT or headers.tier("participant", stem) in (0, 1))


def _parted(side: Sequence[int], labels: Sequence[str]) -> tuple[list[str], list[str], str]:
    """Tell the condition and the prompt of each column of scores by its label, and say how."""
    parts = paths.parted(labels) if len(set(labels)) == len(labels) else {}
    if parts:
        first = labels[0]
        said = (
            f"Each of {counted(len(side), 'column')} of scores was taken for a clip: {first!r} for condition "
            f"{parts[first][0]!r} and prompt {parts[first][1]!r}."
        )
        return [parts[label][0] for label in labels], [parts[label][1] for label in labels], said
    said = (
        f"Each of {counted(len(side), 'column')} of scores ({_some(labels)}) was taken for a condition of one prompt."
    )
    return list(labels), [ALL] * len(labels), said


def _clips(table: Table, shared: Mapping[str, int], side: Sequence[int], people: list[str] | None) -> Taken:
    names = [table.header[place] for place in side]
    conditions, prompts, said = _parted(side, names)
    if "prompt" in shared:
        conditions, prompts = names, []
        said = f"Each of {counted(len(side), 'column')} of scores ({_some(names)}) was taken for a condition."
    of_side = {"condition": conditions, **({"prompt": prompts} if prompts else {})}
    found = _stacked(table, shared, side, of_side)
    if people is not None:
        found.columns["participant"] = [people[row] for row in found.rows]
    return found.saying(said)


def _raters(table: Table, shared: Mapping[str, int], label: int, side: Sequence[int]) -> Taken | None:
    """Take a table with a row a clip and a column a rater."""
    names = [table.header[place] for place in side]
    cells = table.columns[label]
    said = f"Each of {counted(len(side), 'column')} of scores ({_some(names)}) was taken for a participant."
    if "condition" in shared:
        given = {"prompt": label, **shared}
        return _stacked(table, given, side, {"participant": names}).saying(said)
    parts = paths.plainly(cells)
    if not parts:
        return None
    found = _stacked(table, {r: p for r, p in shared.items() if r != "prompt"}, side, {"participant": names})
    found.columns["condition"] = [parts[cells[row]][0] for row in found.rows]
    found.columns["prompt"] = [parts[cells[row]][1] for row in found.rows]
    first = cells[0]
    return found.saying(
        said,
        f"Column {table.header[label]}: {first!r} was taken for condition {parts[first][0]!r} and prompt "
        f"{parts[first][1]!r}, and so on.",
    )


def _scales(
    table: Table, shared: Mapping[str, int], side: Sequence[int], made: Mapping[str, list[str]] | None = None
) -> Taken:
    names = [table.header[place] for place in side]
    found = _stacked(table, shared, side, {"scale": names})
    for role, column in (made or {}).items():
        found.columns[role] = [column[row] for row in found.rows]
    return found.saying(f"Each of {counted(len(side), 'column')} of scores ({_some(names)}) was taken for a scale.")


def _stacked(
    table: Table, shared: Mapping[str, int], side: Sequence[int], of_side: Mapping[str, Sequence[str]]
) -> Taken:
    """Put columns of scores under one another, row by row; a gap is a rating that was not asked for."""
    gaps = sum(values.is_missing(cell) for place in side for cell in table.columns[place])

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        for row in range(len(table.lines)):
            own = {role: table.columns[place][row] for role, place in shared.items()}
            for number, place in enumerate(side):
                score = table.columns[place][row]
                if not values.is_missing(score):
                    yield row, own | {role: names[number] for role, names in of_side.items()} | {"score": score}

    said = f"{counted(gaps, 'cell')} without a score left out: ratings that were not given." if gaps else ""
    return gathered(entries(), _NAMES).saying(said)


def _some(names: Sequence[str]) -> str:
    """Name the first columns."""
    return ", ".join([*names[:3], *(["..."] if len(names) > 3 else [])])
