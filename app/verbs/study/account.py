"""The verb account: who may open the researcher's page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UsageError
from app.folder import read_study, studies_in
from app.output.terminal import word
from app.settings import load_settings, on_command_line

if TYPE_CHECKING:
    from db import AccountView, Store

DO = ("list", "add", "password", "codes", "remove")


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument(
        "study", type=Path, metavar="STUDY", help="study folder, or a folder of studies for the desk of all of them"
    )
    made.add_argument(
        "do",
        choices=DO,
        metavar="|".join(DO),
        help="list; add; password: make another one; codes: ask for none any more; remove",
    )
    made.add_argument(
        "name",
        nargs="?",
        default="",
        metavar="NAME",
        help="name of the account, for all but list; the first owner's is owner",
    )
    made.add_argument(
        "--role",
        choices=("owner", "assistant", "reader"),
        help="of an account to add: owner may do everything, assistant looks after participants and sees no "
        "condition, reader reads the report once the study is closed",
    )


def run(arguments: argparse.Namespace) -> None:
    """List, add, change or remove the accounts of the researcher's page; a password is made, and told once."""
    store, whose = _opened(arguments)
    try:
        print(*(_list(store, whose) if arguments.do == "list" else [_change(store, arguments)]), sep="\n")
    finally:
        store.close()


def _opened(arguments: argparse.Namespace) -> tuple[Store, str]:
    """Open where accounts are, and say what they open: a study, or the desk of several, which has its owner alone."""
    if studies_in(arguments.study):
        from app.several.desk import open_desk

        if arguments.do not in ("list", "codes"):
            raise UsageError(
                f"{arguments.study}: holds several studies, and their desk has one password and no accounts; name the "
                f"study: earmark account {word(arguments.study)}/STUDY {arguments.do}"
            )
        return open_desk(arguments.study, load_settings())[0], "desk"
    from app.study import open_store

    folder, written = read_study(arguments.study)
    return open_store(folder, written, load_settings())[0], "study"


def _list(store: Store, whose: str) -> list[str]:
    """Say who there is, in a line each."""
    from db.access.logins import FIRST

    own = f"owner, with the {whose}'s own password (EARMARK_ADMIN_PASSWORD, else .secret.json)"
    lines = [own + _code(store.accounts.find(FIRST))]
    lines += [f"{one.name}, {one.role}, made {one.made_at:%Y-%m-%d}{_code(one)}" for one in store.accounts.all()]
    return lines


def _code(account: AccountView | None) -> str:
    return ", with a code at login" if account and account.code_seed else ""


def _change(store: Store, arguments: argparse.Namespace) -> str:
    """Change an account, log that, and say what was done."""
    from app.accounts.pages import change_account

    if not arguments.name:
        raise UsageError(f"account {arguments.do}: name it, such as: earmark account STUDY {arguments.do} anna")
    if (arguments.do == "add") != bool(arguments.role):
        raise UsageError("--role: belongs to add, and to nothing else; give owner, assistant or reader there")
    kind, detail, said = change_account(store, arguments.do, arguments.name, arguments.role or "")
    store.actions.add(on_command_line(), kind, detail)
    return said
