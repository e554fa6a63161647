"""Captions: a CSV file in AudioCaps' columns, and a sample of it that grows without changing."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import UsageError
from survey.config.study import MAX_PROMPT
from survey.values import read_text

NEEDED, OPTIONAL = ("youtube_id", "caption"), ("audiocap_id", "start_time")
MAX_ID = 100


@dataclass(frozen=True)
class Caption:
    """A caption of a piece of audio; AudioCaps' test set has five of each piece.

    ``id`` is `audiocap_id`, else `row` and the number of the row. ``start`` is empty where the file has none.
    """

    id: str
    youtube_id: str
    start: str
    text: str


def read_captions(path: Path) -> list[Caption]:
    """Read a CSV file with the columns youtube_id, caption and, where it has them, audiocap_id and start_time.

    Raises
    ------
    UsageError
        If it cannot be read, or holds something else; it names the file, the line and the remedy.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _rows(path, csv.DictReader(file, strict=True))
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}, line {line}: not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give a CSV file of captions") from error


def spread(captions: Sequence[Caption], limit: int | None) -> list[Caption]:
    """Take a sample of captions: of as many pieces of audio as there are, before a second caption of any.

    Both are in an order that the ids of pieces and the words of captions alone decide, by hash, so that the order of
    the file leaves no mark, and a larger limit adds to the sample without changing it.
    """
    pieces: dict[tuple[str, str], list[Caption]] = defaultdict(list)
    for one in sorted(captions, key=lambda caption: _draw(caption.text, caption.id)):
        pieces[one.youtube_id, one.start].append(one)
    order = sorted(pieces, key=lambda piece: _draw(*piece))
    rounds = range(max(map(len, pieces.values()), default=0))
    drawn = [pieces[piece][number] for number in rounds for piece in order if number < len(pieces[piece])]
    return drawn[:limit]


def _draw(*words: str) -> bytes:
    return hashlib.sha256("\n".join(words).encode()).digest()


def _rows(path: Path, table: csv.DictReader[str]) -> list[Caption]:
    found: list[Caption] = []
    lines: dict[str, int] = {}
    try:
        _check_header(path, [name.strip() for name in table.fieldnames or ()])
        table.fieldnames = [name.strip() for name in table.fieldnames or ()]
        for number, row in enumerate(table, start=1):
            where = f"{path}, line {table.line_num}"
            if None in row:
                raise UsageError(f"{where}: has more fields than the header; put quotes around a caption with commas")
            one = _caption(where, number, row)
            if one.id in lines:
                raise UsageError(f"{where}: audiocap_id {one.id} is that of line {lines[one.id]}, too; remove one")
            lines[one.id] = table.line_num
            found.append(one)
    except csv.Error as error:
        raise UsageError(
            f"{path}, line {table.line_num + 1}: not CSV ({error}); mend or remove what begins there"
        ) from error
    if not found:
        raise UsageError(f"{path}: has no captions below its header; add at least one")
    return found


def _check_header(path: Path, names: Sequence[str]) -> None:
    if not names:
        raise UsageError(f"{path}: is empty; give a CSV file with the columns {', '.join(NEEDED)}")
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise UsageError(
            f"{path}, line 1: has no column {' and no column '.join(missing)}; its header is {', '.join(names)[:200]}; "
            "AudioCaps' is audiocap_id,youtube_id,start_time,caption"
        )
    for name in (*NEEDED, *OPTIONAL):
        if names.count(name) > 1:
            raise UsageError(f"{path}, line 1: has {names.count(name)} columns named {name}; remove all but one")


def _caption(where: str, number: int, row: dict[str, str]) -> Caption:
    def field(name: str, longest: int, default: str | None = None) -> str:
        value = row.get(name) or ""
        if not value.strip():
            if default is not None:
                return default
            raise UsageError(f"{where}: has no {name}; give one or remove the line")
        try:
            return read_text(value, longest)
        except ValueError as error:
            raise UsageError(f"{where}: {name}: {error}") from None

    given = "audiocap_id" in row
    return Caption(
        id=field("audiocap_id", MAX_ID, None if given else f"row{number}"),
        youtube_id=field("youtube_id", MAX_ID),
        start=field("start_time", MAX_ID, ""),
        text=" ".join(field("caption", MAX_PROMPT).split()),
    )
