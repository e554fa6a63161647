"""The verb archive: a study as one file, for whoever reads the paper."""

from __future__ import annotations

import argparse
import platform
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import atomic
from app import __version__
from app.counts import counted, size
from app.errors import UsageError
from app.folder import read_study
from app.verbs.archives.reading import faults_of
from app.verbs.archives.verify import sha256_of
from app.verbs.options import output, study

if TYPE_CHECKING:
    from app.verbs.archives.gathering import Choices
    from survey import StudyConfig

LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "matplotlib", "soundfile")


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    output(made, "file to write, which must not be there; default: archive.zip in the study")
    made.add_argument("--hashes", action="store_true", help="leave the clips out; their SHA-256 stays")
    made.add_argument("--comments", action="store_true", help="keep what people wrote, which may say who they are")
    made.add_argument("--licence", metavar="TEXT", help="licence of the ratings and clips, such as CC-BY-4.0")


def run(arguments: argparse.Namespace) -> None:
    """Write a study as one file for others: clips, anonymous ratings, report, versions; nothing that is there goes."""
    from app.verbs.archives.gathering import Choices

    folder, written = read_study(arguments.study)
    choices = Choices(arguments.hashes, arguments.comments, arguments.licence)
    with ended_in_order():
        print(*write_archive(folder, written, arguments.output or folder / "archive.zip", choices), sep="\n")


def write_archive(folder: Path, written: StudyConfig, target: Path, choices: Choices) -> list[str]:
    """Write an archive where no file is, whole or not at all, and read it again before it is there; say what it holds.

    Raises
    ------
    UsageError
        If a file is there, none can be written, or the study is not as people took part in it.
    """
    from app.verbs.archives.gathering import gathered
    from app.verbs.archives.packing import pack

    taken = UsageError(f"{target}: is already there; name another file with -o")
    if target.exists():
        raise taken
    found = gathered(folder, written, choices)
    sounds = {f"clips/{clip.file}": (folder / "clips" / clip.file, clip.sha256) for clip in found.manifest.clips}
    facts = {
        "earmark": __version__,
        "study": written.name,
        "clips": "hashes" if choices.hashes else "included",
        "comments": choices.comments,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }
    try:
        with atomic.appearing(target) as unnamed:
            pack(unnamed, facts, found.files, {} if choices.hashes else sounds)
            archive, faults = faults_of(unnamed)
            if faults.wrong or faults.missing or faults.extra:
                raise UsageError(f"{target}: was not written as it was meant to be; check the disk")
            weight, digest = unnamed.stat().st_size, sha256_of(unnamed)
    except FileExistsError as error:
        raise taken from error
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}); name another file with -o") from error
    clips = f"{counted(len(sounds), 'clip')}{', as SHA-256 alone' if choices.hashes else ''}"
    held = f"{target}: {counted(len(archive.files), 'file')}, {clips}, {size(weight)}"
    return [*found.said, held, f"SHA-256 {digest}"]


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Have what the system ends by SIGTERM clean up as it goes."""

    def end(*_: Any) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
