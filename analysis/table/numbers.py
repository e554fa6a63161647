"""Numbers: scores as a spreadsheet or a person wrote them become plain ones, with a point before the decimals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from textwrap import shorten

from analysis.errors import ScoreError
from analysis.table.labels import number_of
from analysis.table.table import Table

MISSING = frozenset(
    (
        "",
        "na",
        "n/a",
        "#n/a",
        "<na>",
        "nan",
        "nat",
        "null",
        "none",
        "nil",
        "missing",
        "-",
        "--",
        "–",
        "—",
        ".",
        "..",
        "_",
        "undefined",
        "?",
    )
)
_BLANKS = "\xa0\u2007\u202f "
_PLAIN = re.compile(r"[+-]?\d+(?:\.\d*)?|[+-]?\.\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d[\d.,'’\xa0\u2007\u202f ]*|[.,]\d+)", re.ASCII)
_PERCENT = re.compile(r"(.*\d)\s*%")
_FIRST = re.compile(r"\(?([+-]?\d+(?:[.,]\d+)?)\)?(?:\s*[-:=.)/]\s*|\s*(?=[(\[])|\s+)[(\[]?([^\W\d_]\D*?)[)\]]?")
_LAST = re.compile(r"([^\W\d_]\D*?)\s*(?:[:=]\s*([+-]?\d+)|[(\[]\s*([+-]?\d+)\s*[)\]]|\s-\s*(\d+))")
_OF = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:/|of|out of|von|sur|de)\s*(\d+)", re.ASCII | re.IGNORECASE)
_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(?:([,.'’\xa0\u2007\u202f ])\d{3})+", re.ASCII)


def with_plain_scores(table: Table) -> Table:
    """Give a table whose column `score` holds plain numbers; without such a column, the table.

    Raises
    ------
    ScoreError
        As `plain` does.

    Examples
    --------
    >>> with_plain_scores(Table("r.csv", "", ("score",), (["5 - Excellent", "4,5"],), [2, 3])).columns
    (['5', '4.5'],)
    """
    if table.header.count("score") != 1:
        return table
    at = table.header.index("score")
    scores, notices = plain([cell.strip() for cell in table.columns[at]], table.lines, table.name)
    columns = (*table.columns[:at], scores, *table.columns[at + 1 :])
    return replace(table, columns=columns, notices=(*table.notices, *notices))


def plain(cells: Sequence[str], lines: Sequence[int], name: str) -> tuple[list[str], list[str]]:
    """Write the scores of a column as plain numbers, where all of it says how they are meant.

    Read are decimal commas, separators of thousands, percent signs, "4 of 5", labels with their number
    ("5 - Excellent"), and the words of the scales of ITU-T P.800 alone. A cell that says that there is no score (NA,
    NaN, -, .) becomes empty; what is not understood stays as it is.

    Parameters
    ----------
    cells, lines
        The scores without spaces at their ends, and the line of each.
    name
        The file's name.

    Returns
    -------
    scores, notices
        The scores, and how they were read where that was not plain.

    Raises
    ------
    ScoreError
        If a comma may stand before decimals in one place and not in another.

    Examples
    --------
    >>> plain(["4,5", "3", "NA"], [2, 3, 4], "ratings.csv")[0]
    ['4.5', '3', '']
    """
    texts = dict.fromkeys(cells)
    odd = [text for text in texts if not _PLAIN.fullmatch(text)]
    if not odd:
        return list(cells), []
    read = {
        text: "" if text.casefold() in MISSING else text.replace("\u2212", "-").replace("\uff0d", "-") for text in odd
    }
    left = {text: now for text, now in read.items() if now and not _PLAIN.fullmatch(now)}
    notices: list[str] = []
    labels = {text: label for text, now in left.items() if (label := _labelled(now))}
    left |= {text: number for text, (number, _) in labels.items()}
    words = {
        text: _folded(now)
        for text, now in left.items()
        if text not in labels and not _NUMBER.fullmatch(now.rstrip("% "))
    }
    numbers = {_folded(word): number for number, word in labels.values()} or number_of(set(words.values()))
    known = {text: numbers[word] for text, word in words.items() if word in numbers}
    left |= known
    percents = {text: found[1] for text, now in left.items() if (found := _PERCENT.fullmatch(now))}
    if percents and len(percents) == sum(bool(read.get(text, text)) for text in texts):
        left |= percents
        notices.append("Scores in percent are read without the sign.")
    shares = {text: found for text, now in left.items() if (found := _OF.fullmatch(now))}
    if len({found[2] for found in shares.values()}) == 1 and len(shares) == sum(
        bool(read.get(text, text)) for text in texts
    ):
        left |= {text: found[1] for text, found in shares.items()}
        first = next(iter(shares))
        notices.append(f"Scores are read without what they are out of: {shorten(first, 30)!r} as {left[first]}.")
    others = [text for text in texts if text not in left and read.get(text, text)]
    marked, said = _decimals(
        {text: now for text, now in left.items() if _NUMBER.fullmatch(now)}, others, cells, lines, name
    )
    read |= left | marked
    if labels or known:
        shown = [f"{shorten(text, 30)!r} as {read[text]}" for text in (*labels, *known)]
        more = f" and {len(shown) - 2} more" if len(shown) > 2 else ""
        notices.append(f"Scores that are labels are read as their numbers: {', '.join(shown[:2])}{more}.")
        notices += _reversed({_folded(word): number for number, word in labels.values()})
    return [read.get(cell, cell) for cell in cells], [*notices, *said]


def _folded(word: str) -> str:
    """Write a word as the scales have it."""
    return " ".join(word.casefold().replace(",", " ").rstrip(".").split())


def _reversed(numbers: Mapping[str, str]) -> list[str]:
    """Say that the words of a scale stand beside numbers that go the other way."""
    usual = number_of(set(numbers))
    worst, *_, best = sorted(usual, key=lambda word: float(usual[word])) if len(usual) > 1 else ("", "")
    if not best or float(numbers[worst].replace(",", ".")) < float(numbers[best].replace(",", ".")):
        return []
    return [
        f"By its labels {numbers[best]} ({best}) is better than {numbers[worst]} ({worst}), and here a higher score "
        "counts as the better one: turn the numbers round, or give the words alone."
    ]


def _labelled(text: str) -> tuple[str, str] | None:
    """Part a label into its number and its word."""
    text = text.replace("\u2013", "-").replace("\u2014", "-")
    if found := _FIRST.fullmatch(text):
        return found[1].removeprefix("+"), found[2].strip()
    if found := _LAST.fullmatch(text):
        return (found[2] or found[3] or found[4]).removeprefix("+"), found[1].strip()
    return None


def _decimals(
    found: dict[str, str], others: Iterable[str], cells: Sequence[str], lines: Sequence[int], name: str
) -> tuple[dict[str, str], list[str]]:
    """Read numbers with commas, points, blanks or apostrophes in them by what all of them show together."""
    if not any(not _PLAIN.fullmatch(now) for now in found.values()):
        return {}, []
    pointed = [text for text in others if "." in text]

    def place(text: str) -> str:
        return f"line {lines[cells.index(text)]}: {text!r}"

    tidy = {text: re.sub(rf"['’{_BLANKS}](?=\d{{3}}(?!\d))", "", now) for text, now in found.items()}
    both = [text for text, now in tidy.items() if "," in now and "." in now]
    commas = [text for text, now in tidy.items() if "," in now and "." not in now]
    points = [text for text, now in tidy.items() if "." in now and "," not in now] + pointed
    grouped = all(_GROUPS.fullmatch(tidy[text]) for text in commas)
    if both:
        marks = {"," if tidy[text].rindex(",") > tidy[text].rindex(".") else "." for text in both}
        if len(marks) > 1:
            raise ScoreError(
                f"{name}: a decimal comma ({place(both[0])}) and a decimal point; write all scores in one way"
            )
        decimal = marks.pop()
    elif commas and points:
        if not grouped:
            raise ScoreError(
                f"{name}: scores with a decimal comma ({place(commas[0])}) and with a decimal point "
                f"({place(points[0])}); write all of them in one way"
            )
        decimal = "."
    else:
        many = any(tidy[text].count(",") > 1 for text in commas)
        thousands = grouped and (many or any(text.isdecimal() and len(text) > 2 for text in others))
        decimal = "," if commas and not thousands else "."
    group = "." if decimal == "," else ","
    read = {text: now.replace(group, "").replace(decimal, ".") for text, now in tidy.items()}
    read = {text: now if now[-1:] != "." else now[:-1] for text, now in read.items() if _PLAIN.fullmatch(now)}
    if decimal == "," and commas:
        return read, [f"Scores have decimal commas: {commas[0]!r} is read as {read.get(commas[0], commas[0])}."]
    first = next((text for text in found if text in read), "")
    return read, [f"Scores have separators of thousands: {first!r} is read as {read[first]}."] if first else []
