"""VoiceMOS: lists of the VoiceMOS Challenge, of BVCC and of others like them, without a header; and SOMOS.

Sources: `DATA/sets/TRAINSET` of BVCC (VoiceMOS Challenge 2022), of which a line is
`sys64e2f,sys64e2f-utt9c183cd.wav,4,VDP1ovyrBzg8_1,{}_30-39_bZPQE7w4Zl3g_Female_Valid_1_No`, whose last field holds
the listener; `raw_scores.tsv` of SOMOS (2022), with a header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.foreign.clues import headers, paths, values
from analysis.foreign.clues.taken import Taken, picked
from analysis.table.table import Table

_SOMOS = {"participant": "listenerId", "prompt": "sentenceId", "condition": "systemId", "score": "choice"}


def recognised(table: Table) -> Taken | None:
    """Take the ratings of a list without a header, or of SOMOS.

    A list has one column of sound files, one of scores and one of listeners, and perhaps one of systems.

    Examples
    --------
    >>> head = ("sysA", "sysA-u1.wav", "4", "_", "{}_20_L1_M_Valid_1_No")
    >>> listeners = ["{}_30_L2_M_Valid_1_No", "{}_30_L2_M_Valid_1_No"]
    >>> cells = (["sysB", "sysA"], ["sysB-u1.wav", "sysA-u2.wav"], ["3", "5"], ["_", "_"], listeners)
    >>> found = recognised(Table("list.txt", "", head, cells, [2, 3]))
    >>> found.columns["condition"], found.columns["prompt"], found.columns["participant"], found.rows
    (['sysA', 'sysB', 'sysA'], ['u1', 'u1', 'u2'], ['L1', 'L2', 'L2'], [-1, 0, 1])
    """
    if set(_SOMOS.values()) <= set(table.header):
        found = picked(table, {ours: table.header.index(theirs) for ours, theirs in _SOMOS.items()})
        said = "Read as raw scores of SOMOS: listenerId was taken for participant, sentenceId for prompt, "
        return found.saying(f"{said}systemId for condition, choice for score.")
    columns = [[name, *cells] for name, cells in zip(table.header, table.columns, strict=True)]
    clips = [place for place, cells in enumerate(columns) if all(map(paths.is_audio, cells))]
    scores = [place for place, cells in enumerate(columns) if all(map(values.is_number, cells))]
    if len(clips) != 1 or not scores:
        return None
    return _list(columns, clips[0], scores, [-1, *range(len(table.lines))])


def _list(columns: Sequence[Sequence[str]], clip: int, scores: Sequence[int], rows: list[int]) -> Taken:
    """Take a list whose first line is one of data."""
    names = columns[clip]
    others = [place for place in range(len(columns)) if place != clip]
    systems = [
        place
        for place in others
        if all(system and system in name for system, name in zip(columns[place], names, strict=True))
        and 1 < len(set(columns[place])) < len(set(names))
    ]
    score = [place for place in scores if place not in systems]
    made: dict[str, list[str]] = {}
    if systems:
        system = columns[systems[0]]
        made["condition"] = list(system)
        made["prompt"] = [paths.without(*pair) for pair in zip(names, system, strict=True)]
    elif parts := paths.parted(names):
        made = {"condition": [parts[name][0] for name in names], "prompt": [parts[name][1] for name in names]}
    if score:
        made["score"] = list(columns[score[0]])
    rest = [columns[place] for place in others if place not in (*systems, *score[:1])]
    people = [cells for cells in rest if _varies(names, cells)]
    people = people or [cells for cells in rest if "condition" in made and _varies(made["condition"], cells)]
    if people:
        made["participant"] = _listeners(people[-1])
    found = Taken(made, rows)
    lacking = [role for role in headers.REQUIRED if role not in made]
    if lacking:
        what = f"the {lacking[0]}" + (": a list of means has no raters" if lacking == ["participant"] else "")
        return replace(
            found, lack=f"a list without a header that does not say {what}; add a first line that names the columns"
        )
    last = max(place for place in others if columns[place] is people[-1])
    order = {"condition": systems[0] if systems else clip, "prompt": clip, "score": score[0], "participant": last}
    said = ", ".join(f"column {place + 1} for {role}" for role, place in order.items())
    return found.saying(f"Read as a list without a header, as those of the VoiceMOS Challenge: took {said}.")


def _varies(within: Sequence[str], cells: Sequence[str]) -> bool:
    """Say whether a column may name listeners: it differs where another one does not."""
    return len(set(zip(within, cells, strict=True))) > len(set(within))


def _listeners(cells: Sequence[str]) -> list[str]:
    """Give the listener of each line: of fields with underscores, the part that tells most of them apart."""
    pieces = [cell.split("_") for cell in cells]
    if {len(own) for own in pieces} == {len(pieces[0])} and len(pieces[0]) >= 5:
        kinds = [len(set(column)) for column in zip(*pieces, strict=True)]
        place = 2 if kinds[2] == max(kinds) else kinds.index(max(kinds))  # the third is BVCC's listener
        return [own[place] for own in pieces]
    return list(cells)
