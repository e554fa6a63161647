"""JsPsych: the data of an experiment in jsPsych, as CSV or JSON, a row a trial of any kind.

Source: the plugins of jsPsych 6 to 8: `trial_type`, `trial_index`, `time_elapsed`, `rt`, `stimulus`, `response` (a
number of a slider, the place of a button from 0, a key, or the JSON of a survey-likert such as {"Q0":3}); in version
6 `button_pressed`, `key_press` and `responses`. All else is from the experimenter's own `data` and `addProperties`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from analysis.foreign.clues import headers, paths, values
from analysis.foreign.clues.pick import pick
from analysis.foreign.clues.taken import Taken, gathered, is_practice
from analysis.table.table import Table
from analysis.words import counted, listed

_SOURCE = re.compile(r"""(?:src|href)=["']?([^"' >]+)""", re.IGNORECASE)
_PARTS = ("phase", "test_part", "task", "part", "block", "trial_part", "screen", "practice", "is_practice")
_OWN = ("stimulus", "response", "responses", "rt", "button_pressed", "key_press", "trial_index", "trial_type")
_NAMES = (*headers.REQUIRED, "kind", "scale", "position")


def recognised(table: Table) -> Taken | None:
    """Take the ratings among the trials of an experiment: sliders, buttons, keys and Likert scales about a clip.

    Which clip a trial was about is told by the experimenter's own columns, or by its stimulus. Places of buttons and
    of Likert scales are counted from 1.

    Examples
    --------
    >>> head = ("trial_type", "trial_index", "response", "stimulus", "subject")
    >>> cells = (["preload", *["audio-slider-response"] * 4], list("01234"), ["", "70", "40", "80", "30"])
    >>> clips = ["", "a/x.wav", "b/x.wav", "a/y.wav", "b/y.wav"]
    >>> found = recognised(Table("j.csv", "", head, (*cells, clips, ["s1"] * 5), [2, 3, 4, 5, 6]))
    >>> found.columns["condition"], found.columns["score"]
    (['a', 'b', 'a', 'b'], ['70', '40', '80', '30'])
    """
    if not {"trial_type", "trial_index"} <= set(table.header):
        return None
    own = _columns(table)
    stimuli = _stimuli(table, own)
    practice = _practice(table)
    about = _clips(table, own, stimuli, practice)
    rows = [row for row, what in enumerate(about) if what and next(_answers(table, row), None) is not None]
    shifted = False

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        nonlocal shifted
        for row in rows:
            shared = about[row] | {role: table.columns[place][row] for role, place in own.items()}
            shared |= {"kind": "practice" if practice[row] else "trial", "position": table.column("trial_index")[row]}
            for scale, score, moved in _answers(table, row):
                shifted |= moved
                yield row, shared | {"score": score, "scale": scale}

    found = gathered(entries(), _NAMES)
    if len(set(found.columns.get("scale", []))) < 2:
        found.columns.pop("scale", None)
    others = len(table.lines) - len(set(found.rows))
    told = [f"{table.header[place]} was taken for {role}" for role, place in own.items()]
    if named := [role for role in ("condition", "prompt") if role not in own and rows]:
        told.append(f"{listed(named)} {'come' if len(named) > 1 else 'comes'} from the names of the clips")
    lack = ""
    if "participant" not in own:
        lack = "no column names the participants of this jsPsych experiment; name one with --columns participant=NAME"
    elif not found.rows:
        lack = (
            "no trial of this jsPsych experiment says which condition and prompt it rates, neither in columns nor in "
            "the name of its clip; name columns with --columns condition=NAME,prompt=NAME,score=response"
        )
    return Taken(found.columns, found.rows, (), lack).saying(
        f"Read as data of jsPsych: {', '.join(told)}." if told else "Read as data of jsPsych.",
        "Places of buttons and of Likert scales are counted from 1." if shifted else "",
        f"{counted(others, 'trial')} that are no ratings of clips left out." if others else "",
    )


def _columns(table: Table) -> dict[str, int]:
    """Find the experimenter's columns."""
    used = {place for place, name in enumerate(table.header) if name in _OWN}
    found: dict[str, int] = {}
    for role in ("participant", "condition", "prompt"):
        place = pick(table, role, used | set(found.values()))
        if place is not None and headers.tier(role, table.header[place]) in (0, 1, 2, 3):
            found[role] = place
    if "participant" not in found:
        for name in ("run_id", "session_id", "sessionID", "recorded_at"):
            if name in table.header:
                return {"participant": table.header.index(name)} | found
    return found


def _stimuli(table: Table, own: Mapping[str, int]) -> list[str]:
    """Give the sound file of each trial: its stimulus, the source within the HTML of one, or a column for it."""
    used = {place for place, name in enumerate(table.header) if name in _OWN and name != "stimulus"}
    if "stimulus" in table.header and any(map(_source, set(table.column("stimulus")))):
        return [_source(text) for text in table.column("stimulus")]
    place = pick(table, "clip", used | set(own.values()))
    return [_source(text) for text in table.columns[place]] if place is not None else [""] * len(table.lines)


def _source(text: str) -> str:
    """Give the sound file that a stimulus is or holds."""
    sources = _SOURCE.findall(text) if "<" in text else [text]
    return next((source for source in sources if paths.is_audio(source)), "")


def _practice(table: Table) -> list[bool]:
    """Tell of each trial whether it is practice, by the column of the experimenter for the part it belongs to."""
    found = [False] * len(table.lines)
    for name in _PARTS:
        if name in table.header:
            words = {
                cell: is_practice(cell) or ("practice" in name and values.is_true(cell)) for cell in table.column(name)
            }
            found = [before or words[cell] for before, cell in zip(found, table.column(name), strict=True)]
    return found


def _clips(
    table: Table, own: Mapping[str, int], stimuli: Sequence[str], practice: Sequence[bool]
) -> list[dict[str, str]]:
    """Tell what no column says of the clip of each trial; nothing for a trial that is about none."""
    needed = [role for role in ("condition", "prompt") if role not in own]
    rated = [text for text, before in zip(stimuli, practice, strict=True) if text and not before]
    parts = paths.parted(rated) if "condition" in needed else {}
    found = []
    for row, clip in enumerate(stimuli):
        held = {role: table.columns[own[role]][row].strip() for role in ("condition", "prompt") if role in own}
        what: dict[str, str] = {}
        if not all(held.values()):
            pass
        elif not needed:
            what = held
        elif needed == ["prompt"] and clip:
            what = {"prompt": paths.without(clip, held["condition"])}
        elif clip in parts:
            what = {role: parts[clip][role == "prompt"] for role in needed}
        elif clip and practice[row]:
            what = dict.fromkeys(needed, clip)
        found.append(what)
    return found


def _answers(table: Table, row: int) -> Iterator[tuple[str, str, bool]]:
    """Give the scores of a trial with the scale of each, and whether they were counted from 0."""
    kind = table.column("trial_type")[row]
    for name in ("response", "responses", "button_pressed", "key_press"):
        cell = table.column(name)[row].strip() if name in table.header else ""
        if cell.startswith("{"):
            yield from _likert(cell)
            return
        if values.is_number(cell):
            moved = "button" in kind and name != "key_press"
            yield "", str(int(float(cell)) + 1) if moved else cell, moved
            return
    for name in table.header:  # a JSON file whose survey was spread over columns
        if name.startswith(("response.", "responses.")) and values.is_number(cell := table.column(name)[row].strip()):
            moved = "likert" in kind
            yield name.split(".", 1)[1], str(int(float(cell)) + 1) if moved else cell, moved


def _likert(cell: str) -> Iterator[tuple[str, str, bool]]:
    """Give the answers of a survey's JSON."""
    try:
        held = json.loads(cell)
    except ValueError:
        return
    for name, value in held.items():
        if isinstance(value, int) and not isinstance(value, bool):
            yield name, str(value + 1), True
