"""Forms: answers of Google Forms, a column a question called by its text.

Source: the sheet of responses that a form writes (File, Download, CSV): `Timestamp`, perhaps `Email Address` or
`Username`, then the text of each question; a grid has a column a row, `Text of the question [row]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analysis.foreign.clues import headers, paths, values
from analysis.foreign.clues.taken import Taken, gathered
from analysis.foreign.tools.qualtrics import different, parted
from analysis.table.table import Table
from analysis.words import counted

ALL = "all"
_STAMPS = frozenset(
    (
        *("timestamp", "zeitstempel", "horodateur", "marcatemporal", "informazionicronologiche", "tijdstempel"),
        *("carimbodedatahora", "タイムスタンプ", "时间戳记", "отметкавремени"),
    )
)
_GRID = re.compile(r"(.*\S)\s*\[(.+)\]\s*", re.DOTALL)
_NAMES = (*headers.REQUIRED, "rated_at")


def recognised(table: Table) -> Taken | None:
    """Take the ratings of a form; each row is one participant's answers.

    Questions of a grid have the text as one of condition and prompt and the row as the other; other questions are
    told by what differs in their texts.

    Examples
    --------
    >>> head = ("Timestamp", "rain [base]", "rain [w8]", "dog [base]", "dog [w8]")
    >>> table = Table("f.csv", "", head, (["2026/01/01 10:00:00"], ["4"], ["3"], ["5"], ["2"]), [2])
    >>> found = recognised(table)
    >>> found.columns["condition"], found.columns["prompt"], found.columns["participant"]
    (['base', 'w8', 'base', 'w8'], ['rain', 'rain', 'dog', 'dog'], ['row 2', 'row 2', 'row 2', 'row 2'])
    """
    if not table.header or headers.folded(table.header[0]) not in _STAMPS:
        return None
    asked = [
        place
        for place, name in enumerate(table.header[1:], 1)
        if not headers.is_other(name)
        and headers.tier("participant", name) is None
        and values.are_scores(table.columns[place])
    ]
    if len(asked) < 2 or any(headers.tier("score", table.header[place]) in (0, 1) for place in asked):
        return None  # a row a rating, sent by a form
    person = _person(table, asked)
    clips = _clips([table.header[place] for place in asked])

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        for row, line in enumerate(table.lines):
            who = f"row {line}" if person is None else table.columns[person][row].strip()
            for (condition, prompt), place in zip(clips, asked, strict=True):
                if not values.is_missing(score := table.columns[place][row]):
                    what = {"condition": condition, "prompt": prompt, "score": score}
                    yield row, {"participant": who, "rated_at": table.columns[0][row]} | what

    who = "each row" if person is None else table.header[person]
    first = f"{table.header[asked[0]]!r} for condition {clips[0][0]!r} and prompt {clips[0][1]!r}"
    return gathered(entries(), _NAMES).saying(
        f"Read as answers of Google Forms: {who} was taken for a participant, and each of "
        f"{counted(len(asked), 'column')} of scores for a clip: {first}."
    )


def _person(table: Table, asked: Sequence[int]) -> int | None:
    """Find a column that names the participants: filled, and different in every row."""
    for place, name in enumerate(table.header):
        cells = [cell.strip() for cell in table.columns[place]]
        named = place not in (0, *asked) and headers.tier("participant", name) is not None
        if named and "" not in cells and len(set(cells)) == len(cells):
            return place
    return None


def _clips(questions: Sequence[str]) -> list[paths.Pair]:
    """Tell condition and prompt of each question."""
    grids = [_GRID.fullmatch(question) for question in questions]
    if all(grids):
        pairs = [(grid[1].strip(), grid[2].strip()) for grid in grids if grid]
        texts = dict(zip([text for text, _ in pairs], different([text for text, _ in pairs]), strict=True))
        if len(texts) > 1 and len({row for _, row in pairs}) > 1:
            named = [(row, texts[text] or text) for text, row in pairs]
            return paths.oriented(named)
        questions = [row for _, row in pairs]
    labels = different(questions)
    parts = parted(labels)
    return [parts.get(label, (label or question, ALL)) for label, question in zip(labels, questions, strict=True)]
