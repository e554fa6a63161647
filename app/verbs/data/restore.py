"""The verb restore: a backup put where nothing is."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import atomic
from app.counts import counted
from app.errors import UsageError
from app.settings import SECRET_FILE, load_settings
from app.verbs.data.backup import unpacked


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument("backup", type=Path, metavar="FILE", help="backup that earmark backup made")
    made.add_argument("folder", type=Path, metavar="FOLDER", help="study folder, without a database; made if missing")


def run(arguments: argparse.Namespace) -> None:
    """Put a backup back into an empty place, and count its rows there; nothing that is there is overwritten."""
    print(*restore(arguments.backup, arguments.folder), sep="\n")


def restore(path: Path, folder: Path) -> list[str]:
    """Put a backup into a study's folder, and say in a line each what is there now.

    Raises
    ------
    UsageError
        If the backup cannot be used, or something else is there.
    """
    from db import database_url
    from db.copies.copying import put_back

    with unpacked(path) as (backup, scratch):
        beside = [name for name in backup.files if name != backup.database]
        for name in beside:
            _refuse_another(folder / name, scratch / name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in beside:
                if not (folder / name).exists():
                    with atomic.replacing(folder / name, private=name == SECRET_FILE, new=True) as temporary:
                        shutil.copyfile(scratch / name, temporary)
        except OSError as error:
            raise UsageError(f"{folder}: cannot be written ({error.strerror}); name another folder") from error
        rows = put_back(scratch / backup.database, database_url(folder, load_settings().database_url))
        if rows != backup.rows:
            raise UsageError(f"{folder}: has other rows than the backup; is something else writing there?")
    return [
        *(f"{name:<16} {counted(number, 'row')}" for name, number in rows.items()),
        f"{folder}: {backup.study} as it was at {backup.made_at}; who withdrew later is there again: earmark purge",
        f"next: copy clips/ and models/ there, then earmark serve {folder}",
    ]


def _refuse_another(there: Path, new: Path) -> None:
    """Refuse to put a file where another one is; the same may be."""
    if there.exists() and (not there.is_file() or there.read_bytes() != new.read_bytes()):
        raise UsageError(f"{there}: is there and differs from the backup; name an empty folder, or move it away")
