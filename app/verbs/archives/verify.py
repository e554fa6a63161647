"""The verb verify: every file of an archive, or of a folder that it was restored into, against its SHA-256."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from app.counts import counted
from app.errors import UsageError
from app.verbs.archives.reading import DAMAGED, FACTS, Archive, Faults, faults_of, read_facts, shown


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument(
        "archive",
        type=Path,
        metavar="ARCHIVE",
        help="file that earmark archive wrote, or a folder it was restored into",
    )


def run(arguments: argparse.Namespace) -> None:
    """Hold every file of an archive against its SHA-256, and name each that is wrong, missing or extra."""
    path: Path = arguments.archive
    archive, faults = _faults_in(path) if path.is_dir() else faults_of(path)
    for what, names in (("wrong", faults.wrong), ("missing", faults.missing), ("extra", faults.extra)):
        print(*(f"{what:<8} {shown(name)[1:-1]}" for name in names), sep="\n", end="\n" if names else "")
    bad = [*faults.wrong, *faults.missing, *([] if path.is_dir() else faults.extra)]  # a study in use has more files
    if bad:
        total = counted(len(archive.files), "file")
        raise UsageError(f"{path}: {len(bad)} of {total} not as archived; ask for another copy")
    print(f"{path}: {counted(len(archive.files), 'file')} of the study {shown(archive.study)}, all as archived")
    if path.is_file():
        print(f"SHA-256 {sha256_of(path)}")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _faults_in(folder: Path) -> tuple[Archive, Faults]:
    """Hold the files of a folder against the archive that it was restored from.

    Raises
    ------
    UsageError
        If it was not.
    """
    try:
        archive = read_facts((folder / FACTS).read_bytes())
    except OSError as error:
        raise UsageError(
            f"{folder}: not restored from an archive (no {FACTS}: {error.strerror}); name the file of one, such as "
            f"{folder / 'archive.zip'}"
        ) from error
    except DAMAGED as error:
        raise UsageError(f"{folder / FACTS}: damaged; restore the archive into another folder") from error
    found = Faults()
    for name, (sha256, _) in archive.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            found.missing.append(name)
        elif sha256_of(path) != sha256:
            found.wrong.append(name)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    found.extra = sorted(there - archive.files.keys() - {FACTS})
    return archive, found
