"""The verb export, and what an analysis gets: ratings to be shared, without what is private (:mod:`app.privacy`)."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.counts import counted
from app.errors import UsageError
from app.folder import read_study
from app.verbs.options import study

if TYPE_CHECKING:
    from db import RevisionView
    from survey import RatingRow, Row, StudyConfig


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    made.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="file to write; default: ratings.csv in the study"
    )
    made.add_argument("--revision", type=int, metavar="N", help="ratings of this revision only; default: all revisions")
    made.add_argument("--sessions", action="store_true", help="write sessions.csv beside it, without identities")
    made.add_argument("--events", action="store_true", help="write events.csv beside it: what happened on the page")
    made.add_argument(
        "--identities",
        action="store_true",
        help="also write to sessions.csv who people are on their platform and what they said about themselves",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the ratings as tidy CSV, and the sessions and what happened in them where they are asked for."""
    print(*export_files(arguments), sep="\n")


def export_files(arguments: argparse.Namespace) -> list[str]:
    """Write the files asked for, each for its owner alone, and give the lines to print."""
    from app.privacy import session_columns
    from survey import EventRow, RatingRow, SessionRow
    from survey.trials.design import TRIAL

    if arguments.identities and not arguments.sessions:
        raise UsageError("--identities: only sessions.csv has them; give --sessions too")
    folder, written = read_study(arguments.study)
    target = arguments.output or folder / "ratings.csv"
    with Export(folder, written) as study:
        study.revision(arguments.revision)
        kinds = _write(target, study.store.results.ratings(arguments.revision), RatingRow, private=True)
        others = "".join(f", and {number} of kind {kind}" for kind, number in sorted(kinds.items()) if kind != TRIAL)
        lines = [f"{counted(kinds[TRIAL], 'rating')}{others}: {target}"]
        if arguments.sessions:
            path, rows = target.with_name("sessions.csv"), list(study.store.results.sessions())
            _write(path, rows, SessionRow, columns=session_columns(arguments.identities), private=True)
            said = "with" if arguments.identities else "without"
            lines.append(f"{counted(len(rows), 'session')}, {said} identities: {path}")
        if arguments.events:
            path, events = target.with_name("events.csv"), list(study.store.results.events())
            _write(path, events, EventRow, private=True)
            lines.append(f"{counted(len(events), 'event')}: {path}")
    return lines


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
        from survey.config.revision import in_force
        from survey.trials.design import TRIAL

        revision = self.revision(number)
        config = in_force(revision.frozen, self.written) if revision else self.config
        text = any(one.type == "text" for one in config.asked.scales)  # where the answer is the comment
        columns = analysis_columns(text)
        trials = [row.revision for row in self.store.results.ratings() if row.kind == TRIAL]
        others = sum(number != revision.number for number in trials) if revision else 0
        found = self.store.results.ratings(revision.number if revision else None)
        rows = [row if row.question == "text" else replace(row, comment="") for row in found]  # remarks stay out
        if revision and others and not rows:
            raise UsageError(
                f"revision {revision.number} has no ratings yet; analyse an older one, such as --revision {trials[-1]}"
            )
        _write(target, _to_the_minute(rows, self.store.results.finishing_order()), RatingRow, columns=columns)
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


def _write(
    target: Path, rows: Iterable[Row], kind: type, columns: list[str] | None = None, private: bool = False
) -> Counter[str]:
    from survey import write_csv

    try:
        return write_csv(target, rows, kind, columns=columns, private=private)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}); choose another with -o") from error


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
