"""Layout: rows become a header and its columns, without what stands around a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise
from textwrap import shorten

from analysis.errors import TableError
from analysis.table.separators import Row
from analysis.words import counted

SAMPLE = 200  # rows
ABOVE = 30  # rows in which the header is looked for
UNNAMED = ("", "Unnamed: 0", "...1", "X", "index", "rownames")
SURVEYS = ("respondent id", "response id")  # first of two lines of header, as of SurveyMonkey
INVISIBLE = "\ufeff\u200b\u2060"
_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_KEPT_TEXT = re.compile(r"'(?=[+-]?[\d.,]+$)")


def laid_out(rows: Iterator[Row], name: str) -> Layout:
    """Find the header and read the columns below it.

    Lines above the header and below the last row (a title, a source), comments, a header that is repeated and empty
    rows are left out; so are empty columns at the end, and a column that only counts the rows.

    Raises
    ------
    TableError
        If a row has another number of cells than the header.
    """
    sample = list(islice(rows, SAMPLE))
    found = _header(sample)
    laid = Layout(name, found.names, tuple([] for _ in found.names))
    if found.above:
        laid.notices.append(f"Left out above the table: {_quoted(found.above)}.")
    if found.row_names:
        laid.notices.append("The first column has no name and holds row names: left out.")
    laid.read(chain(sample[found.begins :], rows), found)
    laid.tidy()
    return laid


@dataclass
class _Header:
    """The header, as it was found: its names, its raw cells, where the data begin, and what stands above."""

    names: tuple[str, ...]
    raw: list[str]
    begins: int
    above: list[Row] = field(default_factory=list)
    row_names: bool = False


def _header(sample: list[Row]) -> _Header:
    """Find the header: the first row that names more than half of the columns that hold something."""
    kept = [(place, row) for place, (_, row) in enumerate(sample) if _filled(row)]
    if not kept:
        return _Header((), [], len(sample))
    widths = Counter(len(row) for _, row in kept)
    width = max(widths, key=lambda one: (widths[one], one))
    held = {at for _, row in kept if len(row) == width for at, cell in enumerate(row) if cell.strip()}
    begins, raw = kept[0]
    for number, (place, row) in enumerate(kept[:ABOVE]):
        cells = row
        if row[0].lstrip().startswith("#"):
            below = kept[number + 1][1] if number + 1 < len(kept) else []
            if len(row) != width or not any(map(_is_number, below)) or width < 2:
                continue
            cells = [row[0].lstrip()[1:], *row[1:]]
        if 2 * _filled(cells[:width]) > len(held) or len(held) < 2:
            begins, raw = place, cells
            break
    above = [(line, row) for line, row in sample[:begins] if _filled(row)]
    data = [row for _, row in sample[begins + 1 :] if len(row) == width and _filled(row)]
    begins, above, raw = _joined(sample, begins, above, raw)
    names = tuple(cell.strip().strip(INVISIBLE).strip() for cell in raw)
    while len(names) > width and not names[-1]:
        names = names[:-1]
    found = _Header(names, raw, begins + 1, above)
    if data and len(names) == width - 1 and any(row[-1].strip() for row in data) and _are_row_names(data):
        found.names, found.row_names = ("", *names), True
    return found


def _joined(sample: list[Row], begins: int, above: list[Row], raw: list[str]) -> tuple[int, list[Row], list[str]]:
    """Join a header of several lines: where its last one begins, what stands above, and a name for each column.

    They are those of pandas, whose last line names the index alone, and those of SurveyMonkey, of which one line names
    what the other leaves empty.
    """
    cells = [row if len(row) == len(raw) else [] for _, row in sample[: begins + 4]]
    start = begins - 1 if begins and _filled(cells[begins - 1]) > 2 else begins
    for last in range(begins + 1, len(cells)):
        if len(raw) > 2 and cells[last][:1] != [""] and _filled(cells[last]) == 1 == _filled(cells[last][:1]):
            upper = [_to_the_right(row[1:]) for row in cells[start:last] if row]
            if len(upper) == last - start > 1 and all(all(row) for row in upper):
                names = ["/".join(parts) for parts in zip(*upper, strict=True)]
                return last, [row for row in above if row[0] < sample[start][0]], [cells[last][0], *names]
    if start < begins and _completes(raw, cells[start]):
        return begins, above[:-1], _filled_up(raw, cells[start])
    below, after = (cells[at] if at < len(cells) else [] for at in (begins + 1, begins + 2))
    if below and _completes(below, raw) and not any(map(_is_number, below)) and any(map(_is_number, after)):
        return begins + 1, above, _filled_up(below, raw)
    return begins, above, raw


def _to_the_right(row: list[str]) -> list[str]:
    """Fill the empty cells of a line, as merged ones are, with the cell to their left."""
    found = [cell.strip() for cell in row]
    for at in range(1, len(found)):
        found[at] = found[at] or found[at - 1]
    return found


def _completes(lower: list[str], upper: list[str]) -> bool:
    """Whether each of two lines of a survey's export names columns that the other leaves empty."""
    if upper[0].strip().casefold().replace("_", " ") not in SURVEYS:
        return False
    only = [(bool(low.strip()), bool(up.strip())) for low, up in zip(lower, upper, strict=True)]
    return only.count((False, True)) >= 2 and only.count((True, False)) >= 1


def _filled_up(lower: list[str], upper: list[str]) -> list[str]:
    """Name columns by the lower line, and where it is empty or says nothing by the upper one."""
    silent = ("", "response", "open-ended response")
    return [
        up if low.strip().casefold() in silent and up.strip() else low for low, up in zip(lower, upper, strict=True)
    ]


def _are_row_names(data: list[list[str]]) -> bool:
    """Whether the first cells can be what R writes before a row: they count the rows, or are numbers all different.

    Where the last two cells may be one number with a decimal comma, that cannot be told.
    """
    first = [row[0].strip() for row in data]
    if len(set(first)) < len(first) or not all(cell.isdecimal() for cell in first):
        return False
    return not all(row[-1].strip().isdecimal() and row[-2].strip().lstrip("+-").isdecimal() for row in data)


def _is_number(cell: str) -> bool:
    return cell.strip().replace(",", ".", 1).replace(".", "", 1).isdecimal()


def _filled(row: list[str]) -> int:
    """Count the cells that hold something."""
    return sum(bool(cell.strip()) for cell in row)


def _quoted(rows: list[Row]) -> str:
    """Quote lines, the first of several."""
    line, row = rows[0]
    text = shorten(" ".join(cell.strip() for cell in row if cell.strip()), 50)
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{text!r} (line {line}){more}"


@dataclass
class Layout:
    """A table while its rows are read.

    Parameters
    ----------
    name
        The file's name.
    header
        The names of the columns.
    columns
        Their cells.
    lines
        The line on which each row ends.
    notices
        What was left out, in a sentence each.
    """

    name: str
    header: tuple[str, ...]
    columns: tuple[list[str], ...]
    lines: list[int] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    _shared: dict[str, str] = field(default_factory=dict)

    def read(self, rows: Iterator[Row], header: _Header) -> None:
        """Take the rows below the header, and leave out what is none."""
        width, shared, lines, columns = len(self.header), self._shared, self.lines, self.columns
        raw = header.raw
        first = raw[0] if raw else ""
        again = comments = 0
        loose: list[Row] = []
        gap = -1
        for line, row in rows:
            if not row or (not row[0].strip() and not any(cell.strip() for cell in row)):
                gap = len(lines) if not loose else gap
                continue  # an empty line holds no rating
            if len(row) != width:
                if row[0].lstrip().startswith("#"):
                    comments += 1
                    continue
                if len(row) > width and not any(cell.strip() for cell in row[width:]):
                    row = row[:width]  # separators at the end
                elif header.row_names and len(row) == width - 1 and row == raw:
                    again += 1
                    continue
                else:
                    loose.append((line, row))
                    continue
            elif (row[0] == first or row[0][:1] == "\ufeff") and [row[0].lstrip("\ufeff"), *row[1:]] == raw:
                again += 1
                continue
            if loose:
                self._refuse(*loose[0], header)
            lines.append(line)
            for column, cell in zip(columns, row, strict=True):
                column.append(shared.setdefault(cell, cell))  # one string object a name saves memory
        self._below(loose, gap, header)
        if again:
            self.notices.append(f"The first line is repeated {counted(again, 'time')}: left out there.")
        if comments:
            self.notices.append(f"{counted(comments, 'line')} with # in front left out as comments.")

    def _below(self, loose: list[Row], gap: int, header: _Header) -> None:
        """Leave out lines below the table: those after an empty line, or with one cell, that are no whole rows."""
        notes: list[Row] = []
        few = 1 if len(self.header) > 2 else 0
        while self.lines:
            cells = [column[-1] for column in self.columns]
            if _filled(cells) > few and not (0 < gap < len(self.lines) and 2 * _filled(cells) <= len(cells)):
                break
            notes.append((self.lines.pop(), cells))
            for column in self.columns:
                column.pop()
        if loose and not (notes or gap >= len(self.lines) or all(_filled(row) <= 1 for _, row in loose)):
            self._refuse(*loose[0], header)
        if loose and not self.lines:
            self._refuse(*loose[0], header)
        notes = [*reversed(notes), *loose]
        if notes:
            self.notices.append(f"Left out below the table: {_quoted(notes)}.")

    def _refuse(self, line: int, row: list[str], header: _Header) -> None:
        """Refuse a row with another number of cells than the header has, with what mends it."""
        names, cells = len(header.names) - header.row_names, len(row)
        what = f"{self.name}: line {line} has {cells} fields and the header {names}"
        if cells == names + 1 and row[0].strip().isdecimal():
            raise TableError(
                f"{what}; if the first column holds row names, name it in the header too; if a number has a decimal "
                "comma, separate the columns with semicolons"
            )
        if cells > names:
            raise TableError(
                f"{what}; put quotes around a text that holds the separator, or name the further columns in the header"
            )
        raise TableError(f"{what}; fill in the fields that are missing, or delete the line")

    def tidy(self) -> None:
        """Take off what Excel puts around a text, comments among the rows, and columns that say nothing."""
        kept = {cell: text[1].replace('""', '"') for cell in self._shared if (text := _FORMULA.fullmatch(cell.strip()))}
        kept |= {cell: cell.strip()[1:] for cell in self._shared if cell[:1] in "' " and _KEPT_TEXT.match(cell.strip())}
        if kept:
            self.columns = tuple([kept.get(cell, cell) for cell in column] for column in self.columns)
        self.header = tuple(text[1] if (text := _FORMULA.fullmatch(cell)) else cell for cell in self.header)
        self._comments()
        said = [at for at, name in enumerate(self.header) if name or any(cell.strip() for cell in self.columns[at])]
        if said and said[0] == 0 and len(said) > 3 and self._counts():
            said = said[1:]
            if not any("row names" in notice for notice in self.notices):
                self.notices.append("The first column only counts the rows: left out.")
        self.header = tuple(self.header[at] for at in said)
        self.columns = tuple(self.columns[at] for at in said)

    def _comments(self) -> None:
        """Leave out rows that somebody commented out: without the # their first cell is one of other rows."""
        if not self.columns:
            return
        names = {cell.strip() for cell in set(self.columns[0])}
        marked = {name for name in names if name.startswith("#")}
        if not marked or not all(name[1:].strip() in names for name in marked):
            return
        stay = [at for at, cell in enumerate(self.columns[0]) if cell.strip() not in marked]
        self.notices.append(f"{counted(len(self.lines) - len(stay), 'line')} with # in front left out as comments.")
        self.columns = tuple([column[at] for at in stay] for column in self.columns)
        self.lines = [self.lines[at] for at in stay]

    def _counts(self) -> bool:
        """Whether the first column is an index: it has no name of its own, and numbers that go up."""
        if self.header[0] not in UNNAMED or not self.lines:
            return False
        cells = [cell.strip() for cell in self.columns[0]]
        if not all(cell.isdecimal() for cell in cells):
            return False
        numbers = list(map(int, cells))
        return numbers[0] in (0, 1) and all(b - a == 1 for a, b in pairwise(numbers))
