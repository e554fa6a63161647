"""Qualtrics: exported answers with three lines of header: names, texts, and {"ImportId": ...}.

Source: the CSV, TSV and XLSX exports of Qualtrics (Data & Analysis, Export; 2019 and later): `StartDate`, `Status`,
`Finished`, `ResponseId`, `DistributionChannel` and others, then a column a question or a row of a matrix (`Q3_1`),
with the number of the turn before it where questions are looped (`1_Q3`: loop & merge).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from analysis.foreign.clues import headers, paths, values
from analysis.foreign.clues.taken import Taken, gathered
from analysis.table.table import Table
from analysis.words import counted

ALL = "all"
_META = frozenset(
    (
        *("startdate", "enddate", "status", "ipaddress", "progress", "durationinseconds", "finished", "recordeddate"),
        *("responseid", "recipientlastname", "recipientfirstname", "recipientemail", "externalreference"),
        *("locationlatitude", "locationlongitude", "distributionchannel", "userlanguage", "qrecaptchascore"),
    )
)
_LOOP = re.compile(r"(\d+)_(.+)")
_ROW = re.compile(r"_\d+$")
_SOURCE = re.compile(r"""<[^>]*\bsrc=["']?([^"' >]+)[^>]*>""", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_TIMER = re.compile(r"first click|last click|page submit|click count", re.IGNORECASE)
_NAMES = (*headers.REQUIRED, "scale", "rated_at")


def recognised(table: Table) -> Taken | None:
    """Take the ratings of an export; previews and answers that were not finished are left out.

    What was rated is told by what differs in the texts of the questions, such as the file that each of them plays.

    Examples
    --------
    >>> head = ("ResponseId", "Q1_1", "Q1_2", "Q2_1", "Q2_2")
    >>> texts = ("Response ID", "Rate - base: rain", "Rate - w8: rain", "Rate - base: dog", "Rate - w8: dog")
    >>> cells = tuple([text, f'{{"ImportId":"{text}"}}', score] for text, score in zip(texts, "R4354", strict=True))
    >>> found = recognised(Table("q.csv", "", head, cells, [2, 3, 4]))
    >>> found.columns["condition"], found.columns["prompt"], found.columns["score"]
    (['base', 'w8', 'base', 'w8'], ['rain', 'rain', 'dog', 'dog'], ['4', '3', '5', '4'])
    """
    if len(table.lines) < 2 or not any(column[1].lstrip().startswith('{"ImportId"') for column in table.columns):
        return None
    rows, said = _finished(table)
    asked = [
        place
        for place, name in enumerate(table.header)
        if headers.folded(name) not in _META
        and not headers.is_other(name)
        and not headers.is_other(table.columns[place][0])
        and not _TIMER.search(table.columns[place][0])
        and headers.tier("participant", name) not in (0, 1)
        and values.are_scores([table.columns[place][row] for row in rows])
    ]
    person = _person(table, rows)
    when = next((name for name in ("RecordedDate", "EndDate") if name in table.header), None)
    names = [table.header[place] for place in asked]
    clips, scales = _clips(names, [table.columns[place][0] for place in asked])

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        for row in rows:
            own = {"rated_at": table.column(when)[row]} if when else {}
            for number, place in enumerate(asked):
                if not values.is_missing(score := table.columns[place][row]):
                    condition, prompt = clips[number]
                    what = {"condition": condition, "prompt": prompt, "score": score, "scale": scales[number]}
                    yield row, own | {"participant": table.columns[person][row]} | what

    found = gathered(entries(), _NAMES)
    if len(set(found.columns.get("scale", []))) < 2:
        found.columns.pop("scale", None)
    first = f": {names[0]} for condition {clips[0][0]!r} and prompt {clips[0][1]!r}" if clips else ""
    return found.saying(
        f"Read as an export of Qualtrics: {table.header[person]} was taken for participant, and each of "
        f"{counted(len(asked), 'column')} of scores for a clip by the text of its question{first}.",
        *said,
    )


def _finished(table: Table) -> tuple[list[int], list[str]]:
    """Give the rows of finished answers that are no previews, and say how many others there are."""
    rows, said = list(range(2, len(table.lines))), []
    wrong: Mapping[str, tuple[frozenset[str], str]] = {
        "Status": (frozenset(("survey preview", "1", "survey test", "4", "spam", "8")), "preview"),
        "DistributionChannel": (frozenset(("preview", "test")), "preview"),
        "Finished": (frozenset(("false", "0", "no")), "answer that was not finished"),
    }
    counts: dict[str, int] = {}
    for name, (bad, what) in wrong.items():
        if name in table.header:
            cells = table.column(name)
            kept = [row for row in rows if cells[row].strip().casefold() not in bad]
            counts[what] = counts.get(what, 0) + len(rows) - len(kept)
            rows = kept
    if counts.get("preview"):
        said.append(f"{counted(counts['preview'], 'preview')} of the survey left out.")
    if count := counts.get("answer that was not finished"):
        said.append(f"{counted(count, 'unfinished answer')} left out.")
    return rows, said


def _person(table: Table, rows: Sequence[int]) -> int:
    """Find the column that tells the participants apart: what a panel or they gave, or else the answer's own id."""
    for place, name in enumerate(table.header):
        cells = [table.columns[place][row].strip() for row in rows]
        if headers.tier("participant", name) in (0, 1) and len(set(cells)) == len(cells) and "" not in cells:
            return place
    plain = [headers.folded(name) for name in table.header]
    return plain.index("responseid") if "responseid" in plain else 0


def _clips(names: Sequence[str], texts: Sequence[str]) -> tuple[list[paths.Pair], list[str]]:
    """Tell condition and prompt of each column, and its scale where a loop asks several questions about each clip."""
    loops = [_LOOP.fullmatch(name) for name in names]
    stems = [_ROW.sub("", one[2]) if one else "" for one in loops]
    if all(loops) and len(set(stems)) > 1:
        labels = [""] * len(names)
        for stem in set(stems):
            places = [place for place, own in enumerate(stems) if own == stem]
            for place, label in zip(places, different([texts[place] for place in places]), strict=True):
                labels[place] = label
        parts = parted(list(dict.fromkeys(labels)))
        return [parts.get(label, (label, ALL)) for label in labels], stems
    shown = different(texts)
    for labels in (shown, list(names)):
        if parts := parted(labels):
            return [parts[label] for label in labels], [""] * len(names)
    return [(text or name, ALL) for text, name in zip(shown, names, strict=True)], [""] * len(names)


def different(texts: Sequence[str]) -> list[str]:
    """Give of each text what differs from the others: without the words that all begin and end with, and without HTML.

    The source of a sound in HTML stays.

    Examples
    --------
    >>> different(["How good is base/rain.wav here?", "How good is w8/rain.wav here?"])
    ['base/rain.wav', 'w8/rain.wav']
    """
    plain = [_TAG.sub(" ", _SOURCE.sub(r" \1 ", text)).split() for text in texts]
    if len(plain) < 2:
        return [" ".join(words) for words in plain]
    head = _common(plain)
    tail = _common([words[head:][::-1] for words in plain])
    return [_bare(" ".join(words[head : len(words) - tail])) for words in plain]


def parted(labels: Sequence[str]) -> dict[str, paths.Pair]:
    """Part what differs in texts into condition and prompt, without the marks at their ends.

    Examples
    --------
    >>> parted(["rain. - base", "rain. - w8", "dog. - base", "dog. - w8"])["dog. - w8"]
    ('w8', 'dog')
    """
    if len(set(labels)) < len(labels):
        return {}
    return {label: (_bare(pair[0]), _bare(pair[1])) for label, pair in paths.parted(labels).items()}


def _bare(text: str) -> str:
    """Take the marks off the ends of a part of a sentence."""
    return text.strip(" -\N{EN DASH}:;,.?!'\"")


def _common(lists: Sequence[Sequence[str]]) -> int:
    """Count the words with which all begin."""
    count = 0
    for words in zip(*lists, strict=False):
        if len(set(words)) > 1:
            break
        count += 1
    return count
