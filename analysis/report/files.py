"""Files: what a report or a plan is made of, each written whole or not at all."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from analysis.errors import ReportError

log = logging.getLogger(__name__)


def write_files(out: Path, files: Mapping[str, bytes], what: str) -> None:
    """Write `files`, by their place in the folder `out`, which is made where it is not there.

    Raises
    ------
    ReportError
        If the folder cannot be written; `what` names what it was for.
    """
    try:
        for place, data in files.items():
            (out / place).parent.mkdir(parents=True, exist_ok=True)
            _write_whole(out / place, data)
    except OSError as error:
        raise ReportError(
            f"{out}: the {what} cannot be written ({error.strerror}); name another folder with -o"
        ) from None
    log.info("%s written to %s", what, out)


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # a temporary file is private; a report is for whoever may read its folder
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
