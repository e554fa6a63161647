"""MTurk: batch files of Amazon Mechanical Turk, a row an assignment.

Source: the "Download CSV" of a batch (https://docs.aws.amazon.com/AWSMechTurk/latest/RequesterUI/): `HITId`,
`WorkerId`, `AssignmentStatus`, `SubmitTime`, a column `Input.NAME` for each field of the task and `Answer.NAME` for
each answer; a group of buttons is `Answer.NAME.VALUE` with true and false.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from analysis.foreign.clues import headers, values
from analysis.foreign.clues.pick import pick
from analysis.foreign.clues.taken import Taken, by_clip, gathered
from analysis.table.table import Table
from analysis.words import counted, listed

_ZONES = {"PST": -8, "PDT": -7, "UTC": 0, "GMT": 0}
_TIME = re.compile(r"(\w{3} \w{3} +\d+ \d\d:\d\d:\d\d) ([A-Z]{3}) (\d{4})")
_BUTTON = re.compile(r"(answer\.(?:.+))\.([^.]+)", re.IGNORECASE)
_NUMBERED = re.compile(r"(.*?)[\W_]*(\d+)$")
_NAMES = (*headers.REQUIRED, "scale", "session", "rated_at")


def recognised(table: Table) -> Taken | None:
    """Take the ratings of a batch file; rejected assignments are left out.

    Answers and fields with the same number (`Answer.rating2`, `Input.audio2`) belong together. Answers may stand as
    JSON in the column `Answer.taskAnswers`. Condition and prompt are
    the fields called so, or come from the clip's address.

    Examples
    --------
    >>> head = ("HITId", "WorkerId", "Input.system", "Input.text", "Answer.quality")
    >>> table = Table("b.csv", "", head, (["h", "h"], ["u", "v"], ["w8", "w8"], ["rain", "rain"], ["4", "5"]), [2, 3])
    >>> recognised(table).columns["score"], recognised(table).columns["condition"]
    (['4', '5'], ['w8', 'w8'])
    """
    table = _spread(table)
    small = [name.casefold() for name in table.header]
    if "workerid" not in small or not any(name.startswith("answer.") for name in small):
        return None
    rows, said = accepted(table)
    answers = _answers(table)
    if not answers:
        return None
    inputs = {name[6:]: place for place, name in enumerate(table.header) if name.casefold().startswith("input.")}
    worker = small.index("workerid")
    moment = moments(table)
    bases = list(dict.fromkeys(base for base, _ in answers))
    if len(bases) > 1:  # those called as scores are, or else all, each a scale
        named = [base for base in bases if headers.tier("score", base) is not None]
        answers = {key: cells for key, cells in answers.items() if not named or key[0] in named}
        bases = named or bases

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        clips = {number: _fields(table, inputs, number) for _, number in answers}
        for row in rows:
            own = {"participant": table.columns[worker][row], "rated_at": moment[row] if moment else ""}
            for (base, number), cells in answers.items():
                cell = cells[row]
                if not values.is_missing(cell):
                    fields = {role: table.columns[place][row] for role, place in clips[number].items()}
                    yield row, own | fields | {"score": cell, "scale": base}

    found = gathered(entries(), (*_NAMES, "clip"))
    if len(bases) == 1:
        found.columns.pop("scale", None)
    scores = listed(f"Answer.{base}" for base in bases)
    labels = found.columns.pop("clip", [])
    return by_clip(found, labels).saying(
        f"Read as a batch of Mechanical Turk: WorkerId was taken for participant, {scores} for "
        f"{'score' if len(bases) == 1 else 'scores, each a scale of its own'}.",
        *said,
    )


def accepted(table: Table) -> tuple[list[int], list[str]]:
    """Give the rows of assignments that were not rejected, and say how many were.

    Examples
    --------
    >>> accepted(Table("b.csv", "", ("AssignmentStatus",), (["Approved", "Rejected"],), [2, 3]))
    ([0], ['1 rejected assignment left out.'])
    """
    rows = range(len(table.lines))
    small = [name.strip().casefold() for name in table.header]
    if "assignmentstatus" not in small:
        return list(rows), []
    status = table.columns[small.index("assignmentstatus")]
    kept = [row for row in rows if status[row].strip().casefold() != "rejected"]
    gone = len(rows) - len(kept)
    return kept, [f"{counted(gone, 'rejected assignment')} left out."] if gone else []


def moments(table: Table) -> list[str]:
    """Give the times of submission as ISO 8601; none where not all can be read.

    Examples
    --------
    >>> moments(Table("b.csv", "", ("SubmitTime",), (["Thu Nov 07 16:45:50 PST 2019"],), [2]))
    ['2019-11-07T16:45:50-08:00']
    """
    small = [name.casefold() for name in table.header]
    if "submittime" not in small:
        return []
    found = [_moment(text.strip()) for text in table.columns[small.index("submittime")]]
    return found if all(found) else []


def _spread(table: Table) -> Table:
    """Give the answers of Crowd HTML elements, which stand as JSON in one column, a column each."""
    name = next((name for name in table.header if name.casefold() == "answer.taskanswers"), None)
    if name is None:
        return table
    rows = [dict(_fields_of(cell)) for cell in table.column(name)]
    names = tuple(dict.fromkeys(key for row in rows for key in row))
    made = tuple([row.get(key, "") for row in rows] for key in names)
    return replace(table, header=(*table.header, *names), columns=(*table.columns, *made))


def _fields_of(text: str) -> Iterator[tuple[str, str]]:
    """Give the fields of an answer in JSON, each with its path."""
    try:
        open_ends = [("Answer", json.loads(text))]
    except ValueError:
        return
    while open_ends:
        path, held = open_ends.pop()
        if isinstance(held, dict):
            open_ends += [(f"{path}.{key}", value) for key, value in reversed(held.items())]
        elif isinstance(held, list):
            open_ends += [(path, value) for value in reversed(held)]
        elif held is not None:
            yield path, str(held).lower() if isinstance(held, bool) else str(held)


def _moment(text: str) -> str:
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _ZONES:
        return ""
    zone = timezone(timedelta(hours=_ZONES[match[2]]))
    return datetime.strptime(f"{match[1]} {match[3]}", "%a %b %d %H:%M:%S %Y").replace(tzinfo=zone).isoformat()


def _answers(table: Table) -> dict[tuple[str, str], Sequence[str]]:
    """Find the answers that are scores, by what is asked and the number of the clip."""
    found: dict[tuple[str, str], Sequence[str]] = {}
    buttons: dict[str, dict[str, list[str]]] = {}
    for place, name in enumerate(table.header):
        if not name.casefold().startswith("answer."):
            continue
        cells = table.columns[place]
        button = _BUTTON.fullmatch(name)
        if button and {cell.strip().casefold() for cell in cells} <= {"true", "false", ""}:
            buttons.setdefault(button[1], {})[button[2]] = cells
        elif values.are_scores(cells) and not headers.is_other(name[7:]):
            found[_base(name[7:])] = cells
    for name, own in buttons.items():
        if all(map(values.is_score, own)):
            found[_base(name[7:])] = [
                next((value for value, cells in own.items() if values.is_true(cells[row] or "false")), "")
                for row in range(len(table.lines))
            ]
    return found


def _base(name: str) -> tuple[str, str]:
    """Part the name of a field from its number."""
    found = _NUMBERED.fullmatch(name)
    return (found[1], found[2]) if found and found[1] else (name, "")


def _fields(table: Table, inputs: Mapping[str, int], number: str) -> dict[str, int]:
    """Find the fields that say what was rated: those of this number, or those without one."""
    own = {base: place for name, place in inputs.items() for base, at in [_base(name)] if at in ("", number)}
    some = Table(table.name, "", tuple(own), tuple(table.columns[place] for place in own.values()), table.lines)
    found: dict[str, int] = {}
    for role in ("condition", "prompt", "clip"):
        place = pick(some, role, set(found.values()))
        if place is not None:
            found[role] = place
    places = list(own.values())
    return {role: places[place] for role, place in found.items()}
