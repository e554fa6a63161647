"""The verb restore: a backup, or an archive, put where nothing is."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import atomic
from app.counts import counted
from app.errors import UsageError
from app.output.terminal import word
from app.settings import SECRET_FILE, load_settings
from app.verbs.archives.reading import is_archive, unpack
from app.verbs.data.backup import unpacked

SCRATCH = ".earmark-restore-"


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument("backup", type=Path, metavar="FILE", help="what earmark backup or earmark archive wrote")
    made.add_argument("folder", type=Path, metavar="FOLDER", help="study folder, without a database; made if missing")


def run(arguments: argparse.Namespace) -> None:
    """Put a backup or an archive into an empty place, and check it there; nothing that is there is overwritten."""
    put = restore_archive if is_archive(arguments.backup) else restore
    print(*put(arguments.backup, arguments.folder), sep="\n")


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
        f"next: copy clips/ and models/ there, then earmark serve {word(folder)}",
    ]


def restore_archive(path: Path, folder: Path) -> list[str]:
    """Put the files of an archive into a folder that is empty or not there, all of them or none; say what is next.

    Raises
    ------
    UsageError
        If the archive is not whole, or the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: is there already; name a new folder, or an empty one")
    try:
        near = next(place for place in (folder.parent, *folder.parent.parents) if place.is_dir())
        with atomic.scratch(near, SCRATCH) as scratch:
            made = scratch / "study"
            made.mkdir()
            archive = unpack(path, made)
            folder.parent.mkdir(parents=True, exist_ok=True)
            made.rename(folder)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}); name another folder") from error
    here = archive.clips == "included"
    return [
        f"{folder}: {counted(len(archive.files), 'file')} of the study {archive.study}, all as archived",
        f"next: open {folder / 'index.html'}, earmark analyze {word(folder)}, or "
        f"{'' if here else 'put its clips into clips/ and '}earmark serve {word(folder)}",
    ]


def _refuse_another(there: Path, new: Path) -> None:
    """Refuse to put a file where another one is; the same may be."""
    if there.exists() and (not there.is_file() or there.read_bytes() != new.read_bytes()):
        raise UsageError(f"{there}: is there and differs from the backup; name an empty folder, or move it away")
