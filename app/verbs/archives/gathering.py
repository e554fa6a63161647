"""Gathering: all files of an archive but the clips, made in a folder of their own that is gone afterwards."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import atomic
from app import __version__
from app.counts import counted
from app.errors import UsageError
from app.output.terminal import word
from app.settings import load_settings
from app.verbs.archives import contents, words
from app.verbs.archives.people import anonymous, columns

if TYPE_CHECKING:
    from survey import Manifest, RatingRow, StudyConfig
    from survey.config.session import SessionRules

NO_CHOICE = {"baseline": None, "margin": None, "all_pairs": False, "rater_model": False}  # of earmark analyze


@dataclass(frozen=True)
class Choices:
    """What an archive is to hold: the clips or their hashes alone, what people wrote, and which licence it states."""

    hashes: bool = False
    comments: bool = False
    licence: str | None = None


@dataclass(frozen=True)
class Gathered:
    """The files of an archive by their names, the study's own manifest, and what is to be said in a line each."""

    files: dict[str, bytes]
    manifest: Manifest
    said: list[str]


@dataclass(frozen=True)
class _Rated:
    """Anonymous ratings of a revision, how many there are of others, and how they came about."""

    rows: list[RatingRow]
    others: int
    revision: int
    rules: list[SessionRules | None]
    languages: Mapping[str, int]
    looked: tuple[str, ...]


def gathered(folder: Path, written: StudyConfig, choices: Choices) -> Gathered:
    """Make the files of an archive.

    Raises
    ------
    UsageError
        If study.yaml is not what is in force, or nobody has taken part.
    """
    from app.study import check as launch_gate
    from app.verbs.archives.reviewer import page
    from app.verbs.results.analyze import report_on
    from app.verbs.results.given import RATINGS, archived
    from survey import RatingRow, load_config, read_manifest, write_csv, write_manifest
    from survey.launch.protocol import problems_of

    there, rated = read_manifest(folder / "clips" / "manifest.json"), _rated(folder, written, choices.comments)
    problems = problems_of(launch_gate(written, there, folder / "clips", len(os.sched_getaffinity(0))))
    text, named = contents.written_study(folder, written)
    manifest, sounds = contents.without_paths(there), not choices.hashes
    with atomic.scratch(Path(tempfile.gettempdir()), "earmark-archive-") as place:
        _write(place, {**contents.beside(folder, named, sounds), "study.yaml": text.encode()})
        config = load_config(place / "study.yaml")
        write_manifest(place / "clips" / "manifest.json", manifest)
        texts = contents.record(config, rated.revision, rated.rules, rated.languages, rated.looked)
        texts |= contents.checks(problems, rated.rows, folder, len(there.clips))
        texts["LICENCES.md"] = words.licences(config.model, manifest.imported is not None, choices.licence)
        _write(place, {name: one.encode() for name, one in texts.items()})
        (place / RATINGS).parent.mkdir()
        write_csv(place / RATINGS, rated.rows, RatingRow, columns=columns(choices.comments))
        lines = report_on(place, archived(place, config), place / "results", argparse.Namespace(**NO_CHOICE))
        found = {path.relative_to(place).as_posix(): path for path in sorted(place.rglob("*")) if path.is_file()}
        made = {name: path.read_bytes() for name, path in found.items()}
    made["index.html"] = page(config, manifest, rated.rows, sounds=sounds).encode()
    made["README.md"] = words.readme(config.name, __version__, {*made}, sounds, choices.comments).encode()
    said = [f"{counted(rated.others, 'rating')} of other revisions left out"] if rated.others else []
    if problems:
        said.append(
            f"{counted(len(problems), 'fault')} found in the clips, as checks.json says: earmark check {word(folder)}"
        )
    return Gathered(made, there, [*lines[:-1], *said])  # the last line names a report that is gone


def _rated(folder: Path, written: StudyConfig, comments: bool) -> _Rated:
    """Read the ratings of the newest revision.

    Raises
    ------
    UsageError
        If study.yaml is not what is in force, the study still runs, or there are none.
    """
    from app.study import refused_changes
    from app.verbs.results.export import Export
    from app.verbs.results.given import in_words

    nobody = UsageError(f"{folder}: nobody has taken part yet; there is nothing to archive")
    if load_settings().database_url is None and not (folder / "study.db").is_file():
        raise nobody
    with Export(folder, written) as opened:
        results, newest = opened.store.results, opened.revision(None)
        if newest is None:
            raise nobody
        if refused := refused_changes(folder, opened.store, opened.config, written):
            raise UsageError(f"{folder}: {refused}")
        looks = opened.store.actions.looks()
        if looks.running:
            raise UsageError(
                f"{folder}: the study is still running, and an archive shows its results; close it first: "
                f"earmark state {word(folder)} close"
            )
        number, every = newest.number, list(results.ratings())
        rules, spoken = results.rules_held(number), results.languages(number)
        order = results.finishing_order()  # last, so that it knows all who rated
    given = [row for row in every if row.revision == number]
    rows = anonymous(given, order, comments)
    if not rows:
        remedy = "only words were answered: archive with --comments" if given else "there is nothing to archive"
        raise UsageError(f"{folder}: revision {number} has no ratings yet; {remedy}")
    raters = {row.participant for row in given}
    languages = Counter(language for person, language in spoken.items() if person in raters)
    others = sum(row.kind == "trial" and row.revision != number for row in every)
    return _Rated(rows, others, number, rules, languages, in_words(looks))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
