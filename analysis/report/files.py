"""Files: what a report or a plan is made of, each written whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import atomic
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
            with atomic.replacing(out / place) as temporary:
                temporary.write_bytes(data)
    except OSError as error:
        raise ReportError(
            f"{out}: the {what} cannot be written ({error.strerror}); name another folder with -o"
        ) from None
    log.info("%s written to %s", what, out)
