"""Table: a CSV file or workbook that says of each audio file beside it which condition, prompt and take it is."""

import os
import unicodedata
from pathlib import Path

from survey.faults import Fault
from survey.sources.rows import ANCHOR, GOLD, KINDS, REFERENCE, TRIAL, Found, Row, plain, some
from survey.sources.text import read_table_file

NAMES = {
    "file": ("file", "path", "filename", "file_name", "clip", "audio"),
    "condition": ("condition", "system", "model", "method"),
    "prompt": ("prompt", "text", "caption", "description"),
    "prompt_id": ("prompt_id", "id"),
    "seed": ("seed", "take"),
    "reference": ("reference", "ref"),
    "kind": ("kind",),
    "expected": ("expected",),
    "tolerance": ("tolerance",),
    "language": ("language", "lang"),
}
NEEDED = ("file", "condition", "prompt")


def read_table(path: Path) -> Found:
    """List the audio files that a table names; their paths are relative to its folder."""
    table = read_table_file(path)
    if not table.header:
        return Found(faults=table.faults)
    columns = {name: next((one for one in names if one in table.header), None) for name, names in NAMES.items()}
    if lacking := [name for name in NEEDED if columns[name] is None]:
        said = f"its first line names no column {' and '.join(lacking)}; it needs {', '.join(NEEDED)}"
        return Found(faults=(*table.faults, Fault(said, line=1)))
    reader = _Reader(path.parent.resolve())
    for number, cells in table.rows:
        reader.take(number, {name: cells[column] for name, column in columns.items() if column is not None})
    unused = [name for name in table.header if name and name not in columns.values()]
    notes = [f"columns that are not used: {some(unused)}"] if unused else []
    return Found(tuple(reader.rows), (*table.faults, *reader.faults), tuple(notes), reader.translations)


class _Reader:
    """What was read of a table so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[Row] = []
        self.faults: list[Fault] = []
        self.translations: dict[str, dict[str, str]] = {}
        self._languages: dict[tuple[str, str], Row] = {}
        self._references: dict[tuple[str, int], str] = {}

    def take(self, number: int, cells: dict[str, str]) -> None:
        """Read a line; what is wrong with it is kept as a fault."""
        try:
            self._take(cells, number)
        except ValueError as error:
            self.faults.append(Fault(str(error), line=number))

    def _take(self, cells: dict[str, str], line: int) -> None:
        for name in NEEDED:
            if not cells[name]:
                raise ValueError(f"{name} is empty; fill it in, or remove the line")
        prompt, condition = plain(cells["prompt"]), plain(cells["condition"])
        key = plain(cells.get("prompt_id", "")) or prompt
        kind = cells.get("kind", "").lower() or TRIAL
        if kind not in KINDS:
            raise ValueError(f"kind is {kind!r}; it may be {', '.join(KINDS)}")
        expected, tolerance = _number(cells, "expected"), _number(cells, "tolerance")
        if kind == GOLD and expected is None:
            raise ValueError("kind is gold, and expected is empty; write the answer that is expected")
        seed = _number(cells, "seed")
        if seed is not None and (seed != int(seed) or not 0 <= seed < 2**32):
            raise ValueError(f"seed is {cells['seed']!r}; it must be a whole number")
        take = 1 if seed is None else int(seed)
        path = _found(self.root, cells["file"])
        row = Row(path, cells["file"], condition, key, prompt, take, kind, expected, tolerance or 0.0, line)
        if self._translates(row, _code(cells.get("language", ""))):
            return
        self.rows.append(row)
        if reference := cells.get("reference", ""):
            self._refer(row, reference)

    def _translates(self, row: Row, language: str) -> bool:
        """Take a further language of a file that is known already as a translation of its prompt."""
        if not language:
            return False
        first = self._languages.setdefault((row.shown, row.condition), row)
        said = self.translations.setdefault(first.prompt_id, {})
        if said.setdefault(language, row.prompt) != row.prompt:
            raise ValueError(f"gives the prompt a second text in {language!r}; keep one")
        return first is not row

    def _refer(self, row: Row, reference: str) -> None:
        """List the file of an open reference once, as a condition of its own."""
        if row.kind not in (TRIAL, ANCHOR):
            return
        path = _found(self.root, reference)
        known = self._references.get((row.prompt_id, row.seed))
        if known is None:
            self._references[row.prompt_id, row.seed] = reference
            self.rows.append(Row(path, reference, REFERENCE, row.prompt_id, row.prompt, row.seed, line=row.line))
        elif known != reference:
            raise ValueError(f"reference is {reference}, and {known} for another clip of its prompt; keep one")


def _code(name: str) -> str:
    """Return a language's code without its country: `de` of `de-DE`; the page has no dialects."""
    return plain(name).lower().replace("_", "-").partition("-")[0]


def _number(cells: dict[str, str], name: str) -> float | None:
    text = cells.get(name, "")
    if not text:
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{name} is {text!r}; it must be a number") from None


def _found(root: Path, name: str) -> Path:
    """Find a file below the table's folder, under the name as written, or as another system writes it."""
    name = name if os.sep == "\\" or (root / name).exists() else name.replace("\\", "/")
    forms = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
    path = next((root / form for form in forms if os.path.exists(root / form)), root / name)
    if not Path(os.path.normpath(path)).is_relative_to(root) or not path.resolve().is_relative_to(root):
        raise ValueError(f"{name} leads out of the table's folder; put the table beside the clips, or copy them to it")
    if path.is_dir() or not path.exists():
        raise ValueError(f"{name} is {'a folder' if path.is_dir() else 'not there'}; correct the path")
    return path
