"""Parquet: its columns as text."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pandas as pd

from analysis.errors import TableError
from analysis.files.cells import texts

END = b"PAR1"
INDEX = "__index_level_"  # what pandas calls an index without a name


def parquet_table(data: bytes, name: str) -> tuple[tuple[str, ...], tuple[list[str], ...]]:
    """Read a Parquet file; moments with a time zone are those of UTC.

    Raises
    ------
    TableError
        If it is damaged, or in an encoding that fastparquet does not know.
    """
    if not data.endswith(END):
        raise TableError(f"{name}: is Parquet, and cut off; copy or write it again")
    try:
        with redirect_stdout(io.StringIO()):  # where fastparquet prints what is damaged
            frame = pd.read_parquet(io.BytesIO(data), engine="fastparquet")
    except NotImplementedError as error:
        raise TableError(
            f"{name}: is Parquet in an encoding that cannot be read ({error}); write it with the encodings that its "
            "program takes unless told otherwise, or as CSV"
        ) from None
    except Exception as error:  # a damaged file fails anywhere within the library
        raise TableError(f"{name}: is Parquet, and damaged ({type(error).__name__}); copy or write it again") from None
    if any(frame.index.names):
        frame = frame.reset_index()  # pandas writes names of columns for an index, too
    kept = [column for column in frame.columns if not str(column).startswith(INDEX)]
    return tuple(str(column).strip() for column in kept), tuple(texts(frame[column].tolist()) for column in kept)
