"""P808: the files of Microsoft's toolkit for crowd tests after ITU-T P.808, P.835 and P.804.

Source: `create_input.py`, `result_parser.py` and the HTML templates of microsoft/P.808 at 5b8c00a (2026): batch files
with `Answer.Q1_URL` (the rated clip) beside `Answer.q1` (ACR, DCR, CCR) or `Answer.q1_sig`, `_bak`, `_ovrl` and others;
`Input.TP` and `Input.gold_clips` with their right answers; `Input.Q0_R` and `Input.Q0_P` of DCR and CCR; and
the `*_votes_per_worker.csv` and `*_votes_per_clip.csv` that it makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.foreign.clues import headers, paths, values
from analysis.foreign.clues.taken import Taken, gathered, picked
from analysis.foreign.tools.mturk import accepted, moments
from analysis.table.table import Table
from analysis.words import counted

_URL = re.compile(r"answer\.q(\d+)_url")
_SCORE = re.compile(r"answer\.q(\d+)(?:_([a-z]+))?")
_VOTE = re.compile(r"vote_\d+")
_NO_SCALE = ("url", "audio", "r", "p")
_WORKER = frozenset(("file", "short_file_name", "vote", "workerid"))
_CLIP = frozenset(("file_url", "short_file_name", "n"))
_KNOWN = (
    _WORKER
    | _CLIP
    | {
        *("hitid", "assignment_id", "assignmentstatus", "question_type", "unknown", "n_silent", "is_silent_percentage"),
        *("creation_time", "requesterannotation"),
    }
)
_NAMES = (*headers.REQUIRED, "kind", "question", "reference", "scale", "session", "passed", "rated_at")


def recognised(table: Table) -> Taken | None:
    """Take the ratings of a batch file of the toolkit, or of the tables that it makes of one.

    Condition and prompt come from the clips' addresses. Trapping clips are attention checks and gold clips gold ones,
    with whether they were passed: a gold answer may be off by one. Rejected assignments are left out.

    Examples
    --------
    >>> head = ("WorkerId", "Answer.Q1_URL", "Answer.q1", "Answer.Q2_URL", "Answer.q2")
    >>> cells = (["u"], ["http://h/base/a.wav"], ["4"], ["http://h/w8/a.wav"], ["3"])
    >>> more = (["v"], ["http://h/base/b.wav"], ["4"], ["http://h/w8/b.wav"], ["2"])
    >>> both = tuple(one + other for one, other in zip(cells, more, strict=True))
    >>> recognised(Table("b.csv", "", head, both, [2, 3])).columns["condition"]
    ['base', 'w8', 'base', 'w8']
    """
    places = {name.strip().casefold().replace("_slide", ""): place for place, name in enumerate(table.header)}
    if "workerid" in places and any(map(_URL.fullmatch, places)):
        return _batch(table, places)
    if set(places) >= _WORKER:
        return _votes_of_workers(table, places)
    if set(places) >= _CLIP and any(map(_VOTE.fullmatch, places)):
        return _votes_of_clips(table, places)
    return None


@dataclass(frozen=True)
class _Row:
    """The cells of one assignment, by name in small letters."""

    table: Table
    places: Mapping[str, int]
    row: int

    def cell(self, name: str) -> str:
        """Give a cell; an empty text where there is no such column."""
        place = self.places.get(name)
        return "" if place is None else self.table.columns[place][self.row].strip()


def _batch(table: Table, places: Mapping[str, int]) -> Taken:
    """Take the answers of assignments."""
    numbers = sorted(int(match[1]) for name in places if (match := _URL.fullmatch(name)))
    scores: dict[int, dict[str, str]] = {number: {} for number in numbers}
    for name in places:
        one = _SCORE.fullmatch(name)
        if one and int(one[1]) in scores and one[2] not in _NO_SCALE:
            scores[int(one[1])][(one[2] or "").upper()] = name
    rows, said = accepted(table)
    paired = any(re.fullmatch(r"input\.q\d+_p", name) for name in places)
    method = _method(table, scores, places) if paired else ""
    sources = _sources(table, places)
    moment = moments(table)
    several = len({scale for own in scores.values() for scale in own}) > 1

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        for row in rows:
            one_row = _Row(table, places, row)
            for number in numbers:
                url = one_row.cell(f"answer.q{number}_url")
                if not url or values.is_true(one_row.cell(f"answer.is_silent_q{number}") or "0"):
                    continue
                for scale, name in scores[number].items():
                    cells = {
                        "participant": one_row.cell("workerid"),
                        "session": one_row.cell("assignmentid"),
                        "prompt": url,
                    }
                    cells |= {"score": one_row.cell(name), "rated_at": moment[row] if moment else ""}
                    cells |= _check(one_row, url, scale, cells["score"], method)
                    if several:
                        cells["scale"] = scale
                    if method:
                        cells["question"] = method
                    if method == "ccr":
                        cells["reference"] = sources.get(url, "")
                    yield row, cells

    found = gathered(entries(), _NAMES)
    found = _name_clips(found, references=method == "ccr")
    what = ", ".join(dict.fromkeys(found.columns["scale"])) if several else method.upper() or "ACR"
    checks = sum(kind != "trial" for kind in found.columns["kind"])
    return found.saying(
        f"Read as a batch of the P.808 toolkit ({what}): "
        "workers are the participants; conditions and prompts come from the clips' addresses.",
        f"{counted(checks, 'answer')} to trapping and gold clips are checks." if checks else "",
        *said,
    )


def _method(table: Table, scores: Mapping[int, Mapping[str, str]], places: Mapping[str, int]) -> str:
    """Tell CCR, whose answers go from -3 to 3, from DCR, whose go from 1 to 5."""
    given = {cell for own in scores.values() for name in own.values() for cell in table.columns[places[name]]}
    read = [number for cell in given if (number := values.number(cell)) is not None]
    return "ccr" if min(read, default=1) < 1 else "dcr"


def _sources(table: Table, places: Mapping[str, int]) -> dict[str, str]:
    """Give the reference of each processed clip."""
    found: dict[str, str] = {}
    for name, place in places.items():
        if re.fullmatch(r"input\.q\d+_p", name) and (other := places.get(f"{name[:-1]}r")) is not None:
            found |= dict(zip(table.columns[place], table.columns[other], strict=True))
    return found


def _check(one: _Row, url: str, scale: str, score: str, method: str) -> dict[str, str]:
    """Say of which kind a clip is, and whether a check was passed."""
    given = values.number(score)
    if url == one.cell("input.tp"):
        right = values.number(one.cell("input.tp_ans"))
        allowed = {"dcr": (4.0, 5.0), "ccr": (-1.0, 0.0, 1.0)}.get(method, (right,))
        known = method or (right is not None and scale in ("", "OVRL", "ECHO"))
        return {"kind": "attention", "passed": str(given in allowed).lower() if known else ""}
    for name in ("input.gold_clips", "input.gold_url", "input.gold_url_2", "input.gold_clips_2"):
        if url == one.cell(name):
            right = values.number(one.cell(f"{name}_ans"))
            known = right is not None and given is not None and scale in ("", "OVRL")
            passed = known and right is not None and given is not None and abs(given - right) <= 1
            return {"kind": "gold", "passed": str(passed).lower() if known else ""}
    return {"kind": "trial"}


def _name_clips(found: Taken, *, references: bool) -> Taken:
    """Put condition and prompt in the place of the addresses of clips."""
    urls, kinds = found.columns["prompt"], found.columns["kind"]
    trials = list(dict.fromkeys(url for url, kind in zip(urls, kinds, strict=True) if kind == "trial"))
    others = found.columns["reference"] if references else []
    parts = paths.parted([*trials, *filter(None, dict.fromkeys(others))])
    if not parts:
        return replace(
            found,
            lack=f"the clips' addresses, such as {(trials or [''])[0]!r}, do not tell conditions from prompts; "
            "write them in the file so that they end in condition/prompt.wav",
        )
    made = {
        "condition": [parts[url][0] if url in parts else "check" for url in urls],
        "prompt": [parts[url][1] if url in parts else url for url in urls],
    }
    if references:
        made["reference"] = [parts[url][0] if url in parts else url for url in others]
    return replace(found, columns=found.columns | made)


def _votes_of_workers(table: Table, places: Mapping[str, int]) -> Taken:
    """Take votes_per_worker.csv: a row a vote."""
    found = picked(table, {"participant": places["workerid"], "prompt": places["file"], "score": places["vote"]})
    types = table.columns[places["question_type"]] if "question_type" in places else []
    held = set(types)
    if len(held) > 1:
        found.columns["scale"] = list(types)
    if held == {"CMOS"}:
        found.columns["question"] = ["ccr"] * len(types)
    found.columns["kind"] = ["trial"] * len(table.lines)
    if "assignment_id" in places:
        found.columns["session"] = table.columns[places["assignment_id"]]
    return _named(table, places, found).saying("Read as votes per worker of the P.808 toolkit: file is the clip.")


def _votes_of_clips(table: Table, places: Mapping[str, int]) -> Taken:
    """Take votes_per_clip.csv: a row a clip, and nothing that says who voted."""
    votes = [place for name, place in places.items() if _VOTE.fullmatch(name)]
    url = table.columns[places["file_url"]]

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        for row, clip in enumerate(url):
            for number, place in enumerate(votes, 1):
                score = table.columns[place][row]
                if not values.is_missing(score):
                    yield row, {"participant": f"{clip} vote {number}", "prompt": clip, "score": score, "kind": "trial"}

    found = gathered(entries(), _NAMES)
    if any(name.startswith("cmos") for name in places):
        found.columns["question"] = ["ccr"] * len(found.rows)
    return _named(table, places, found).saying(
        "Read as votes per clip of the P.808 toolkit. It does not say who voted: each vote counts as one of another "
        "participant, and intervals may be too narrow; the batch file or votes_per_worker.csv says more."
    )


def _named(table: Table, places: Mapping[str, int], found: Taken) -> Taken:
    """Take the condition of a clip from the toolkit's own columns for it, or from its address."""
    keys = [place for name, place in places.items() if name not in _KNOWN and not _is_statistic(name)]
    if not keys:
        return _name_clips(found, references=False)
    own = [" ".join(table.columns[place][row] for place in keys) for row in found.rows]
    prompts = [paths.without(url, condition) for url, condition in zip(found.columns["prompt"], own, strict=True)]
    found.columns["condition"] = own
    found.columns["prompt"] = _names(prompts)
    return found


def _is_statistic(name: str) -> bool:
    return name.startswith(("mos", "cmos", "dmos", "std", "95%ci", "vote_")) or name in ("", "index")


def _names(prompts: Sequence[str]) -> list[str]:
    """Shorten what is left of addresses."""
    short = paths.shortened([f"/{prompt}.wav" for prompt in dict.fromkeys(prompts)])
    return [short.get(f"/{prompt}.wav", prompt) for prompt in prompts]
