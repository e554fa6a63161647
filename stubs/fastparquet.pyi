"""What Earmark uses of fastparquet, which carries no types."""

from typing import Any

def write(
    filename: str, data: Any, *, compression: str, object_encoding: str, write_index: bool, append: bool
) -> None: ...
