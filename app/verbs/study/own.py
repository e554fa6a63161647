"""A study of own clips: its study.yaml written of their names, and the clips imported at once."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import atomic
from app.errors import AppError, UsageError
from app.folder import read_study, study_name, write_study, yaml_text
from app.verbs.study.templates import Choices, before_test, from_test, with_participants
from survey.config.session import LANGUAGES
from survey.errors import SurveyError
from survey.imports.plan import baseline_of
from survey.sources.listing import list_clips

if TYPE_CHECKING:
    from survey.sources.listing import Listing

FEW = 20  # prompts that stand in study.yaml itself
PROMPTS = "prompts.csv"
PLAIN = Choices()


def create_own_study(folder: Path, source: Path, choices: Choices = PLAIN) -> None:
    """Make a study of the clips of a source and import them; what goes wrong leaves nothing behind."""
    from app.verbs.clips.check import pass_gate
    from app.verbs.clips.own import check_apart, import_study

    check_apart(folder, source)
    listing = list_clips(source)
    _check_languages(listing)
    text = with_participants(study_text(folder, listing, choices), choices.participants)
    prompts = prompts_text(listing)
    with _whole(folder):
        if not _begun(folder, text):
            write_study(folder, text)
        if prompts:
            with atomic.replacing(folder / PROMPTS) as temporary:
                temporary.write_text(prompts, encoding="utf-8")
        _, config = read_study(folder)
        import_study(folder, config)
    pass_gate(folder, config)


def _check_languages(listing: Listing) -> None:
    """Refuse languages of prompts in which nobody could read them, as the page is not in them."""
    if unknown := {language for texts in listing.translations.values() for language in texts} - set(LANGUAGES):
        raise UsageError(
            f"{listing.source}: language: the page has none that is called {min(unknown)!r}; "
            f"known: {', '.join(LANGUAGES)}"
        )


def _language(listing: Listing) -> str:
    """Return the language in which all prompts are written first; nothing where that is not known."""
    first = {next(iter(texts)) for texts in listing.translations.values()}
    return first.pop() if len(first) == 1 else ""


def study_text(folder: Path, listing: Listing, choices: Choices) -> str:
    """Write a study.yaml that names the conditions and prompts of a listing, with the template's comments."""
    head = before_test().partition("name: ")[0]
    names = "".join(f"  - {yaml_text(name)}\n" for name in listing.conditions)
    baseline = yaml_text(choices.baseline or baseline_of(listing.conditions))
    if prompts_text(listing):
        prompts = f"prompts_file: {PROMPTS}          # the column prompt; prompt_de and so on translate it\n"
    else:
        prompts = "prompts:\n" + "".join(f"  - {yaml_text(text)}\n" for _, text in listing.prompts)
    if language := _language(listing):
        prompts += f"language: {yaml_text(language)}                       # of the prompts as they are written\n"
    place = yaml_text(_relative(folder, listing.source))
    rates = "sample_rate: auto                # in Hz; auto: the highest among the clips, at most 48000"
    return (
        f"{head}name: {yaml_text(study_name(folder))}\n"
        f"clips:                             # after a change: earmark generate\n"
        f"  source: {place}\n"
        f"  loudness: -23                    # LUFS that every clip is brought to | as is\n"
        f"  trim_silence: false              # cut silence off at both ends\n"
        f"  {rates}\n"
        f"  channels: auto                   # auto | 1 | 2\n"
        f"  missing: {str(choices.missing).lower():<23} # may conditions lack the clips of some prompts?\n"
        f"conditions:\n{names}{prompts}\n"
        + from_test(choices.test).replace("baseline: baseline\n", f"baseline: {baseline}\n")
    )


def prompts_text(listing: Listing) -> str:
    """Write the file of the prompts, a column a language; nothing where they stand in study.yaml."""
    named = {language for texts in listing.translations.values() for language in texts}
    languages = sorted(named - {_language(listing)})
    if len(listing.prompts) <= FEW and not languages:
        return ""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(["id", "prompt", *(f"prompt_{language}" for language in languages)])
    for key, text in listing.prompts:
        texts = listing.translations.get(key, {})
        writer.writerow([key, text, *(texts.get(language, "") for language in languages)])
    return made.getvalue()


def _relative(folder: Path, source: Path) -> str:
    """Write where the source is, seen from the study, unless they have nothing but the root in common."""
    there, study = source.resolve(), folder.resolve()
    near = len(Path(os.path.commonpath([there, study])).parts) > 1
    return Path(os.path.relpath(there, study)).as_posix() if near else str(there)


def _begun(folder: Path, text: str) -> bool:
    """Say whether this very study was begun before, and its clips were not all imported."""
    try:
        written = (folder / "study.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return written == text and not (folder / "clips" / "manifest.json").exists()


@contextmanager
def _whole(folder: Path) -> Iterator[None]:
    """Remove what was made where it comes to nothing; a stop by Ctrl-C leaves what the same command goes on with."""
    there = {entry.name for entry in folder.iterdir()} if folder.is_dir() else None
    try:
        yield
    except (AppError, SurveyError):
        if there is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            for entry in folder.iterdir():
                if entry.name not in there:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        raise
