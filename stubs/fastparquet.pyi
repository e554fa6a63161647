"""What Earmark uses of fastparquet, which carries no types."""

from typing import IO, Any

import pandas as pd

def write(
    filename: str, data: Any, *, compression: str, object_encoding: str, write_index: bool, append: bool
) -> None: ...

class ParquetFile:
    def __init__(self, fn: str | IO[bytes]) -> None: ...
    def to_pandas(self) -> pd.DataFrame: ...
