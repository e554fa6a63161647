"""WebMUSHRA: the result files of webMUSHRA and of its server pymushra, of each kind of page.

Sources: `service/write.php` of webMUSHRA 1.4 (mushra.csv, paired_comparison.csv, bs1116.csv, lss.csv, lms.csv) and
`casting.py` and `service.py` of pymushra 0.5 (its CSV and JSON downloads, whose columns begin with `wm_`,
`questionaire_` and `responses_`, and its database of trials).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from analysis.foreign.clues import headers
from analysis.foreign.clues.taken import Taken, gathered, is_practice, kinds, told
from analysis.table.table import Table

_PAGES: dict[str, tuple[str, ...]] = {
    "mushra": ("rating_stimulus", "rating_score"),
    "paired_comparison": ("choice_reference", "choice_non_reference", "choice_answer"),
    "bs1116": (
        *("rating_reference", "rating_non_reference"),
        *("rating_reference_score", "rating_non_reference_score"),
    ),
    "likert": ("stimuli", "stimuli_rating"),
}
_RESPONSES: dict[str, tuple[str, ...]] = {
    "mushra": ("responses_stimulus", "responses_score"),
    "paired_comparison": ("responses_reference", "responses_nonReference", "responses_answer"),
    "bs1116": (
        *("responses_reference", "responses_nonReference"),
        *("responses_referenceScore", "responses_nonReferenceScore"),
    ),
    "likert": ("responses_stimulus", "responses_stimulusRating"),
}
_RIGHT = {"correct": "1", "incorrect": "0"}
_NAMES = (*headers.REQUIRED, "kind", "question", "reference", "x", "session", "low", "high", "comment", "rated_at")


def recognised(table: Table) -> Taken | None:
    """Take the ratings of a result file of webMUSHRA or pymushra; pages of training are practice.

    MUSHRA pages give scores from 0 to 100, paired comparisons whether the open reference was recognised (as ABX, whose
    X is the reference), BS.1116 pages two grades from 1 to 5, and Likert pages what stands on their buttons.

    Examples
    --------
    >>> head = ("session_test_id", "email", "trial_id", "rating_stimulus", "rating_score", "rating_time")
    >>> table = Table("m.csv", "", head, (["t"], ["u1"], ["rain"], ["w8"], ["71"], ["900"]), [2])
    >>> found = recognised(table)
    >>> found.columns["participant"], found.columns["prompt"], found.columns["condition"], found.columns["score"]
    (['u1'], ['rain'], ['w8'], ['71'])
    """
    if {"session_test_id", "trial_id"} <= set(table.header):
        asked = table.header[table.header.index("session_test_id") + 1 : table.header.index("trial_id")]
        for page, needed in _PAGES.items():
            if set(needed) <= set(table.header):
                person = _person(table, [name for name in asked if name != "session_uuid"], "session_uuid")
                session = "session_uuid" if "session_uuid" in table.header else ""
                comment = "rating_comment" if page == "mushra" else "choice_comment"
                own = {"participant": person, "prompt": "trial_id", "session": session, "comment": comment}
                return _pages(table, "webMUSHRA", own, [(page, needed, range(len(table.lines)))])
    if {"wm_type", "wm_id"} <= set(table.header):
        asked = tuple(name for name in table.header if name.startswith("questionaire_"))
        person = _person(table, [name for name in asked if name != "questionaire_uuid"], "questionaire_uuid")
        own = {"participant": person, "prompt": "wm_id", "session": "questionaire_uuid"}
        own |= {"comment": "responses_comment", "rated_at": "wm_date"}
        types = [
            kind.removesuffix("_single_stimulus").removesuffix("_multi_stimulus") for kind in table.column("wm_type")
        ]
        pages = [
            (page, needed, [row for row, kind in enumerate(types) if kind == page])
            for page, needed in _RESPONSES.items()
            if set(needed) <= set(table.header)
        ]
        if any(rows for _, _, rows in pages):
            return _pages(table, "pymushra", own, [page for page in pages if page[2]])
    if (spread := _database(table)) is not None:
        whole, rows = spread
        found = recognised(whole)
        return found and replace(found, rows=[rows[row] for row in found.rows])
    return None


def _database(table: Table) -> tuple[Table, list[int]] | None:
    """Spread the trials of pymushra's own database, a row a trial with its responses as JSON, as its downloads do."""
    name = next((name for name in table.header if name.rpartition(".")[2] == "responses"), "")
    before = name.removesuffix("responses")
    if not name or not {f"{before}type", f"{before}id"} <= set(table.header):
        return None
    own = {
        f"wm_{bare}" if "." not in bare else bare.replace(".", "_"): cells
        for full, cells in zip(table.header, table.columns, strict=True)
        if full.startswith(before) and (bare := full.removeprefix(before)) != "responses"
    }
    rows: list[int] = []
    entries: list[dict[str, str]] = []
    for row, text in enumerate(table.column(name)):
        for response in _responses_of(text):
            rows.append(row)
            shared = {key: cells[row] for key, cells in own.items()}
            entries.append(shared | {f"responses_{key}": str(value) for key, value in response.items()})
    header = tuple(dict.fromkeys(key for entry in entries for key in entry))
    columns = tuple([entry.get(key, "") for entry in entries] for key in header)
    return Table(table.name, table.sha256, header, columns, [table.lines[row] for row in rows]), rows


def _responses_of(text: str) -> list[dict[str, object]]:
    """Read the responses of a trial."""
    try:
        held = json.loads(text)
    except ValueError:
        return []
    return [response for response in held if isinstance(response, dict)] if isinstance(held, list) else []


def _person(table: Table, asked: Sequence[str], session: str) -> str:
    """Find the column that tells the participants apart: what they said of themselves, or else their session."""
    bare = [name.removeprefix("questionaire_") for name in asked]
    filled = [name for name in asked if "" not in {cell.strip() for cell in table.column(name)}]
    named = [name for name in asked if headers.tier("participant", bare[asked.index(name)]) is not None]
    for name in named:
        if name in filled:
            return name
    if session in table.header:
        return session
    if len(filled) == 1:
        return filled[0]
    return ""


def _pages(
    table: Table, tool: str, own: Mapping[str, str], pages: Sequence[tuple[str, tuple[str, ...], Sequence[int]]]
) -> Taken:
    """Take the ratings of each kind of page."""
    own = {ours: theirs for ours, theirs in own.items() if theirs and theirs in table.header}
    places = {ours: table.header.index(theirs) for ours, theirs in own.items()}
    undecided = 0

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        nonlocal undecided
        for page, needed, rows in pages:
            cells = [table.column(name) for name in needed]
            for row in rows:
                shared = {ours: table.columns[place][row] for ours, place in places.items()}
                made = list(_ratings(page, [cell[row] for cell in cells]))
                undecided += not made
                yield from ((row, shared | rating) for rating in made)

    found = gathered(entries(), _NAMES)
    found.columns["kind"] = kinds(found.columns["prompt"])
    practice = [page for page in dict.fromkeys(found.columns["prompt"]) if is_practice(page)]
    said = {ours: theirs for ours, theirs in own.items() if ours in ("participant", "prompt")}
    first = pages[0][1]
    said |= {"condition": first[1 if len(first) > 2 else 0], "score": first[-1]} if pages[0][0] != "bs1116" else {}
    what = f"Read as results of {tool} ({', '.join(page for page, _, _ in pages)})"
    if "participant" not in own:
        found = replace(
            found,
            lack="nothing tells the participants of this webMUSHRA test apart; name a column that does "
            "with --columns participant=NAME",
        )
    return found.saying(
        told(said, what),
        f"Pages of practice by their names: {', '.join(practice)}." if practice else "",
        f"{undecided} undecided answers left out: they say neither right nor wrong." if undecided else "",
    )


def _ratings(page: str, cells: Sequence[str]) -> Iterator[dict[str, str]]:
    """Give the ratings of one line of a page."""
    if page == "mushra":
        yield {"condition": cells[0], "score": cells[1], "question": "mushra"}
    elif page == "likert":
        yield {"condition": cells[0], "score": cells[1].strip()}
    elif page == "bs1116":
        scale = {"question": "slider", "low": "1", "high": "5"}
        yield {"condition": cells[0], "score": cells[2]} | scale
        yield {"condition": cells[1], "score": cells[3]} | scale
    elif cells[2] in _RIGHT:
        pair = {"condition": cells[1], "reference": cells[0], "x": cells[0], "question": "abx"}
        yield pair | {"score": _RIGHT[cells[2]]}
