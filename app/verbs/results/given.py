"""What people gave, as an analysis takes it: from a study's database, or from an archive that was restored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import UsageError
from app.settings import load_settings
from app.verbs.results.facts import heard

if TYPE_CHECKING:
    from pydantic import TypeAdapter

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
    """

    ratings: Path
    config: StudyConfig
    rules: tuple[SessionRules | None, ...]
    languages: Mapping[str, int]
    lines: tuple[str, ...] = ()
    dated: bool = True


def given_in(folder: Path, written: StudyConfig, out: Path, revision: int | None) -> Given:
    """Find what people gave to a study; what is in the database goes into a table in the folder `out`.

    A study that was restored of an archive has what the archive holds, until somebody takes part in it.

    Raises
    ------
    UsageError
        If it cannot be written, or there is no such revision.
    """
    from app.verbs.results.export import Export

    ratings, restored = out / "ratings.csv", (folder / RECORD).is_file()
    if restored and load_settings().database_url is None and not (folder / "study.db").exists():
        return archived(folder, written)
    with Export(folder, written) as study:
        if restored and revision is None and study.revision(None) is None:
            return archived(folder, written)
        config, lines = study.for_analysis(ratings, revision)
        found = study.revision(revision)
        number = found.number if found else None
        rules, languages = study.store.results.rules_held(number), study.store.results.languages(number)
    raters = heard(ratings)[1]
    spoken = Counter(language for person, language in languages.items() if raters is None or person in raters)
    return Given(ratings, config, tuple(rules), spoken, tuple(lines))


def archived(folder: Path, config: StudyConfig) -> Given:
    """Find what an archive holds of a study's ratings, and what it says that they were given under.

    Raises
    ------
    UsageError
        If that is damaged.
    """
    rules, languages = read_record(folder / RECORD)
    return Given(folder / RATINGS, config, rules, languages, dated=False)


def read_record(path: Path) -> tuple[tuple[SessionRules | None, ...], dict[str, int]]:
    """Read the rules of sessions and the languages of raters from an archive's file, which anybody may have written.

    Raises
    ------
    UsageError
        If it is damaged.
    """
    from survey.config.session import LANGUAGES
    from survey.errors import reason

    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
        found, languages = _reader().validate_python((told["rules"], told["languages"]))
        if unknown := languages.keys() - {"", *LANGUAGES}:
            raise ValueError(f"the page has no language {min(unknown)!r}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path}: damaged ({reason(error)}); restore the archive into another folder") from error
    return tuple(found), languages


@cache
def _reader() -> TypeAdapter[tuple[list[SessionRules | None], dict[str, int]]]:
    """Return what checks rules and languages; made when it is first asked for."""
    from pydantic import TypeAdapter

    from survey.config.session import SessionRules

    return TypeAdapter(tuple[list[SessionRules | None], dict[str, int]])
