"""Asking: what a new study needs that no option says, on a terminal."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from app.counts import counted
from app.errors import UsageError
from app.verbs.study.templates import DESCRIBED, FIRST

SOUNDS = {
    "clips": "clips of your own: a folder of condition/prompt.wav, or a table (CSV, XLSX, ODS)",
    "model": "those that a model makes, in full precision and quantized",
}
T = TypeVar("T")


def ask(arguments: argparse.Namespace) -> None:
    """Ask for what no option says, and set it; Enter takes what stands in brackets.

    Raises
    ------
    UsageError
        If the answers end before the questions do; nothing was written then.
    """
    print("A new study. Enter takes what stands in brackets, Ctrl-C leaves everything as it is.")
    arguments.test = arguments.test or _chosen("What do people do?", DESCRIBED, FIRST)
    if arguments.clips is None and arguments.model is None:
        if _chosen("Which sounds do they hear?", SOUNDS, "clips") == "clips":
            arguments.clips = _answer("Where are they?", "", _source)
        else:
            arguments.model = _answer("Which model: mini, stable-audio-open-1.0, a folder?", "mini", str)
    if arguments.clips is not None:
        _ask_of(arguments)
    arguments.participants = arguments.participants or _answer("How many people are to take part?", "20", _number)
    arguments.folder = _answer("Which folder shall hold the study?", "my-study", _folder)


def _ask_of(arguments: argparse.Namespace) -> None:
    """Ask what is to be known of own clips: which condition is the reference, and whether some may be missing."""
    from survey.imports.plan import baseline_of
    from survey.sources.listing import list_clips

    found = list_clips(arguments.clips)
    if arguments.baseline is None and len(found.conditions) > 1:
        named = dict.fromkeys(found.conditions, "")
        question = "Which condition are the others compared with?"
        arguments.baseline = _chosen(question, named, baseline_of(found.conditions))
    lacking = len(found.conditions) * len(found.prompts) - len({(row.condition, row.prompt_id) for row in found.rows})
    if lacking and not arguments.missing:
        arguments.missing = confirmed(f"{counted(lacking, 'clip')} would be missing. Shall conditions lack them?")


def confirmed(question: str) -> bool:
    """Ask a question that is answered by yes or no; Enter is yes."""
    return _answer(f"{question} yes or no", "yes", _truth)


def _chosen(question: str, named: Mapping[str, str], usual: str) -> str:
    """Ask for one of several, by its number or its name."""
    print(f"\n{question}")
    for number, (name, described) in enumerate(named.items(), 1):
        print(f"  {number}  {name:<8} {described}".rstrip())
    names = list(named)

    def read(text: str) -> str:
        if text in names:
            return text
        if text.isdecimal() and 1 <= int(text) <= len(names):
            return names[int(text) - 1]
        raise UsageError(f"give a number from 1 to {len(names)}, or a name")

    return _answer("Which one?", usual, read)


def _answer(question: str, usual: str, read: Callable[[str], T]) -> T:
    """Ask until an answer can be used, and say of each that cannot why."""
    while True:
        print(f"{question} [{usual}] " if usual else f"{question} ", end="", flush=True)
        try:
            text = input().strip() or usual
        except EOFError:
            raise UsageError("new: the answers ended before the questions; nothing was written") from None
        try:
            return read(text)
        except UsageError as error:
            print(*(f"  {line}" for line in str(error).split("\n")), sep="\n")


def _source(text: str) -> Path:
    """Find own clips, and say what they are."""
    from survey.errors import SourceError
    from survey.sources.listing import list_clips

    source = Path(re.sub(r"^(['\"])(.*)\1$", r"\2", text)).expanduser()  # as a file manager drops it
    if not text:
        raise UsageError("give a folder or a table")
    try:
        found = list_clips(source)
    except SourceError as error:
        raise UsageError(str(error)) from None
    names = ", ".join(found.conditions)
    print(f"  {counted(len(found.conditions), 'condition')} ({names}), {counted(len(found.prompts), 'prompt')}")
    return source


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise UsageError("give a whole number from 1 to 100000")
    return int(text)


def _folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if (folder / "study.yaml").exists() or folder.is_file():
        raise UsageError(f"{folder}: a study or a file is already there; name a new folder")
    return folder


def _truth(text: str) -> bool:
    if text.lower() not in ("yes", "y", "no", "n"):
        raise UsageError("give yes or no")
    return text.lower() in ("yes", "y")
