"""The verb state: a study launched, paused, closed or extended."""

import argparse
from pathlib import Path

from app.errors import UsageError
from app.folder import read_study
from app.output.terminal import word
from app.settings import load_settings, on_command_line

DO = ("launch", "pause", "close", "extend")


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument("study", type=Path, metavar="STUDY", help="study folder")
    made.add_argument(
        "do",
        choices=DO,
        metavar="|".join(DO),
        help="launch; pause: nobody new may begin; close: nobody may go on either; extend: more participants",
    )
    made.add_argument("--by", type=int, default=0, metavar="N", help="with extend: how many participants more")


def run(arguments: argparse.Namespace) -> None:
    """Launch, pause or close a study, or extend it by more participants, while it is served; that is logged."""
    from app.study import open_store

    if arguments.do == "extend" and not arguments.by:
        raise UsageError("extend: by how many participants? Say so with --by N")
    if arguments.do != "extend" and arguments.by:
        raise UsageError(f"--by: belongs to extend, not to {arguments.do}; leave it out")
    folder, written = read_study(arguments.study)
    store, _ = open_store(folder, written, load_settings())
    try:
        if problem := store.actions.run(on_command_line(), arguments.do, arguments.by):
            raise UsageError(f"{folder}: {problem}; earmark status {word(folder)} shows it")
        running = store.actions.running()
        print(f"{written.name}: {running.state}, for {running.target} participants")
    finally:
        store.close()
