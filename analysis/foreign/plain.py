"""Plain: a table with a row a rating whose columns have other names than ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.foreign.clues import headers, paths, values
from analysis.foreign.clues.pick import ambiguous, pick
from analysis.foreign.clues.taken import Taken, picked, told
from analysis.table.table import Table

_MORE = ("rated_at", "comment", "seed")
ROLES = ("participant", "score", "condition", "prompt", "clip", *_MORE)
_ELSEWHERE = frozenset(("stimulus", "answer", "plays"))  # often another thing in other tools' files


def by_names(table: Table, given: Mapping[str, int], roles: Sequence[str] = ROLES) -> dict[str, int]:
    """Find the columns of ours that a table names, those `given` first.

    Of the `roles` other names are understood, too.

    Examples
    --------
    >>> table = Table("r.csv", "", ("rater", "mos", "file"), (["a"], ["4"], ["x/1.wav"]), [2])
    >>> by_names(table, {})
    {'participant': 0, 'score': 1, 'clip': 2}
    """
    found = dict(given)
    own = {headers.folded(ours): ours for ours in headers.OURS if ours not in _ELSEWHERE}
    for at, name in sorted(enumerate(table.header), key=lambda one: one[1] not in headers.OURS):
        named = own.get(headers.folded(name))
        if named is not None and named not in found and at not in found.values():
            found[named] = at
    for role in roles:
        if role not in found and (place := pick(table, role, set(found.values()))) is not None:
            found[role] = place
    if "clip" in roles and "clip" not in found and not {"prompt", "condition"} <= set(found):
        files = [
            place for place in range(len(table.header)) if place not in found.values() and _are_files(table, place)
        ]
        if len(files) == 1:
            found["clip"] = files[0]
    if "prompt" not in found and "prompt_id" in found:
        found["prompt"] = found.pop("prompt_id")
    if "participant" not in found and "session" in found:
        found["participant"] = found["session"]
    return found


def taken(table: Table, given: Mapping[str, int]) -> Taken | None:
    """Take a table with a row a rating; None where not all of its columns can be told by their names.

    Parameters
    ----------
    table
        The file.
    given
        The columns that somebody named.

    Raises
    ------
    RatingsError
        If two columns could be one of ours.

    Examples
    --------
    >>> table = Table("r.csv", "", ("rater", "text", "model", "mos"), (["a"], ["p"], ["x"], ["4"]), [2])
    >>> taken(table, {}).notices
    ('Columns: rater was taken for participant, model for condition, text for prompt, mos for score.',)
    """
    found = by_names(table, given, [role for role in ROLES if role != "score"])
    if "participant" not in found:
        return None
    if "score" not in found:
        place = pick(table, "score", set(found.values()))
        place = _only_numbers(table, found) if place is None else place
        if place is None:
            return None
        found["score"] = place
    clip = found.pop("clip", None)
    made = _of_clip(table, found, clip) if clip is not None else {}
    if any(role not in found and role not in made for role in headers.REQUIRED):
        return None
    rest = {name: place for place, name in enumerate(table.header) if place not in found.values()}
    rest = {name: place for name, place in rest.items() if name not in found and name not in made}
    whole = picked(table, found | rest)
    of_clip = {role: table.header[clip] for role in made if clip is not None}
    renamed = {role: table.header[place] for role, place in found.items() if _differs(role, table.header[place])}
    order = [role for role in (*headers.REQUIRED[:1], "condition", "prompt", "score", *_MORE) if role in renamed]
    said = told({role: renamed[role] for role in order})
    return Taken(whole.columns | made, whole.rows).saying(said, told(of_clip, "From the names of the files"))


def _of_clip(table: Table, found: Mapping[str, int], clip: int) -> dict[str, list[str]]:
    """Tell from the name of the clip what no column says: the condition, the prompt or both."""
    cells = table.columns[clip]
    labels = list(dict.fromkeys(cells))
    if "condition" in found and "prompt" in found:
        return {}
    if "condition" in found:
        pairs = dict.fromkeys(zip(cells, table.columns[found["condition"]], strict=True))
        bare = {pair: paths.without(*pair) for pair in pairs}
        short = paths.shortened(list(dict.fromkeys(map(str.strip, cells))))
        if len(set(bare.values())) == len(bare):  # no clip has the prompt of another: the names stay as they are
            return {"prompt": [short.get(cell.strip(), cell) for cell in cells]}
        return {"prompt": [bare[pair] for pair in zip(cells, table.columns[found["condition"]], strict=True)]}
    parts = paths.parted(labels)
    if not parts:
        return {}
    if "prompt" in found:
        prompts = table.columns[found["prompt"]]
        side = _condition_side([parts[cell] for cell in cells], prompts)
        return {"condition": [parts[cell][side] for cell in cells]}
    return {"condition": [parts[cell][0] for cell in cells], "prompt": [parts[cell][1] for cell in cells]}


def _condition_side(parts: list[paths.Pair], prompts: list[str]) -> int:
    """Tell which part of the clips' names is the condition: the one that the prompt does not fix."""
    size = len(set(prompts))
    fixed = [len(set(zip(prompts, [pair[side] for pair in parts], strict=True))) == size for side in (0, 1)]
    return 1 if fixed[0] and not fixed[1] else 0


def _only_numbers(table: Table, found: Mapping[str, int]) -> int | None:
    """Find the one column of numbers that has no other use."""
    free = [
        place
        for place, name in enumerate(table.header)
        if place not in found.values() and not headers.is_other(name) and values.are_scores(table.columns[place])
    ]
    if len(free) > 1 and all(role in found for role in headers.REQUIRED[:3]):
        raise ambiguous(table, "score", free, ", or take each as a scale of its own with --wide")
    return free[0] if len(free) == 1 else None


def _are_files(table: Table, place: int) -> bool:
    """Say whether all cells of a column are names of sound files, whatever it is called."""
    held = set(table.columns[place])
    return len(held) > 1 and all(map(paths.is_audio, held))


def _differs(role: str, name: str) -> bool:
    return headers.folded(role) != headers.folded(name)
