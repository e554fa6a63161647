"""The pages: which table stands where, between ``<!-- begin:NAME -->`` and ``<!-- end:NAME -->``."""

import re
from collections.abc import Callable
from functools import partial

from docs.tables import command_line, figure, house, keys, metrics, models, speed, study
from survey.dictionary import DictionaryRow
from survey.records import EventRow, RatingRow, SessionRow

MAKERS: dict[str, Callable[[], str]] = {
    "verbs": command_line.verb_list,
    **{f"verb-{name}": partial(command_line.verb, name) for name in command_line.verbs()},
    "benchmarks": command_line.benchmarks,
    "files": study.files,
    "environment": study.environment,
    "ratings-columns": partial(study.columns, RatingRow),
    "sessions-columns": partial(study.columns, SessionRow),
    "events-columns": partial(study.columns, EventRow),
    "status-keys": study.standing,
    "dictionary-columns": partial(study.columns, DictionaryRow),
    "variants": study.variants,
    "models-tried": models.tried,
    "models-options": models.options,
    "metrics": metrics.metrics,
    "house": house.table,
    **{f"keys-{name}": partial(keys.keys, name) for name in keys.SECTIONS},
}
if RUN := speed.measured():
    # Before the first run on a quiet machine the page keeps what it says.
    MAKERS |= {f"quant-{make.__name__}": partial(make, RUN) for make in (speed.speed, speed.peers, speed.held)}
if CHOSEN := speed.chosen():
    MAKERS |= {f"ranges-{make.__name__}": partial(make, CHOSEN) for make in (speed.prompts, speed.full_size)}
FIGURE, SCHEMA = "docs/pictures/architecture.svg", "examples/study.schema.json"
PLACE = re.compile(r"<!-- begin:(\S+) -->\n.*?<!-- end:\1 -->", re.S)


def made() -> dict[str, str]:
    """Make every page with a table of ours, the figure and the schema: text by the file's place in the repository."""
    found = {FIGURE: figure.svg(), SCHEMA: keys.schema()}
    for path in sorted((house.ROOT / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if MAKERS.keys() & set(PLACE.findall(text)):
            found[f"docs/{path.name}"] = filled(text)
    return found


def filled(text: str) -> str:
    """Put each table of ours anew into a page."""
    return PLACE.sub(_filled, text)


def _filled(place: re.Match[str]) -> str:
    """Make a table, with its two markers; what another tool makes stays."""
    name = place[1]
    return f"<!-- begin:{name} -->\n\n{MAKERS[name]()}\n\n<!-- end:{name} -->" if name in MAKERS else place[0]


def named() -> list[str]:
    """Return the names of the tables that stand in the pages."""
    pages = [path.read_text(encoding="utf-8") for path in sorted((house.ROOT / "docs").glob("*.md"))]
    return [name for text in pages for name in PLACE.findall(text)]
