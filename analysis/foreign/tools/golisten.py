"""GoListen: the responses of a test in GoListen (QxLab), a row a participant.

Source: `handlers/download_csv/` of QxLabIreland/listening-test at dd3a8cc (2026): a line of tags, a header of `Name`,
`Date` and a column a page, such as "Example 1 rating"; of MUSHRA a column a clip, with the names of the files in
a line below, and of ACR one cell a page with the scores of its clips, "4,3".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.foreign.clues import headers, paths, values
from analysis.foreign.clues.taken import Taken, gathered
from analysis.table.table import Table

ALL = "all"
_NAMES = (*headers.REQUIRED, "question", "rated_at")


def recognised(table: Table) -> Taken | None:
    """Take the ratings of a MUSHRA or ACR test.

    A page's title is the prompt; the clips of a MUSHRA page are conditions by the names of their files, those of
    an ACR page by their numbers, or the page's title is parted where each has one clip.

    Examples
    --------
    >>> head = ("Tags", "", "", "")
    >>> clips = (["Page 1 rating", "ref.wav", "90"], ["", "w8.wav", "40"])
    >>> cells = (["Name", "", "Ann"], ["Date", "", "2026-01-01"], *clips)
    >>> found = recognised(Table("m.csv", "", head, cells, [2, 3, 4]))
    >>> found.columns["prompt"], found.columns["condition"], found.columns["score"]
    (['Page 1', 'Page 1'], ['ref', 'w8'], ['90', '40'])
    """
    if table.header[:2] == ("", "") and len(table.header) > 2 and all(map(paths.is_audio, table.header[2:])):
        return _without_titles(table)
    lines = [list(table.header), *([column[row] for column in table.columns] for row in range(len(table.lines)))]
    start = 1 if table.header[:1] == ("Tags",) else 0
    if len(lines) < start + 2 or [cell.strip() for cell in lines[start][:2]] != ["Name", "Date"]:
        return None
    titles = _filled(lines[start])
    files = lines[start + 1] if not any(cell.strip() for cell in lines[start + 1][:2]) else []
    first = start + (2 if files else 1)
    pages = [place for place, title in enumerate(titles) if place > 1 and title.endswith(" rating")]
    if not pages:
        return None

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        for number, line in enumerate(lines[first:], first):
            own = {"participant": line[0], "rated_at": line[1]}
            for place in pages:
                title = titles[place].removesuffix(" rating")
                if files:
                    if files[place].strip() and not values.is_missing(line[place]):
                        what = {"prompt": title, "condition": _stem(files[place]), "score": line[place]}
                        yield number - 1, own | what | {"question": "mushra"}
                    continue
                for clip, score in enumerate(line[place].split(","), 1):
                    if not values.is_missing(score):
                        yield number - 1, own | {"prompt": title, "condition": f"clip {clip}", "score": score}

    found = gathered(entries(), _NAMES)
    if not files and len(set(found.columns["condition"])) == 1:
        _part_titles(found)
    return found.saying(
        f"Read as results of GoListen ({'MUSHRA' if files else 'ACR'}): Name was taken for participant, the titles of "
        f"the pages for prompt{', the names of the files for condition' if files else ''}."
    )


def _without_titles(table: Table) -> Taken:
    """Take a MUSHRA table whose first line is that of the files: a page ends where a name comes again."""
    names = [_stem(name) for name in table.header[2:]]
    parts = paths.parted(names) if len(set(names)) == len(names) else {}
    clips: list[tuple[int, paths.Pair]] = []
    page, held = 1, set[str]()
    for place, name in enumerate(names, 2):
        if name in held:
            page, held = page + 1, set[str]()
        held.add(name)
        clips.append((place, parts.get(name, (name, f"page {page}"))))

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        for row, who in enumerate(table.columns[0]):
            for place, (condition, prompt) in clips:
                score = table.columns[place][row]
                if who.strip() and not values.is_missing(score):
                    what = {"prompt": prompt, "condition": condition, "score": score, "question": "mushra"}
                    yield row, {"participant": who, "rated_at": table.columns[1][row]} | what

    return gathered(entries(), _NAMES).saying(
        "Read as results of GoListen (MUSHRA): the first column was taken for participant, the names of the files for "
        "condition; a page is a prompt."
    )


def _filled(titles: Sequence[str]) -> list[str]:
    """Give each clip of a page its title, which stands above the first."""
    found: list[str] = []
    for title in titles:
        found.append(title.strip() or (found[-1] if found and found[-1].endswith(" rating") else ""))
    return found


def _stem(name: str) -> str:
    """Give the name of a file without its ending."""
    return name.strip().rpartition(".")[0] or name.strip()


def _part_titles(found: Taken) -> None:
    """Take conditions from the titles of pages with one clip each."""
    titles = found.columns["prompt"]
    parts = paths.parted(titles)
    found.columns["condition"] = [parts[title][0] if parts else title for title in titles]
    found.columns["prompt"] = [parts[title][1] if parts else ALL for title in titles]
