"""Own: a table with the columns of ratings.csv, where those called as ours that hold something else are put right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from textwrap import shorten

from analysis.foreign.clues import headers, paths
from analysis.table.table import Table
from analysis.words import listed

KINDS = frozenset(["trial", "practice", "attention", "repeat", "instructed", "uncounted", "gold", "anchor"])
QUESTIONS = frozenset(["acr", "ab", "ccr", "abx", "mushra", "text", "numeric", "slider", "dcr"])
_KIND_WORDS = {
    **dict.fromkeys(("test", "main", "rating", "experiment", "real"), "trial"),
    **dict.fromkeys(("training", "practise", "warmup", "demo", "example"), "practice"),
    **dict.fromkeys(("goldstandard", "goldclip", "control"), "gold"),
    **dict.fromkeys(("catch", "trap", "trapping", "attentioncheck", "catchtrial"), "attention"),
}
_QUESTION_WORDS = {"mos": "acr", "cmos": "ccr", "dmos": "dcr", "preference": "ab"}
_EXPORTED = frozenset(("session", "stimulus", "clip_sha256", "revision", "prompt_id"))
_PAIRED = frozenset(("reference", "first", "x"))


def settled(table: Table) -> Table:
    """Give a table in which `kind`, `question` and `study` are those of ratings.csv, or are not there, and say so.

    Names of conditions and prompts that are file paths are shortened to what tells them apart.

    Examples
    --------
    >>> table = Table("r.csv", "", ("score", "kind"), (["4", "5"], ["animal", "weather"]), [2, 3])
    >>> settled(table).header, settled(table).notices
    (('score',), ("The column kind ('animal' and 'weather') holds no kind of trial, and was not used.",))
    """
    steps: dict[str, Callable[[Table], Table]] = {
        "kind": _kind,
        "question": _question,
        "study": _study,
        "condition": lambda found: _short(found, "condition"),
        "prompt": lambda found: _short(found, "prompt"),
    }
    table = _scale(table)
    for name, step in steps.items():
        if table.header.count(name) == 1:
            table = step(table)
    return table


def _kind(table: Table) -> Table:
    held = set(table.column("kind"))
    if held <= KINDS or not any(map(str.strip, held)):
        return table
    ours = any(headers.folded(cell) == "trial" for cell in held)  # then other words are kinds of somebody's own
    known = {cell: _word(cell, KINDS, {} if ours else _KIND_WORDS) for cell in held}
    if not any(headers.folded(cell) in KINDS for cell in held) and "" in known.values():
        return _dropped(table, "kind", "holds no kind of trial")
    renamed = {cell: word for cell, word in known.items() if word and word != cell.strip()}
    said = "; ".join(f"{cell} was taken for {word}" for cell, word in renamed.items())
    return _mapped(table, "kind", renamed, f"Column kind: {said}." if renamed else "")


def _scale(table: Table) -> Table:
    """Take a column called as scales are for the one of scales, where it tells ratings of one clip apart."""
    if "scale" in table.header:
        return table
    found = [
        name
        for name in table.header
        if headers.tier("scale", name) is not None and table.header.count(name) == 1 and _tells_apart(table, name)
    ]
    if len(found) != 1:
        return table
    count = len(set(table.column(found[0])))
    header = tuple("scale" if name == found[0] else name for name in table.header)
    said = f"The column {found[0]} was taken for scale: it holds {count} scales about the same clips."
    return replace(table, header=header, notices=(*table.notices, said))


def _question(table: Table) -> Table:
    held = set(table.column("question")) - {""}
    known = {cell: _word(cell, QUESTIONS, _QUESTION_WORDS) for cell in held}
    if not held or held <= QUESTIONS:
        return table
    if any(known.values()) or _PAIRED & set(table.header):
        return _mapped(table, "question", {cell: word for cell, word in known.items() if word}, "")
    if len(held) > 1 and "scale" not in table.header and _tells_apart(table, "question"):
        said = f"The column question holds {len(held)} questions about the same clips: each is a scale of its own."
        header = tuple("scale" if name == "question" else name for name in table.header)
        return replace(table, header=header, notices=(*table.notices, said))
    return _dropped(table, "question", "holds no type of question")


def _study(table: Table) -> Table:
    """Several studies stay, to be refused, unless the file is not of Earmark and each person was in one of them."""
    held = set(table.column("study"))
    if len(held) < 2 or _EXPORTED & set(table.header) or "participant" not in table.header:
        return table
    people = table.column("participant")
    if len(set(zip(people, table.column("study"), strict=True))) > len(set(people)):
        return table
    return _dropped(table, "study", "tells groups of participants apart")


def _short(table: Table, name: str) -> Table:
    column = table.column(name)
    held = dict.fromkeys(column)
    short = paths.shortened(list(dict.fromkeys(map(str.strip, held))))
    if not short:
        return table
    first, path = next((new, old) for old, new in short.items())
    said = f"Column {name}: file paths were shortened to what tells them apart, such as {first!r} for {path!r}."
    return _mapped(table, name, {cell: short[cell.strip()] for cell in held}, said)


def _word(cell: str, own: frozenset[str], others: Mapping[str, str]) -> str:
    """Give the word of ours that a cell means; empty where it means none."""
    plain = headers.folded(cell)
    return plain if plain in own else others.get(plain, "")


def _tells_apart(table: Table, name: str) -> bool:
    """Say whether rows that are one cell of the design differ in this column."""
    names = [one for one in (*headers.REQUIRED[:3], "seed") if one in table.header]
    cells = list(zip(*(table.column(one) for one in names), strict=True))
    alone = len(set(cells))
    return alone < len(set(zip(cells, table.column(name), strict=True)))


def _mapped(table: Table, name: str, words: Mapping[str, str], said: str) -> Table:
    """Write other words into a column."""
    place = table.header.index(name)
    column = [words.get(cell, cell) for cell in table.columns[place]]
    columns = (*table.columns[:place], column, *table.columns[place + 1 :])
    return replace(table, columns=columns, notices=(*table.notices, *filter(None, [said])))


def _dropped(table: Table, name: str, why: str) -> Table:
    """Leave a column out."""
    place = table.header.index(name)
    held = dict.fromkeys(map(str.strip, table.columns[place]))
    some = listed([*(repr(shorten(cell, 40)) for cell in list(held)[:2]), *(["others"] if len(held) > 2 else [])])
    return replace(
        table,
        header=(*table.header[:place], *table.header[place + 1 :]),
        columns=(*table.columns[:place], *table.columns[place + 1 :]),
        notices=(*table.notices, f"The column {name} ({some}) {why}, and was not used."),
    )
