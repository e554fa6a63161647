"""Potato: annotations of Potato, a record an item and annotator.

Source: `potato/export/tabular_exporter.py` and docs of davidjurgens/potato 2.8 (2026): JSONL with `instance_id`,
`user_id` and `labels: {schema: {label: value}}`, CSV and TSV with a column `schema.label` or `schema`; the
`annotated_instances` of version 1 with `id`, `label_annotations` or columns `schema:::label`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from analysis.foreign.clues import headers, values
from analysis.foreign.clues.pick import pick
from analysis.foreign.clues.taken import Taken, by_clip, gathered
from analysis.table.table import Table

_ITEMS = ("instance_id", "id", "item_id")
_NESTED = re.compile(r"(?:labels|label_annotations|annotations)\.([^.]+)(?:\.(.+))?")
_COLONS = re.compile(r"(.+?):::(.+)")
_FLAT = re.compile(r"([^.]+)\.(.+)")
_LEVEL = re.compile(r"(?:scale|likert|label|level|option)?[\s_-]*([+-]?\d+(?:\.\d+)?)", re.IGNORECASE)
_PEOPLE = ("user_id", "annotator", "user", "annotator_id", "username")
_NAMES = (*headers.REQUIRED, "scale")


def recognised(table: Table) -> Taken | None:
    """Take the ratings of Likert scales, sliders and numbers; several schemas are several scales.

    Condition and prompt are columns called so, or come from the name of the item.

    Examples
    --------
    >>> head = ("instance_id", "user_id", "labels.quality.scale_4", "labels.quality.scale_2")
    >>> cells = (["ref/a", "w8/a", "ref/b", "w8/b"], ["u"] * 4, ["4", "", "4", ""], ["", "2", "", "2"])
    >>> found = recognised(Table("a.jsonl", "", head, cells, [1, 2, 3, 4]))
    >>> found.columns["condition"], found.columns["score"]
    (['ref', 'w8', 'ref', 'w8'], ['4', '2', '4', '2'])
    """
    item = next((table.header.index(name) for name in _ITEMS if name in table.header), None)
    labels = _labels(table)
    if item is None or not labels:
        return None
    person = next((table.header.index(name) for name in _PEOPLE if name in table.header), None)
    found: dict[str, int] = {}
    for role in ("condition", "prompt"):
        used = {item, *(place for place, _, _ in labels), *found.values(), *([] if person is None else [person])}
        place = pick(table, role, used)
        if place is not None and headers.tier(role, table.header[place]) in (0, 1):
            found[role] = place
    items = table.columns[item]

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        for row in range(len(table.lines)):
            own = {role: table.columns[place][row] for role, place in found.items()}
            if person is not None:
                own["participant"] = table.columns[person][row]
            for place, schema, label in labels:
                cell = table.columns[place][row].strip()
                score, scale = _score(cell, schema, label)
                if score:
                    yield row, own | {"score": score, "scale": scale}

    made = gathered(entries(), _NAMES)
    if len(set(made.columns.get("scale", []))) < 2:
        made.columns.pop("scale", None)
    made = by_clip(made, [items[row] for row in made.rows])
    if person is None:
        made = replace(made, lack="nothing says whose annotations these are; add user_id, as Potato's export writes it")
    schemas = ", ".join(dict.fromkeys(schema for _, schema, _ in labels))
    who = f"{table.header[person]} was taken for participant, " if person is not None else ""
    return made.saying(f"Read as annotations of Potato: {who}{table.header[item]} for the clip, {schemas} for score.")


def _labels(table: Table) -> list[tuple[int, str, str]]:
    """Find the columns of labels: the schema of each, and the label."""
    nested = [(place, found) for place, name in enumerate(table.header) if (found := _NESTED.fullmatch(name))]
    colons = [(place, found) for place, name in enumerate(table.header) if (found := _COLONS.fullmatch(name))]
    for matches in (nested, colons):
        if matches:
            return [(place, found[1], found[2] or "") for place, found in matches]
    if not {"instance_id", "user_id"} <= set(table.header):
        return []
    flat = []
    for place, name in enumerate(table.header):
        dotted = _FLAT.fullmatch(name)
        if dotted and not dotted[2].startswith("_"):
            flat.append((place, dotted[1], dotted[2]))
        elif name not in (*_ITEMS, *_PEOPLE) and not headers.is_other(name) and values.are_scores(table.columns[place]):
            flat.append((place, name, ""))
    return flat


def _score(cell: str, schema: str, label: str) -> tuple[str, str]:
    """Read a cell of a label: its score and its scale; an empty score where it is no rating."""
    level = _LEVEL.fullmatch(label)
    if values.is_missing(cell) or cell.casefold() in ("false", "[]", "{}"):
        return "", schema
    if cell.casefold() == "true":
        return (level[1] if level else label if values.is_score(label) else ""), schema
    if values.is_score(cell):
        return cell, schema if not label or level or values.is_score(label) else f"{schema}.{label}"
    return "", schema
