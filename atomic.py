"""Files that are written whole or not at all: the one module that every package may import.

Own code, because the libraries that do this leave their temporary file behind when the disk fills up at the last flush
(boltons 26.2), or do not flush to the disk at all.
"""

import contextlib
import errno
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False, new: bool = False) -> Iterator[Path]:
    """Give the place of a temporary file beside `path`, and put it there when the block has ended without an error.

    A reader sees the old file or the new one, after a loss of power too. The folder is made where it is missing. A
    `private` file can be read by its owner alone, and a `new` one replaces none: FileExistsError if one is there by
    then. Raises OSError; whatever is raised, nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:200]}.{uuid4().hex[:12]}.tmp")
    try:
        temporary.touch(0o600)
        yield temporary
        temporary.chmod(0o600 if private else 0o644)  # safetensors makes its files private to their owner
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if new:
            _place(temporary, path)
        else:
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Give the place of a file that has no name, and name it `path` when the block has ended without an error.

    It replaces none: FileExistsError if one is there by then. Raises OSError; not even a kill leaves anything behind,
    but where the system has no such files it is as `replacing` does it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = os.open(path.parent, os.O_TMPFILE | os.O_RDWR, 0o600)
    except (OSError, AttributeError):
        with replacing(path, new=True) as temporary:
            yield temporary
        return
    try:
        unnamed = Path(f"/proc/self/fd/{file}")
        yield unnamed
        os.fchmod(file, 0o644)
        os.fsync(file)
        os.link(unnamed, path, src_dir_fd=file, follow_symlinks=True)  # a link to the file, not to its entry in /proc
    finally:
        os.close(file)


@contextlib.contextmanager
def scratch(place: Path, prefix: str) -> Iterator[Path]:
    """Give a folder for the owner alone, which is gone afterwards; those of this prefix that a kill left go first.

    Whoever works in one holds its lock, which ends with the process. Raises OSError if none can be made.
    """
    for left in place.glob(f"{glob.escape(prefix)}*"):
        with _held(left, fcntl.LOCK_EX | fcntl.LOCK_NB) as ours:
            if ours:
                shutil.rmtree(left, ignore_errors=True)
    while True:
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        with _held(made, fcntl.LOCK_EX) as ours:
            if not ours:  # somebody took it for one that was left
                continue
            try:
                yield made
            finally:
                shutil.rmtree(made, ignore_errors=True)
            return


@contextlib.contextmanager
def _held(folder: Path, how: int) -> Iterator[bool]:
    """Hold a folder's lock if it can be had and the folder is still there."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, how)
            held = folder.exists()
        except BlockingIOError:
            held = False
        yield held
    finally:
        os.close(descriptor)


def _place(temporary: Path, path: Path) -> None:
    """Put a file where none is; a link, unlike a replacement, fails where one is."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as a memory stick's
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        temporary.replace(path)
