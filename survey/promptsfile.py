"""A file of prompts: a table with the column `prompt`, and `prompt_de` and so on for what stands there in a language."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from survey.config.session import LANGUAGES
from survey.config.study import MAX_PROMPT
from survey.errors import reason
from survey.faults import Fault, Several
from survey.sources.text import table_rows
from survey.values import read_text

PLACE = ("prompts_file",)  # in study.yaml
COLUMN = re.compile(r"prompt_([a-z]{2,3}(?:-[a-z]+)?)")


@dataclass(frozen=True)
class Prompts:
    """The prompts of a file in their order, and by language what they are called there, by the paths p1, p2, ..."""

    texts: tuple[str, ...] = ()
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_prompts(file: Path) -> tuple[Prompts, list[Fault]]:
    """Read a file of prompts, and say all that is wrong with it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "prompts.csv")
    ...     _ = file.write_text("prompt,prompt_de\\nrain,Regen\\n", encoding="utf-8")
    ...     read_prompts(file)
    (Prompts(texts=('rain',), translations={'de': {'p1': 'Regen'}}), [])
    """
    try:
        header, rows = table_rows(file)
    except OSError as error:
        return Prompts(), [Fault(f"prompts_file: {file} cannot be read ({reason(error)}); check its name", PLACE)]
    except Several as error:
        return Prompts(), [_fault(file, line, said) for (line,), said in error.found]
    columns = {named[1]: named[0] for named in map(COLUMN.fullmatch, header) if named}
    faults = [
        _fault(
            file,
            1,
            f"the page has no language {language}, of which there is a column {name}; known: {', '.join(LANGUAGES)}",
        )
        for language, name in columns.items()
        if language not in LANGUAGES
    ]
    if "prompt" not in header:
        return Prompts(), [*faults, _fault(file, 1, "names no column prompt; its first line must name one")]
    if not rows:
        return Prompts(), [*faults, _fault(file, 0, "has no prompts below its header; add at least one")]
    texts = []
    for line, cells in rows:
        try:
            texts.append(read_text(cells["prompt"], MAX_PROMPT))
        except ValueError as error:
            faults.append(_fault(file, line, f"prompt {error}"))
    translations = {
        language: {f"p{number}": cells[name] for number, (_, cells) in enumerate(rows, 1) if cells[name]}
        for language, name in columns.items()
    }
    return Prompts(tuple(texts), {language: said for language, said in translations.items() if said}), faults


def _fault(file: Path, line: str | int, said: str) -> Fault:
    return Fault(said, PLACE, int(line), file=str(file))
