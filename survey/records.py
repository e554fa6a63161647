"""The tidy records: the columns of ratings.csv, sessions.csv and events.csv."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import atomic
from survey.columns import Column, Described, described
from survey.config.session import LANGUAGES
from survey.session import OUTCOMES
from survey.trials import listening, quality
from survey.trials.design import KINDS
from survey.trials.pairs import BOTH_BAD
from survey.trials.questions import QUESTION_TYPES

FLAGS = frozenset(listening.FLAGS)
UNDER_WAY = "under way"  # in place of the outcome of a session that has not ended
DEVICES = ("phone", "tablet", "computer")
SHA256 = "64 hexadecimal digits"
SCORES = "; ".join(
    [f"{one.name}: {one.span[0]} to {one.span[1]}" for one in QUESTION_TYPES.values() if one.span]
    + ["numeric, slider: `low` to `high`"]
)
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # those of full width count in Japanese spreadsheets
RISKY = frozenset(FORMULA)
COMPUTES = re.compile(r"[=@\t\r\n＝＠]|.*[(|!]", re.DOTALL)  # -6 dB is a name; -1+cmd|' /C x'!A0 and +SUM(A1) are none
WRITTEN = ("comment", "external_id")  # by strangers
REQUIRED = ("participant", "prompt", "condition", "score")


@dataclass(slots=True)  # not frozen, which would take a tenth of the time in which a million are exported
class RatingRow:
    """One rating as exported."""

    study: Annotated[str, Column("name of the study")]
    participant: Annotated[str, Column("code of the participant, such as P007")]
    session: Annotated[str, Column("the session in which it was given")]
    position: Annotated[int, Column("place of the trial in the session", least=1)]
    kind: Annotated[
        str,
        Column("kind of trial; `uncounted`: it does not count", values=KINDS),
    ]
    prompt_id: Annotated[str, Column("id of the prompt")]
    prompt: Annotated[str, Column("what the clip should sound like")]
    condition: Annotated[str, Column("the variant that was heard; of a comparison, the one the score is about")]
    seed: Annotated[int, Column("seed of the clip")]
    stimulus: Annotated[str, Column("prompt, condition and seed in one name")]
    clip_sha256: Annotated[str, Column("SHA-256 of the clip's file", rule=SHA256)]
    score: Annotated[
        float | None,
        Column(
            "the answer, turned so that more favours the condition; of `abx` 1 where it is right; none for `text`",
            rule=SCORES,
        ),
    ]
    plays: Annotated[int, Column("how often a sound was started", least=0)]
    heard_seconds: Annotated[float, Column("sound that played, not time that passed", unit="s", least=0)]
    response_ms: Annotated[int, Column("from the trial's page to the answer, by the page's clock", unit="ms", least=0)]
    rated_at: Annotated[datetime, Column("when the answer was stored")]
    comment: Annotated[str, Column("the participant's remark; for `text`, the answer", empty=True)] = ""
    question: Annotated[str, Column("type of question", values=tuple(QUESTION_TYPES))] = "acr"
    reference: Annotated[str, Column("what the condition was compared with", empty=True)] = ""
    first: Annotated[str, Column("the condition that was heard first", empty=True)] = ""
    x: Annotated[str, Column("the condition that ABX's X was", empty=True)] = ""
    passed: Annotated[bool | None, Column("of a check: whether its answer passes")] = None
    revision: Annotated[int, Column("revision of the study under which the session began", least=1)] = 1
    headphones: Annotated[
        str,
        Column(
            "how the headphone check went; empty where there was none or it is not over",
            values=quality.HEADPHONES,
            empty=True,
        ),
    ] = ""
    open_ms: Annotated[
        int | None,
        Column(
            "how long the trial could be seen, by the server's clock, going back to it included; empty: not known",
            unit="ms",
            least=0,
        ),
    ] = None
    flags: Annotated[
        str,
        Column(
            "what cannot be true of plays, seconds heard and times together",
            values=listening.FLAGS,
            several=True,
            empty=True,
        ),
    ] = ""
    scale: Annotated[str, Column("name of the scale, of a study that has several; a row each", empty=True)] = ""
    low: Annotated[float | None, Column("the lowest score that there is, of `numeric` and `slider`")] = None
    high: Annotated[float | None, Column("the highest score that there is, of `numeric` and `slider`")] = None
    answer: Annotated[
        str, Column("`both_bad` where that was the answer, whose score is 0", values=(BOTH_BAD,), empty=True)
    ] = ""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session as exported: how it went, on what, and what the participant said about themselves."""

    study: Annotated[str, Column("name of the study")]
    participant: Annotated[str, Column("code of the participant, such as P007")]
    session: Annotated[str, Column("the session")]
    source: Annotated[str, Column("how the participant came: `open`, `link` or the platform's name")]
    external_id: Annotated[str, Column("who the participant is on the platform", empty=True)]
    outcome: Annotated[str, Column("how the session ended, or that it is under way", values=(*OUTCOMES, UNDER_WAY))]
    counted: Annotated[bool, Column("whether it counts among the participants wanted")]
    answered: Annotated[int, Column("trials that were answered, practice aside", least=0)]
    trials: Annotated[int, Column("trials that were planned, practice aside", least=0)]
    checks: Annotated[int, Column("attention checks, repeats, instructed answers and gold clips among them", least=0)]
    failed_checks: Annotated[int, Column("checks that were missed", least=0)]
    headphone_right: Annotated[str, Column("right answers in each try of the headphone check", empty=True)]
    answers: Annotated[
        str,
        Column(
            "answers to the questions beside the clips, as JSON by name; of one that comes every N trials, by those"
        ),
    ]
    language: Annotated[str, Column("language of the page", values=LANGUAGES, empty=True)]
    device: Annotated[str, Column("class of the device", values=DEVICES, empty=True)]
    browser: Annotated[str, Column("name of the browser and its first number", empty=True)]
    volume: Annotated[
        float | None,
        Column(
            "volume set on the page; empty where the device's buttons alone set it, and before it is set",
            least=0,
            most=1,
        ),
    ]
    stalls: Annotated[int, Column("waits for a sound", least=0)]
    seeks: Annotated[int, Column("jumps in a sound", least=0)]
    hidden: Annotated[int, Column("turns to another page", least=0)]
    consent_sha256: Annotated[str, Column("SHA-256 of the text that was agreed to", rule=SHA256)]
    started_at: Annotated[datetime, Column("when the session began")]
    finished_at: Annotated[datetime | None, Column("when it ended; empty: it did not")]
    revision: Annotated[int, Column("revision of the study under which it began", least=1)] = 1
    flagged: Annotated[int, Column("answers with flags, practice aside", least=0)] = 0
    asked: Annotated[
        str, Column("the study's own questions as they are put in this session, as JSON by their names")
    ] = "{}"
    seat: Annotated[str, Column("seat of the laboratory at which it took place", empty=True)] = ""
    excluded: Annotated[str, Column("why the researcher excluded it; empty: it is not excluded", empty=True)] = ""


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened on the page, as exported."""

    study: Annotated[str, Column("name of the study")]
    participant: Annotated[str, Column("code of the participant, such as P007")]
    session: Annotated[str, Column("the session")]
    position: Annotated[int | None, Column("place of the trial in the session, where it is about one", least=1)]
    kind: Annotated[str, Column("what happened")]
    detail: Annotated[str, Column("more about it, as JSON; times are seconds into the sound")]
    at: Annotated[datetime, Column("when it was stored")]


Row = RatingRow | SessionRow | EventRow
R = TypeVar("R")
COLUMNS = tuple(field.name for field in fields(RatingRow))


def write_csv(
    target: Path | TextIO,
    rows: Iterable[Row],
    kind: type = RatingRow,
    *,
    columns: Sequence[str] | None = None,
    private: bool = False,
) -> Counter[str]:
    """Write `rows` of a `kind` with a header line; return how many ratings there are of each kind of trial.

    Only `columns` are written if they are named. A path is written whole or not at all: a failure in the middle leaves
    the file that was there before. A `private` file can be read by its owner alone.
    """
    wanted = described(kind, columns)
    count: Counter[str] = Counter()
    write_cells(target, wanted, cells(counting(rows, count), wanted), private=private)
    return count


def write_cells(
    target: Path | TextIO, columns: Sequence[Described], rows: Iterable[Sequence[object]], *, private: bool = False
) -> None:
    """Write rows of cells as CSV below the names of their columns, a path as :func:`write_csv` does."""
    if isinstance(target, Path):
        with (
            atomic.replacing(target, private=private) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            write_cells(file, columns, rows)
        return
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([one.name for one in columns])
    moments = [place for place, one in enumerate(columns) if one.type is datetime]
    for row in rows:
        written = list(row)
        for place in moments:
            moment = written[place]
            written[place] = moment.isoformat("T", "milliseconds") if isinstance(moment, datetime) else moment
        writer.writerow(written)


def counting(rows: Iterable[R], count: Counter[str]) -> Iterator[R]:
    """Hand rows on, and count the ratings among them by their kinds of trials."""
    for row in rows:
        if isinstance(row, RatingRow):
            count[row.kind] += 1
        yield row


def cells(rows: Iterable[object], columns: Sequence[Described]) -> Iterator[list[object]]:
    """Yield of each record the values of these columns, harmless to a spreadsheet: see :func:`harmless`."""
    names = [one.name for one in columns]
    values = attrgetter(*names) if len(names) > 1 else lambda row: (getattr(row, names[0]),)
    texts = [(place, one.name in WRITTEN) for place, one in enumerate(columns) if one.guarded]
    for row in rows:
        found = list(values(row))
        for place, by_strangers in texts:
            text = found[place]
            if text and (text[0] in RISKY or "\r" in text):  # few are, and a million rows have many cells
                found[place] = harmless(text, by_strangers=by_strangers)
        yield found


def harmless(value: object, *, by_strangers: bool = False) -> object:
    """Put an apostrophe before a text that a spreadsheet would compute.

    What `by_strangers` was written gets it wherever it begins as a formula. Names of clips and prompts may begin so and
    be none: they get it where a formula of theirs could do something.

    Line breaks become those of a Unix file.

    Examples
    --------
    >>> harmless("=1+1"), harmless("-6dB"), harmless("-6dB", by_strangers=True), harmless("+a|' b'!A0"), harmless(-6)
    ("'=1+1", '-6dB', "'-6dB", "'+a|' b'!A0", -6)
    """
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")  # a lone \r goes unquoted into CSV, and would end the row
    return f"'{text}" if text.startswith(FORMULA) and (by_strangers or COMPUTES.match(text)) else text


def is_flagged(flags: str) -> bool:
    """Say whether a cell of the column `flags` names something that cannot be true; other people's words do not."""
    return not FLAGS.isdisjoint(flags.split())
