"""Packing: files into one that has the same bytes whenever and wherever it is made of the same ones.

They are stored as they are, under one moment and sorted by name. Sound and pictures are small already, another release
of a compressor gives other bytes, and what is stored cannot grow when it is unpacked.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from app.errors import UsageError
from app.verbs.archives.reading import FACTS, FORMAT, LARGEST

MOMENT = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can name
MODE = 0o100644 << 16
CHUNK = 1 << 20


def pack(
    target: Path, facts: Mapping[str, Any], made: Mapping[str, bytes], clips: Mapping[str, tuple[Path, str]]
) -> None:
    """Write an archive: what is `made`, and the `clips`, each a file and the SHA-256 that it must have.

    Raises
    ------
    UsageError
        If a clip is not the file that it must be.
    OSError
        If it cannot be written.
    """
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    hashes |= {name: sha256 for name, (_, sha256) in clips.items()}
    sizes = {name: len(data) for name, data in made.items()} | {name: _size(path) for name, (path, _) in clips.items()}
    files = {name: {"sha256": hashes[name], "size": sizes[name]} for name in sizes}
    told = json.dumps({"format": FORMAT, **facts, "files": dict(sorted(files.items()))}, indent=1, ensure_ascii=False)
    made = {**made, FACTS: f"{told}\n".encode()}
    if len(made[FACTS]) > LARGEST:
        raise UsageError(f"the study has {len(files):,} files, more than an archive can list; archive with --hashes")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
        for name in sorted({*made, *clips}):
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.create_system, entry.external_attr = 3, MODE  # as on Unix, wherever it is made
            entry.file_size = len(made[name]) if name in made else sizes[name]
            with packed.open(entry, "w") as out:
                if name in made:
                    out.write(made[name])
                else:
                    _copy(*clips[name], out)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); run earmark generate, or archive --hashes"
        ) from error


def _copy(path: Path, sha256: str, out: IO[bytes]) -> None:
    """Copy a clip; it must be the one that people heard."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
            out.write(data)
    if digest.hexdigest() != sha256:
        raise UsageError(f"{path}: is not the file that clips/manifest.json names; run earmark check")
