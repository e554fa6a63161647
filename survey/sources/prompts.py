"""Prompts: a table with the column `prompt`, and `prompt_de` and so on for translations."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from survey.errors import reason
from survey.faults import Fault
from survey.sources.text import read_table_file
from survey.values import read_text

PLACE = ("prompts_file",)  # in study.yaml
COLUMN = re.compile(r"prompt_([a-z]{2,3}(?:-[a-z]+)?)")


@dataclass(frozen=True)
class Prompts:
    """The prompts of a file in their order, and by language what they are called there, by the paths p1, p2, ..."""

    texts: tuple[str, ...] = ()
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_prompts(file: Path, languages: Sequence[str], longest: int) -> tuple[Prompts, list[Fault]]:
    r"""Read a file of prompts, and say all that is wrong with it.

    Parameters
    ----------
    languages
        Those that there may be columns of.
    longest
        Characters of a prompt.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "prompts.csv")
    ...     _ = file.write_text("prompt,prompt_de\nrain,Regen\n", encoding="utf-8")
    ...     read_prompts(file, ["de"], 1000)
    (Prompts(texts=('rain',), translations={'de': {'p1': 'Regen'}}), [])
    """
    try:
        table = read_table_file(file)
    except OSError as error:
        return Prompts(), [Fault(f"prompts_file: {file} cannot be read ({reason(error)}); check its name", PLACE)]
    columns = {named[1]: named[0] for named in map(COLUMN.fullmatch, table.header) if named}
    faults = [*table.faults, *_unknown(columns, languages)]
    if table.header and "prompt" not in table.header:
        faults.append(Fault("its first line names no column prompt; add one", line=1))
    elif table.header and not table.rows:
        faults.append(Fault("has no prompts below its header; add at least one"))
    texts = []
    for line, cells in table.rows:
        try:
            texts.append(read_text(cells.get("prompt", ""), longest))
        except ValueError as error:
            faults += [Fault(f"prompt {error}", line=line)] if "prompt" in cells else []
    translations = {
        language: {f"p{number}": cells[name] for number, (_, cells) in enumerate(table.rows, 1) if cells[name]}
        for language, name in columns.items()
    }
    found = Prompts(tuple(texts), {language: said for language, said in translations.items() if said})
    return found, [replace(fault, place=PLACE, file=str(file)) for fault in faults]


def _unknown(columns: Mapping[str, str], languages: Sequence[str]) -> list[Fault]:
    """Refuse languages that the page does not have."""
    known = ", ".join(languages)
    return [
        Fault(f"the page has no language {language}, of which there is a column {name}; known: {known}", line=1)
        for language, name in columns.items()
        if language not in languages
    ]
