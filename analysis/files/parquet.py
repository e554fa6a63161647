"""Parquet: its columns as text.

It is read by a process of its own: some damaged files end the one that fastparquet runs in, by a segmentation fault.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout

import fastparquet

from analysis.errors import TableError
from analysis.files.cells import texts

END = b"PAR1"
INDEX = "__index_level_"  # what pandas calls an index without a name
READER = "from analysis.files.parquet import answer; answer()"


def parquet_table(data: bytes, name: str) -> tuple[tuple[str, ...], tuple[list[str], ...]]:
    """Read a Parquet file; moments with a time zone are those of UTC.

    Raises
    ------
    TableError
        If it is damaged, or in an encoding that fastparquet does not know.
    """
    if not data.endswith(END):
        raise TableError(f"{name}: is Parquet, and cut off; copy or write it again")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        [sys.executable, "-c", READER], input=data, capture_output=True, check=False, env=environment
    )
    said = json.loads(ended.stdout) if ended.returncode == 0 else {"damaged": "it cannot be read"}
    if "encoding" in said:
        raise TableError(
            f"{name}: is Parquet in an encoding that cannot be read ({said['encoding']}); write it with the encodings "
            "that its program takes unless told otherwise, or as CSV"
        )
    if "damaged" in said:
        raise TableError(f"{name}: is Parquet, and damaged ({said['damaged']}); copy or write it again")
    return tuple(said["header"]), tuple(said["columns"])


def answer() -> None:
    """Read the file from the standard input, and write its columns, or what stands against it, as JSON."""
    try:
        with redirect_stdout(io.StringIO()):  # where fastparquet prints what is damaged
            header, columns = _columns(sys.stdin.buffer.read())
        said: dict[str, object] = {"header": header, "columns": columns}
    except NotImplementedError as error:
        said = {"encoding": str(error)}
    except Exception as error:  # a damaged file fails anywhere within the library
        said = {"damaged": type(error).__name__}
    sys.stdout.write(json.dumps(said))


def _columns(data: bytes) -> tuple[list[str], list[list[str]]]:
    frame = fastparquet.ParquetFile(io.BytesIO(data)).to_pandas()
    if any(frame.index.names):
        frame = frame.reset_index()  # pandas writes names of columns for an index, too
    kept = [column for column in frame.columns if not str(column).startswith(INDEX)]
    return [str(column).strip() for column in kept], [texts(frame[column].tolist()) for column in kept]
