"""What people gave, as an analysis takes it: from a study's database, or from an archive that was restored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import UsageError
from app.output.terminal import word
from app.settings import load_settings, on_command_line
from app.verbs.results.facts import heard

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from db import Looks, Store
    from survey import StudyConfig
    from survey.config.session import SessionRules

RECORD = "study.json"  # of an archive: what its ratings were given under
RATINGS = "results/ratings.csv"  # of an archive


@dataclass(frozen=True)
class Given:
    """Ratings as a table, and what they were given under.

    Parameters
    ----------
    ratings
        The table.
    config
        The configuration in force.
    rules
        The rules that sessions began under, each once; None for those of versions that did not store them.
    languages
        How many of the raters took part in each language, by its code; empty for one that is not known.
    lines
        What is to be said of them.
    dated
        Whether a report says when it was made; one of an archive is the same whenever that is.
    running
        Whether the study still takes answers.
    looked
        When somebody asked for results while it ran (UTC), in words.
    """

    ratings: Path
    config: StudyConfig
    rules: tuple[SessionRules | None, ...]
    languages: Mapping[str, int]
    lines: tuple[str, ...] = ()
    dated: bool = True
    running: bool = False
    looked: tuple[str, ...] = ()


def given_in(folder: Path, written: StudyConfig, out: Path, revision: int | None, peek: bool = False) -> Given:
    """Find what people gave to a study; what is in the database goes into a table in the folder `out`.

    A study that was restored of an archive has what the archive holds, until somebody takes part in it.

    Raises
    ------
    UsageError
        If it cannot be written, there is no such revision, or the study still runs and nobody asks to `peek`.
    """
    from app.verbs.results.export import Export

    ratings, restored = out / "ratings.csv", (folder / RECORD).is_file()
    if restored and load_settings().database_url is None and not (folder / "study.db").exists():
        return archived(folder, written)
    with Export(folder, written) as study:
        if restored and revision is None and study.revision(None) is None:
            return archived(folder, written)
        looks = _admitted(study.store, folder, peek)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another with -o") from error
        config, lines = study.for_analysis(ratings, revision)
        found = study.revision(revision)
        number = found.number if found else None
        rules, languages = study.store.results.rules_held(number), study.store.results.languages(number)
    raters = heard(ratings)[1]
    spoken = Counter(language for person, language in languages.items() if raters is None or person in raters)
    running, looked = looks.running, in_words(looks)
    return Given(ratings, config, tuple(rules), spoken, tuple(lines), running=running, looked=looked)


def _admitted(store: Store, folder: Path, peek: bool) -> Looks:
    """Say whether a study runs; then nobody sees its results who does not ask, and asking is logged."""
    from db.actions import PEEK

    if store.actions.looks().running:
        if not peek:
            raise UsageError(
                f"{folder}: the study is still running, and to look at results before it ends is a bias; close it "
                f"first (earmark state {word(folder)} close), or look all the same with --peek, which the report then "
                "says"
            )
        store.actions.add(on_command_line(), PEEK)
    return store.actions.looks()


def in_words(looks: Looks) -> tuple[str, ...]:
    """Write when results were asked for while a study ran."""
    return tuple(f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for at in looks.at)


def archived(folder: Path, config: StudyConfig) -> Given:
    """Find what an archive holds of a study's ratings, and what it says that they were given under.

    Raises
    ------
    UsageError
        If that is damaged.
    """
    rules, languages, looked = read_record(folder / RECORD)
    return Given(folder / RATINGS, config, rules, languages, dated=False, looked=looked)


def read_record(path: Path) -> tuple[tuple[SessionRules | None, ...], dict[str, int], tuple[str, ...]]:
    """Read from an archive's file, which anybody may have written, how its ratings came about.

    That are the rules of the sessions, the languages of the raters, and when results were asked for before the end.

    Raises
    ------
    UsageError
        If it is damaged.
    """
    from survey.config.session import LANGUAGES
    from survey.errors import reason

    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
        found, languages, looked = _reader().validate_python((told["rules"], told["languages"], told.get("looked", [])))
        if unknown := languages.keys() - {"", *LANGUAGES}:
            raise ValueError(f"the page has no language {min(unknown)!r}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path}: damaged ({reason(error)}); restore the archive into another folder") from error
    return tuple(found), languages, tuple(looked)


@cache
def _reader() -> TypeAdapter[tuple[list[SessionRules | None], dict[str, int], list[str]]]:
    """Return what checks rules and languages; made when it is first asked for."""
    from pydantic import TypeAdapter

    from survey.config.session import SessionRules

    return TypeAdapter(tuple[list[SessionRules | None], dict[str, int], list[str]])
