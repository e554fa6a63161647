"""The verb export, and what an analysis gets: ratings to be shared, without what is private (:mod:`app.privacy`)."""

from __future__ import annotations

import argparse
import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.counts import counted
from app.errors import UsageError
from app.folder import read_study
from app.verbs.options import output, study
from app.verbs.results.tables import TABLES, format_of, write

if TYPE_CHECKING:
    from db import RevisionView, Store
    from survey import RatingRow, StudyConfig

BESIDE = (*TABLES[1:], "dictionary")


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    output(made, "file to write: .csv, .json, .xlsx, .ods or .parquet; default: ratings.csv in the study")
    made.add_argument("--revision", type=int, metavar="N", help="ratings of this revision only; default: all revisions")
    made.add_argument("--wide", action="store_true", help="write the scores beside it with a column a condition, too")
    made.add_argument("--sessions", action="store_true", help="write sessions beside it, without identities")
    made.add_argument("--events", action="store_true", help="write events beside it: what happened on the page")
    made.add_argument(
        "--identities",
        action="store_true",
        help="also write to the sessions who people are on their platform and what they said about themselves",
    )
    made.add_argument(
        "--huggingface",
        type=Path,
        metavar="DIR",
        help="instead, make the folder of a dataset to publish: the report's ratings, the clips and a datasheet",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the ratings as a tidy table with a data dictionary, and what else is asked for; or a dataset to publish."""
    gc.disable()  # rows hold no circles, and looking for some beside a million of them takes seconds
    try:
        print(*(dataset(arguments) if arguments.huggingface else export_files(arguments)), sep="\n")
    finally:
        gc.enable()


def dataset(arguments: argparse.Namespace) -> list[str]:
    """Make the folder of a dataset of what identifies nobody, and give the lines to print."""
    from app.verbs.results.huggingface import RATINGS, fill, new_folder
    from survey import read_manifest

    target: Path = arguments.huggingface
    if given := [name for name in ("output", "wide", "sessions", "events", "identities") if getattr(arguments, name)]:
        raise UsageError(f"--{given[0]}: not in a dataset to publish; leave it out, or leave out --huggingface")
    folder, written = read_study(arguments.study)
    manifest = read_manifest(folder / "clips" / "manifest.json")
    with Export(folder, written) as study, new_folder(target) as filled:
        config, lines = study.for_analysis(filled / RATINGS, arguments.revision)
        revision = study.revision(arguments.revision)
        lines += fill(filled, config, manifest, folder / "clips", revision.number if revision else 0)
    return [*lines, f"dataset: {target}; read README.md in it and complete it before you publish"]


def export_files(arguments: argparse.Namespace) -> list[str]:
    """Write the files asked for, each for its owner alone, and give the lines to print."""
    if arguments.identities and not arguments.sessions:
        raise UsageError("--identities: only the sessions have them; give --sessions too")
    folder, written = read_study(arguments.study)
    target = arguments.output or folder / "ratings.csv"
    format_of(target)
    if target.stem in BESIDE:
        raise UsageError(f"{target}: {target.stem} is the name of a table that is written beside it; choose another")
    beside = {name for name in BESIDE if getattr(arguments, name, False)}
    with Export(folder, written) as study:
        study.revision(arguments.revision)
        return write_tables(study.store, target, beside, arguments.revision, identities=arguments.identities)


def write_tables(
    store: Store, target: Path, beside: Collection[str], revision: int | None = None, *, identities: bool = False
) -> list[str]:
    """Write the ratings, those of `wide`, `sessions` and `events` that go `beside` them, and what their columns mean.

    Returns a line to print of each.

    Raises
    ------
    UsageError
        If a file cannot be written, or the format cannot hold as much.
    """
    from app.privacy import session_columns
    from survey import EventRow, RatingRow, SessionRow
    from survey.columns import Described, described
    from survey.dictionary import DictionaryRow, dictionary
    from survey.records import cells, counting
    from survey.trials.design import TRIAL
    from survey.wide import wide_columns, wide_rows

    results, suffix, kinds = store.results, format_of(target), Counter[str]()
    tables: dict[str, list[Described]] = {"ratings": described(RatingRow)}

    def put(name: str, columns: list[Described], rows: Iterable[Sequence[object]]) -> tuple[int, Path]:
        path, tables[name] = target.with_name(f"{name}{suffix}"), columns
        return write(path, columns, rows), path

    ratings = counting(results.ratings(revision), kinds)
    write(target, tables["ratings"], cells(ratings, tables["ratings"]))
    others = "".join(f", and {number} of kind {kind}" for kind, number in sorted(kinds.items()) if kind != TRIAL)
    lines = [f"{counted(kinds[TRIAL], 'rating')}{others}: {target}"]
    if "wide" in beside:
        conditions = results.conditions()
        number, path = put("wide", wide_columns(conditions), wide_rows(results.ratings(revision), conditions))
        lines.append(f"{counted(number, 'row')}, a column a condition: {path}")
    if "sessions" in beside:
        columns = described(SessionRow, session_columns(identities))
        number, path = put("sessions", columns, cells(results.sessions(), columns))
        lines.append(f"{counted(number, 'session')}, {'with' if identities else 'without'} identities: {path}")
    if "events" in beside:
        columns = described(EventRow)
        number, path = put("events", columns, cells(results.events(), columns))
        lines.append(f"{counted(number, 'event')}: {path}")
    columns = described(DictionaryRow)
    number, path = put("dictionary", columns, cells(dictionary(dict(tables)), columns))
    return [*lines, f"what their columns mean: {path}"]


class Export:
    """A study's store, opened to be read."""

    def __init__(self, folder: Path, written: StudyConfig) -> None:
        from app.settings import load_settings
        from app.study import open_store

        self.folder, self.written = folder, written
        self.store, self.config = open_store(folder, written, load_settings())

    def __enter__(self) -> Export:
        return self

    def __exit__(self, *error: object) -> None:
        self.store.close()

    def revision(self, number: int | None) -> RevisionView | None:
        """Return the revision asked for, or the newest; None if nobody has taken part.

        Raises
        ------
        UsageError
            If there is none of this number.
        """
        newest = self.store.revisions.find()
        if number is None:
            return newest
        found = self.store.revisions.find(number) if newest and 1 <= number <= newest.number else None
        if found is None:
            there = f"the newest is {newest.number}" if newest else "nobody has taken part yet"
            raise UsageError(f"--revision {number}: there is no such revision; {there}")
        return found

    def for_analysis(self, target: Path, number: int | None) -> tuple[StudyConfig, list[str]]:
        """Write the ratings of one revision as an analysis needs them, and no more than that.

        Returns the configuration of that revision, and what is to be said of it in a line each.
        """
        from app.privacy import analysis_columns
        from app.study import refused_changes
        from survey import RatingRow
        from survey.columns import described
        from survey.config.revision import in_force
        from survey.records import cells
        from survey.trials.design import TRIAL

        revision = self.revision(number)
        config = in_force(revision.frozen, self.written) if revision else self.config
        text = any(one.type == "text" for one in config.asked.scales)  # where the answer is the comment
        columns = described(RatingRow, analysis_columns(text))
        trials = [row.revision for row in self.store.results.ratings() if row.kind == TRIAL]
        others = sum(number != revision.number for number in trials) if revision else 0
        found = self.store.results.ratings(revision.number if revision else None)
        rows = [row if row.question == "text" else replace(row, comment="") for row in found]  # remarks stay out
        if revision and others and not rows:
            raise UsageError(
                f"revision {revision.number} has no ratings yet; analyse an older one, such as --revision {trials[-1]}"
            )
        blurred = _to_the_minute(rows, self.store.results.finishing_order())
        write(target, columns, cells(blurred, columns), private=False)
        said = refused_changes(self.folder, self.store, self.config, self.written)
        lines = [said] if said else []
        if revision and others:
            left = counted(others, "rating")
            lines.append(f"revision {revision.number} is analysed; {left} of other revisions left out")
        return config, lines


def _to_the_minute(rows: Sequence[RatingRow], order: Iterable[str]) -> Iterator[RatingRow]:
    """Blur the moments: the order in which people finished is needed, their seconds are not.

    Where the clock was set back, so that somebody who finished later seems to have finished earlier, the moment of
    their last answer is put a minute after that of who came before.
    """
    minutes = [row.rated_at.replace(second=0, microsecond=0) for row in rows]
    last: dict[str, datetime] = {}
    for row, minute in zip(rows, minutes, strict=True):
        last[row.participant] = max(minute, last.get(row.participant, minute))
    moved: dict[str, datetime] = {}
    before: datetime | None = None
    for person in (person for person in order if person in last):
        moved[person] = last[person] if before is None or last[person] >= before else before + timedelta(minutes=1)
        before = moved[person]
    for row, minute in zip(rows, minutes, strict=True):
        yield replace(row, rated_at=moved[row.participant] if minute == last[row.participant] else minute)


def remove_private(folder: Path) -> list[str]:
    """Remove the sessions.csv and events.csv that older versions wrote into a report's folder; say which in a line."""
    from survey import EventRow, SessionRow

    removed = []
    for name, kind in (("sessions.csv", SessionRow), ("events.csv", EventRow)):
        try:
            with (folder / name).open(encoding="utf-8") as file:
                header = file.readline().strip().split(",")
        except (OSError, UnicodeDecodeError):
            continue
        if header[:3] == ["study", "participant", "session"] and set(header) <= {f.name for f in fields(kind)}:
            (folder / name).unlink()
            removed.append(str(folder / name))
    return [f"removed {' and '.join(removed)}: private, from an older version"] if removed else []
