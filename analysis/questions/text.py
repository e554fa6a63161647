"""Text: answers in raters' own words, counted and listed."""

from __future__ import annotations

import pandas as pd

from analysis.questions.findings import Findings, Table
from analysis.words import counted
from survey.records import FORMULA


def comments(frame: pd.DataFrame) -> Findings:
    """Count the texts and list them; nothing is computed from them.

    Examples
    --------
    >>> frame = pd.DataFrame({"participant": list("ab"), "prompt": "p", "condition": "x", "comment": ["too loud", ""]})
    >>> comments(frame).tables[0].rows  # one text, one left empty, two words
    (('x', 1, 1, 2.0),)
    """
    texts = frame.assign(comment=[_plain(text) for text in frame["comment"]])
    words = texts["comment"].str.split().str.len()
    counts = []
    for condition, part in words.groupby(texts["condition"]):
        given = part[part > 0]
        counts.append(
            (str(condition), len(given), len(part) - len(given), float(given.median()) if len(given) else None)
        )
    given = texts[words > 0]
    listed = given.sort_values(["condition", "prompt", "participant"], kind="stable")
    columns = ["condition", "prompt", "participant", "comment"]
    tables = (
        Table("Texts by condition", ("condition", "texts", "left empty", "median words"), tuple(counts)),
        Table("Texts", tuple(columns), tuple(tuple(map(str, row)) for row in listed[columns].to_numpy())),
    )
    empty = len(texts) - len(given)
    more = f"; {empty} left empty" if empty else ""
    people = given["participant"].nunique()
    texts_of = f"{counted(len(given), 'text')} from {counted(people, 'participant')}"
    sentence = f"{texts_of}{more}. They are counted and listed; nothing is tested."
    return Findings("text", (), (sentence,), tables)


def _plain(text: str) -> str:
    """Take off the mark that keeps a spreadsheet from computing a text (`survey.records`)."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA else text
