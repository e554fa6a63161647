"""A table as columns of text: what every reader of a file gives, and what everything behind it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Table:
    """A file as columns of text, as they stand in it.

    Parameters
    ----------
    name, sha256
        The file's name, and the hash of its bytes.
    header
        The names of the columns, without spaces at their ends.
    columns
        The cells of each column of the header, in its order.
    lines
        The line on which each row ends; of a workbook the row, of JSON the record.
    notices
        How the file was understood where that was not plain, in a sentence each.
    form
        What the file is: its format, encoding and separator, or its sheet.
    """

    name: str
    sha256: str
    header: tuple[str, ...]
    columns: tuple[list[str], ...]
    lines: list[int]
    notices: tuple[str, ...] = ()
    form: str = ""

    def column(self, name: str) -> list[str]:
        """Give the cells of the first column of this name.

        Raises
        ------
        ValueError
            If there is none.
        """
        return self.columns[self.header.index(name)]


def sheet_of(path: Path) -> tuple[Path, str]:
    """Part a path from the name of a sheet behind it, where the file's own name has no #.

    Examples
    --------
    >>> sheet_of(Path("ratings.xlsx#Sheet 2"))[1]
    'Sheet 2'
    """
    file, mark, sheet = path.name.rpartition("#")
    return (path.with_name(file), sheet) if mark and file and not path.exists() else (path, "")
