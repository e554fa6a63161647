"""The studies of a folder: each opened by itself, so that one that cannot be is a line of the desk and stops nobody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from logging import ERROR, INFO
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UsageError
from app.web.prefix import read_prefix

if TYPE_CHECKING:
    from fastapi import FastAPI

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A study of the folder: its `app`, or the `fault` for which there is none."""

    name: str
    app: FastAPI | None = None
    fault: str = ""


def open_all(
    folders: Sequence[Path],
    hold: Callable[[Path], AbstractContextManager[None]],
    opened: Callable[[Path], FastAPI],
    held: ExitStack,
) -> list[Entry]:
    """Open every study, each called as its folder is, and say in one line why one could not be.

    Parameters
    ----------
    hold
        Keeps a study for this process, as long as ``held`` is open.
    """
    entries = []
    for folder in folders:
        try:
            _check_name(folder.name)
            with ExitStack() as tried:
                tried.enter_context(hold(folder))
                app = opened(folder)
                held.push(tried.pop_all())
        except Exception as error:  # whatever it is, the others are served
            fault = _in_a_line(error).replace(f"{folder.parent}/", "")  # the line is the study's
            ours = _is_ours(error)  # then the line says it all, and the terminal has it from the list of the studies
            logger.log(INFO if ours else ERROR, "%s: %s", folder.name, fault, exc_info=None if ours else error)
            entries.append(Entry(folder.name, fault=fault))
        else:
            entries.append(Entry(folder.name, app))
    return entries


def _check_name(name: str) -> None:
    """Refuse a name that is no address; the remedy is another than that of a path which somebody gave."""
    try:
        read_prefix(f"/{name}")
    except UsageError as error:
        raise UsageError(
            "its folder's name cannot be its address; rename the folder: letters, digits and -._~ alone, and no "
            "address of a study's own such as admin"
        ) from error


def _in_a_line(error: Exception) -> str:
    if not _is_ours(error):
        return f"cannot be opened ({type(error).__name__}); the log says more"
    first, *others = str(error).split("\n")
    return f"{first} (and {len(others)} more)" if others else first


def _is_ours(error: Exception) -> bool:
    from app.errors import AppError
    from db.errors import DbError
    from survey import SurveyError

    return isinstance(error, AppError | DbError | SurveyError)
