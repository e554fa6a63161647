"""Tidying: a table of any shape becomes one with a row a rating and the columns of ratings.csv."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from textwrap import shorten

from analysis.errors import MissingColumnError
from analysis.foreign import own, plain, wide
from analysis.foreign.clues import headers
from analysis.foreign.clues.taken import Taken, cells_of
from analysis.foreign.options import Options
from analysis.foreign.tools.registry import RECOGNISERS
from analysis.settings import BASELINE, reference_among
from analysis.table.table import Table
from analysis.words import listed

_ANCHOR = re.compile(r"(?:^|[\W_])(?:(?:low|mid|high)[\W_]*)?anchor[\W_]*\w*$|^anchor", re.IGNORECASE)
_ROLES = (*headers.OURS, "clip")


def tidied(table: Table, options: Options) -> Table:
    """Give a table with the columns of ratings.csv, and say in its notices what was taken for what.

    Raises
    ------
    RatingsError
        If a column that the options name is not there, if several columns could be one of ours, or if none is.

    Examples
    --------
    >>> table = Table("r.csv", "", ("rater", "text", "model", "mos"), (["r1"], ["a dog"], ["w8"], ["4"]), [2])
    >>> found = tidied(table, Options())
    >>> found.header, found.column("condition")
    (('participant', 'prompt', 'condition', 'score'), ['w8'])
    """
    given = _given(table, options)
    if not given and not options.wide and all(name in table.header for name in headers.REQUIRED):
        return own.settled(table)
    found = _taken(table, given, options)
    if found is None:
        raise _missing(table, given)
    if found.lack and (not found.rows or any(name not in found.columns for name in headers.REQUIRED)):
        raise MissingColumnError(f"{table.name}: {found.lack}")
    columns = dict(found.columns)
    if options.repeat in table.header and options.repeat not in columns:
        place = table.header.index(options.repeat)
        columns[options.repeat] = cells_of(table, place, found.rows)
    order = [name for name in headers.REQUIRED if name in columns]
    order += [name for name in columns if name not in order]
    whole = Table(
        table.name,
        table.sha256,
        tuple(order),
        tuple(columns[name] for name in order),
        [table.lines[row] if row >= 0 else 1 for row in found.rows],
        (*table.notices, *found.notices, *_suggested(columns.get("condition", []), options)),
    )
    return own.settled(whole)


def _given(table: Table, options: Options) -> dict[str, int]:
    """Find the columns that the options name."""
    found: dict[str, int] = {}
    for ours, theirs in options.columns.items():
        if ours not in _ROLES:
            raise MissingColumnError(
                f"{table.name}: --columns {shlex.quote(f'{ours}={theirs}')}: {ours!r} is none of the columns of "
                f"ratings; they are {listed(dict.fromkeys((*headers.REQUIRED, *_ROLES)))}"
            )
        alike = [place for place, name in enumerate(table.header) if headers.folded(name) == headers.folded(theirs)]
        exact = [place for place in alike if table.header[place] == theirs]
        if not alike or (len(alike) > 1 and len(exact) != 1):
            how = "names several columns" if alike else "is not there"
            raise MissingColumnError(
                f"{table.name}: --columns {shlex.quote(f'{ours}={theirs}')}: the column {theirs!r} {how}; "
                f"the file has {shorten(listed(table.header), 200)}"
            )
        found[ours] = (exact or alike)[0]
    return found


def _taken(table: Table, given: Mapping[str, int], options: Options) -> Taken | None:
    """Take the ratings in the way that the options say, or else in the first that fits."""
    if options.wide:
        return wide.taken(table, given, asked=True)
    if "score" not in given:
        for recognised in RECOGNISERS:
            if (found := recognised(table)) is not None:
                return _overridden(table, found, given)
    found = plain.taken(table, given)
    if found is None and options.wide is None and "score" not in given:
        found = wide.taken(table, given)
    return found


def _overridden(table: Table, found: Taken, given: Mapping[str, int]) -> Taken:
    """Put the columns that somebody named in the place of those that a recogniser took."""
    named = {ours: cells_of(table, place, found.rows) for ours, place in given.items()}
    said = [f"As asked, {table.header[place]} was taken for {ours}." for ours, place in given.items()]
    return replace(found, columns=found.columns | named).saying(*said)


def _suggested(conditions: Sequence[str], options: Options) -> list[str]:
    """Name the conditions that look like anchors or a reference, and the option for each."""
    names = list(dict.fromkeys(map(str.strip, conditions)))
    anchors = [name for name in names if _ANCHOR.search(name) and name not in options.anchors]
    said = []
    if anchors:
        how = " ".join(f"--anchor {shlex.quote(name)}" for name in anchors)
        said.append(
            f"{listed(map(repr, anchors))} {'look' if len(anchors) > 1 else 'looks'} like "
            f"{'anchors' if len(anchors) > 1 else 'an anchor'}: {how} reports and does not compare "
            f"{'them' if len(anchors) > 1 else 'it'}."
        )
    reference = reference_among(names)
    if reference and options.baseline is None and BASELINE not in names:
        said.append(f"{reference!r} was taken for the reference; --baseline names another.")
    return said


def _missing(table: Table, given: Mapping[str, int]) -> MissingColumnError:
    """Say which columns no name tells, and how to name them."""
    if not any(table.header):
        return MissingColumnError(f"{table.name}: is empty; give a table with a row a rating, below a row of names")
    found = plain.by_names(table, given, [role for role in plain.ROLES if role != "score"])
    missing = [role for role in headers.REQUIRED if role not in found]
    if "score" in missing and headers.candidates(table.header, "score"):
        missing.remove("score")
    has = shorten(", ".join(table.header), 120) or "nothing"
    first = missing[0] if missing else "condition"
    return MissingColumnError(
        f"{table.name}: no column {', '.join(missing or ['condition'])}; the first line must name "
        f"{', '.join(headers.REQUIRED)}, and has {has}; say which column is one with --columns {first}=NAME, "
        "or with --wide that the scores stand side by side"
    )
