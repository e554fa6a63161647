"""What Earmark uses of openpyxl, which carries no types."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

class Writer:
    out: str

class Sheet:
    _writer: Writer
    def append(self, row: Sequence[Any]) -> None: ...
    def close(self) -> None: ...

class Workbook:
    def __init__(self, write_only: bool = ...) -> None: ...
    def create_sheet(self, title: str) -> Sheet: ...
    def save(self, filename: Path) -> None: ...
