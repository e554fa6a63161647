"""Checks: what is wrong with the names of clips before any of them is opened."""

from collections.abc import Iterator, Sequence

from survey.faults import Fault
from survey.sources.rows import GOLD, LONGEST_NAME, PRACTICE, REFERENCE, Row

LONGEST_PROMPT = 1000


def faults_of(rows: Sequence[Row]) -> list[Fault]:
    """Return what is wrong with rows beside each other, each with the remedy."""
    tested = [row for row in rows if row.kind not in (GOLD, PRACTICE)]
    return [
        *_files(rows),
        *_cells(tested),
        *_texts(rows),
        *_alike("conditions", [(row.condition, row.line) for row in rows]),
        *_alike("prompts", [(row.prompt_id, row.line) for row in rows]),
        *_lonely(tested),
    ]


def _files(rows: Sequence[Row]) -> Iterator[Fault]:
    for row in rows:
        try:
            with row.path.open("rb") as file:
                empty = not file.read(1)
        except OSError as error:
            yield Fault(f"{row.shown} cannot be read ({error.strerror}); check its permissions", line=row.line)
            continue
        if empty:
            yield Fault(f"{row.shown} is empty; copy it again", line=row.line)


def _cells(rows: Sequence[Row]) -> Iterator[Fault]:
    """Refuse two files for one prompt, condition and take."""
    first: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        known = first.setdefault((row.condition, row.prompt_id, row.seed), row)
        if known is row:
            continue
        if known.path == row.path:
            yield Fault(f"{row.shown} is listed twice for {row.condition}; remove one", line=row.line)
        else:
            said = (
                f"{known.shown} and {row.shown} are two files for one cell ({row.condition}, {row.prompt_id}); keep "
                "one, or tell them apart as takes: a folder condition/prompt/, or a column seed"
            )
            yield Fault(said, line=row.line)


def _texts(rows: Sequence[Row]) -> Iterator[Fault]:
    """Refuse names and texts that cannot be used, and one prompt of two texts."""
    texts: dict[str, str] = {}
    for name, line in _firsts([(row.condition, row.line) for row in rows]).items():
        if not name.isprintable() or not name or len(name) > LONGEST_NAME:
            said = f"the condition {name[:40]!r} must be a name of up to {LONGEST_NAME} characters; rename it"
            yield Fault(said, line=line)
    for row in rows:
        if texts.setdefault(row.prompt_id, row.prompt) != row.prompt:
            said = f"{row.shown}: its prompt {row.prompt_id} has another text elsewhere; make them the same"
            yield Fault(said, line=row.line)
        if len(row.prompt) > LONGEST_PROMPT or any("\ud800" <= letter <= "\udfff" for letter in row.prompt):
            said = f"{row.shown}: its prompt must be a text of up to {LONGEST_PROMPT:,} characters; shorten it"
            yield Fault(said, line=row.line)


def _alike(what: str, names: Sequence[tuple[str, int]]) -> Iterator[Fault]:
    """Refuse names that differ in capitals only: another system would take them for one. Each has its line."""
    first: dict[str, str] = {}
    for name, line in _firsts(names).items():
        known = first.setdefault(name.casefold(), name)
        if known != name:
            said = f"the {what} {known!r} and {name!r} differ in capitals only; name them alike, or apart"
            yield Fault(said, line=line)


def _firsts(names: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Return each name with the line in which it stands first."""
    found: dict[str, int] = {}
    for name, line in names:
        found.setdefault(name, line)
    return found


def _lonely(rows: Sequence[Row]) -> Iterator[Fault]:
    """Refuse a reference that no clip is compared with."""
    if {row.condition for row in rows} == {REFERENCE}:
        return
    compared = {row.prompt_id for row in rows if row.condition != REFERENCE}
    for row in rows:
        if row.condition == REFERENCE and row.prompt_id not in compared:
            said = f"{row.shown} is a reference without any clip of its prompt; add them, or remove it"
            yield Fault(said, line=row.line)
