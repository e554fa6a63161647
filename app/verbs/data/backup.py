"""The verb backup: what a study cannot be made anew of, in one file, while people rate."""

from __future__ import annotations

import argparse
import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import atomic
from app import __version__
from app.counts import counted, size
from app.errors import UsageError
from app.folder import read_study
from app.settings import SECRET_FILE, load_settings
from app.verbs.options import output, study

FORMAT = 1
FACTS = "backup.json"
SCRATCH = ".backup-"
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError),
    *(ValueError, KeyError, TypeError, AttributeError),
)
BESIDE = ("study.yaml", "prompts.csv", SECRET_FILE)  # what belongs to the database, where it is there


@dataclass(frozen=True)
class Backup:
    """What a backup says of itself: of which study and moment, its database, the rows, and the SHA-256 of each file."""

    format: int
    earmark: str
    study: str
    made_at: str
    database: str
    rows: dict[str, int]
    files: dict[str, str]


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    output(made, "file to write, which must not be there; default: backups/NAME-TIME.zip in the study")


def run(arguments: argparse.Namespace) -> None:
    """Copy the answers into one file while people rate, with study.yaml and the key; check it and count its rows."""
    folder, config = read_study(arguments.study)
    moment = datetime.now(UTC)
    target = arguments.output or folder / "backups" / f"{folder.resolve().name}-{moment:%Y%m%d-%H%M%S}.zip"
    backup = back_up(folder, config.name, target, moment)
    print(*(f"{name:<16} {counted(rows, 'row')}" for name, rows in backup.rows.items()), sep="\n")
    print(f"{target}: {size(target.stat().st_size)}, checked; it holds the study's key, so keep it private")


def back_up(folder: Path, name: str, target: Path, moment: datetime) -> Backup:
    """Write a backup where no file is, whole or not at all, and read it again before it is there.

    Raises
    ------
    UsageError
        If a file is there, or none can be written.
    """
    from db import database_url
    from db.copies.copying import copy

    url = database_url(folder, load_settings().database_url)
    if url.drivername.startswith("sqlite") and not Path(url.database or "").is_file():
        raise UsageError(f"{folder}: nobody has taken part yet (no {url.database}); there is nothing to back up")
    try:
        if target.exists():
            raise FileExistsError(None, "File exists")
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic.scratch(target.parent, SCRATCH) as scratch:
            database, rows = copy(url, scratch)
            paths = {database.name: database, **{name: folder / name for name in BESIDE}}
            paths = {name: path for name, path in paths.items() if path.is_file()}
            files = {name: _digest(path) for name, path in paths.items()}
            backup = Backup(FORMAT, __version__, name, f"{moment:%Y-%m-%dT%H:%M:%SZ}", database.name, rows, files)
            whole = scratch / target.name
            with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
                packed.writestr(FACTS, json.dumps(asdict(backup), indent=2))
                for name, path in paths.items():
                    packed.write(path, name)
            database.unlink()
            with unpacked(whole):
                pass
            with atomic.replacing(target, private=True, new=True) as temporary:
                whole.replace(temporary)
    except FileExistsError as error:
        raise UsageError(f"{target}: is already there; name another file with -o") from error
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}); name another file with -o") from error
    return backup


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[Backup, Path]]:
    """Give what a backup says of itself, and a folder with its files, all of them checked and every row counted.

    Raises
    ------
    UsageError
        If it is no backup, damaged, or of a newer Earmark.
    """
    from db.copies.copying import FILES, check

    with atomic.scratch(path.parent, SCRATCH) as scratch:
        try:
            with zipfile.ZipFile(path) as packed:
                told = json.loads(packed.read(FACTS))
                if told["format"] > FORMAT:
                    raise UsageError(f"{path}: was made by Earmark {told['earmark']}; update Earmark")
                backup = Backup(**{field.name: told[field.name] for field in fields(Backup)})
                if backup.database not in FILES.values() or not {*backup.files} <= {backup.database, *BESIDE}:
                    raise ValueError("it names files that no backup has")
                for name, digest in backup.files.items():
                    packed.extract(name, scratch)
                    if _digest(scratch / name) != digest:
                        raise ValueError(f"{name} is not what was backed up")
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error.strerror}); name a backup") from error
        except DAMAGED as error:
            raise UsageError(f"{path}: not a backup, or damaged ({error}); use another") from error
        check(scratch / backup.database, backup.rows)
        yield backup, scratch


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
