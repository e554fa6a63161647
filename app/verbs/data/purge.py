"""The verb purge: everything of a participant, or of all who were there before a day, deleted for good."""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.counts import counted
from app.errors import UsageError
from app.folder import read_study
from app.settings import load_settings, on_command_line
from app.verbs.options import study
from app.verbs.results.tables import FORMATS, TABLES

if TYPE_CHECKING:
    from db import Purged, Store

MOST_NAMED = 100  # participants in the log
DERIVED = ("report", "analyze.log", *(table + suffix for table in TABLES for suffix in FORMATS))
"""What in a study's folder was made of people's answers, and can be made anew."""


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    whom = made.add_mutually_exclusive_group(required=True)
    whom.add_argument("--participant", metavar="CODE", help="who has this code, such as P007")
    whom.add_argument(
        "--before",
        type=_day,
        metavar="DATE",
        help="all who began and were last there before this day (UTC), such as 2026-01-31",
    )
    made.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> None:
    """Delete everything of a participant, or of all who were last there before a day, and count the rows that went."""
    from app.study import open_store

    folder, written = read_study(arguments.study)
    store, _ = open_store(folder, written, load_settings())
    try:
        codes = _codes(store, arguments)
        if not codes:
            print("nobody: there is nothing to delete")
            return
        files = [folder / name for name in DERIVED if (folder / name).exists()]
        _confirm(codes, files, arguments.yes)
        receipt = store.participants.purge(codes, arguments.before)
        store.actions.add(on_command_line(), "purge", {"participants": list(receipt.codes[:MOST_NAMED])})
        removed = _remove(files)
        print(*_lines(written.name, receipt, store.scope.engine.dialect.name, removed, folder), sep="\n")
    finally:
        store.close()


def _codes(store: Store, arguments: argparse.Namespace) -> list[str]:
    """Return whom it is about."""
    if arguments.before is not None:
        return store.participants.unseen_since(arguments.before)
    stage = {person.code: person.stage for person in store.results.progress()}.get(arguments.participant)
    if stage is None:
        raise UsageError(f"--participant {arguments.participant}: nobody has this code; earmark export shows them")
    if stage == "withdrawn":
        raise UsageError(f"--participant {arguments.participant}: all was deleted already but the code")
    return [arguments.participant]


def _confirm(codes: list[str], files: list[Path], yes: bool) -> None:
    """Have whoever sits there say yes.

    Raises
    ------
    UsageError
        If they do not, or nobody sits there.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked; give --yes to delete without asking")
    print(f"everything of {counted(len(codes), 'participant')} will be deleted for good: {_some(codes)}")
    if files:
        print(f"so will be what was made of the answers: {', '.join(map(str, files))}")
    if input("type yes to delete: ").strip().lower() != "yes":
        raise UsageError("nothing was deleted")


def _remove(files: list[Path]) -> list[str]:
    """Delete what was made of answers that are gone.

    Raises
    ------
    UsageError
        If one of them cannot be deleted; those of the database are gone by then.
    """
    removed = []
    for path in files:
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"{path}: cannot be deleted ({error.strerror}); delete it yourself") from error
        removed.append(str(path))
    return removed


def _lines(study: str, receipt: Purged, kind: str, removed: list[str], folder: Path) -> list[str]:
    """Write the receipt."""
    lines = [
        f"purged from {study} at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: "
        f"{counted(len(receipt.codes), 'participant')} ({_some(receipt.codes)})"
    ]
    lines += [f"  {name:<12} {counted(number, 'row')}" for name, number in receipt.rows.items()]
    if kind == "sqlite" and receipt.overwritten:
        lines.append("overwritten: study.db and study.db-wal hold none of it any more")
    elif kind == "sqlite":
        lines.append("study.db-wal may still hold it, since somebody goes on reading; run earmark status later")
    else:
        lines.append("PostgreSQL's files hold it until VACUUM FULL and for as long as its log is kept: ask its owner")
    if removed:
        lines.append(f"deleted, since made of it: {', '.join(removed)}; make them anew of what is left")
    kept = sorted(map(str, (*folder.glob("backups/*.zip"), *folder.glob("archive*.zip"))))
    copies = f"{', '.join(kept)} and copies elsewhere" if kept else "backups and exports elsewhere"
    return [*lines, f"not touched: {copies}; delete those that were made before"]


def _some(codes: list[str] | tuple[str, ...]) -> str:
    return ", ".join(codes[:5]) + (f" and {len(codes) - 5:,} more" if len(codes) > 5 else "")


def _day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: not a day; give it as 2026-01-31") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
