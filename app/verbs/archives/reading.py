"""Reading: an archive that anybody may have made, held against what it says of itself before anything is unpacked.

An archive is a zip file whose files are stored, not packed. So it can hold no more than it weighs, whatever it
declares, and what another program packed anew is refused.
"""

from __future__ import annotations

import hashlib
import json
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from app.errors import UsageError
from app.output.terminal import word

FORMAT = 1
FACTS = "archive.json"
LARGEST = 1 << 26  # bytes of archive.json
CHUNK = 1 << 20
LONGEST = 1000  # characters of a name
# Where the files of an archive may lie. None is read by a server but the study and its clips: no key, no database, and
# no page that it would show to the researcher.
PLACES = ("clips", "results", "metrics", "gold", "spoken")
LOOSE = ("README.md", "LICENCES.md", "index.html", "study.yaml", "study.json", "checks.json", "prompts.csv")
DAMAGED = (
    *(zipfile.BadZipFile, struct.error, EOFError, RuntimeError, OverflowError),
    *(ValueError, KeyError, TypeError, AttributeError),
)


@dataclass(frozen=True)
class Archive:
    """What an archive says of itself: its study, the version that made it, and SHA-256 and size of each file."""

    study: str
    earmark: str
    clips: str
    files: dict[str, tuple[str, int]]


@dataclass
class Faults:
    """Files that are not as the archive says, that are not there, and that it does not name."""

    wrong: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)


def is_archive(path: Path) -> bool:
    """Say whether a file is meant to be an archive, whole or not."""
    try:
        with zipfile.ZipFile(path) as packed:
            return FACTS in packed.namelist()
    except (OSError, NotImplementedError, *DAMAGED):
        return False


@contextmanager
def opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, Archive]]:
    """Open an archive, and look at all that it declares.

    Raises
    ------
    UsageError
        If it is none, damaged, of a newer Earmark, or holds what none does: names that lead elsewhere or come twice,
        links, packed or hidden files, or more than it weighs.
    """
    with ExitStack() as closing:
        try:
            packed = closing.enter_context(zipfile.ZipFile(path))
            _refuse(packed.infolist(), path.stat().st_size)
            found = packed.getinfo(FACTS)
            if found.file_size > LARGEST:
                raise ValueError(f"{FACTS} is too long")
            archive = read_facts(packed.read(found))
        except (NotImplementedError, *DAMAGED) as error:
            raise UsageError(f"{path}: not an archive, or damaged ({_line(error)}); use another copy") from error
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error.strerror or error}); name an archive") from error
        yield packed, archive


def read_facts(data: bytes) -> Archive:
    """Read archive.json.

    Raises
    ------
    UsageError
        If a newer Earmark wrote it.
    ValueError
        If it is damaged, or names a place where no archive has a file; KeyError and TypeError likewise.
    """
    told: Any = json.loads(data)
    if type(told["format"]) is not int or told["format"] > FORMAT:
        raise UsageError(f"the archive is of Earmark {shown(told.get('earmark'))}, which is newer; update Earmark")
    files = {}
    for name, one in told["files"].items():
        _check(name)
        if not isinstance(one["sha256"], str) or type(one["size"]) is not int or one["size"] < 0:
            raise ValueError(f"{FACTS} does not say what {shown(name)} is")
        files[name] = one["sha256"], one["size"]
    found = Archive(told["study"], told["earmark"], told["clips"], files)
    if not all(isinstance(word, str) for word in (found.study, found.earmark, found.clips)):
        raise ValueError(f"{FACTS} does not say of what study it is")
    return found


def faults_of(path: Path) -> tuple[Archive, Faults]:
    """Hold every file of an archive against its hash; UsageError if it cannot be read as one at all."""
    with opened(path) as (packed, archive):
        there, found = {*packed.namelist()} - {FACTS}, Faults()
        for name, (sha256, size) in archive.files.items():
            if name not in there:
                found.missing.append(name)
            elif digest(packed, name, size) != sha256:
                found.wrong.append(name)
        found.extra = sorted(there - archive.files.keys())
        return archive, found


def unpack(path: Path, folder: Path) -> Archive:
    """Write the files of an archive into an empty folder, every one of them as its hash says.

    Raises
    ------
    UsageError
        If one is not, is missing, or is none of the archive's; OSError if it cannot be written.
    """
    with opened(path) as (packed, archive):
        if others := {*packed.namelist()} ^ {*archive.files, FACTS}:
            named = f"earmark verify {word(path)} names all such"
            raise UsageError(f"{path}: {shown(min(others))} is missing or extra; {named}")
        for name, (sha256, size) in archive.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("xb") as out:
                if digest(packed, name, size, out) != sha256:
                    more = f"earmark verify {word(path)} says more"
                    raise UsageError(f"{path}: {shown(name)} is not what was archived; {more}")
        (folder / FACTS).write_bytes(packed.read(FACTS))
        return archive


def digest(packed: zipfile.ZipFile, name: str, size: int, out: IO[bytes] | None = None) -> str:
    """Return the SHA-256 of a file of `size` bytes, which may be written to `out`; empty if it cannot be read."""
    found = hashlib.sha256()
    if packed.getinfo(name).file_size != size:
        return ""
    try:
        for data in _chunks(packed, name):
            found.update(data)
            if out is not None:
                out.write(data)
    except (NotImplementedError, *DAMAGED):
        return ""
    return found.hexdigest()


def _chunks(packed: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield a file of an archive; where it cannot be read, BadZipFile or another of DAMAGED."""
    try:
        with packed.open(name) as file:
            while data := file.read(CHUNK):
                yield data
    except OSError as error:  # the archive says that it is where nothing can be
        raise zipfile.BadZipFile(str(error)) from error


def _refuse(entries: list[zipfile.ZipInfo], weight: int) -> None:
    """Refuse what no archive holds."""
    names: set[str] = set()
    for entry in entries:
        _check(entry.filename)
        name = unicodedata.normalize("NFC", entry.filename).casefold()  # one file on systems that do not tell apart
        if name in names:
            raise ValueError(f"it holds {shown(entry.filename)} twice")
        names.add(name)
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise ValueError(f"{shown(entry.filename)} is no file")
        if entry.flag_bits & 1 or entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise ValueError(f"{shown(entry.filename)} is packed or hidden, which in an archive no file is")
    if sum(entry.file_size for entry in entries) > weight:
        raise ValueError("it declares more than it holds")


def _check(name: str) -> None:
    """Refuse a name that leads elsewhere, or to a place where no archive has a file."""
    parts = name.split("/")
    plain = all(part and part[0] != "." and part[-1] not in ". " for part in parts)
    if not plain or len(name) > LONGEST or any(not letter.isprintable() or letter in '\\:*?"<>|' for letter in name):
        raise ValueError(f"it names the file {shown(name)}")
    if name not in (*LOOSE, FACTS) and (parts[0] not in PLACES or len(parts) < 2):
        raise ValueError(f"it names {shown(name)}, where an archive has no file")


def shown(name: object) -> str:
    """Write a name of a stranger's as one short line."""
    text = ascii(name)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."
