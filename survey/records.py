"""The tidy records: the columns of ratings.csv, sessions.csv and events.csv."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TextIO

import atomic
from survey.trials import listening

FLAGS = frozenset(listening.FLAGS)
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # those of full width count in Japanese spreadsheets
COMPUTES = re.compile(r"[=@\t\r\n＝＠]|.*[(|!]", re.DOTALL)  # -6 dB is a name; -1+cmd|' /C x'!A0 and +SUM(A1) are none
WRITTEN = ("comment", "external_id")  # by strangers
REQUIRED = ("participant", "prompt", "condition", "score")


@dataclass(frozen=True, slots=True)
class RatingRow:
    """One rating as exported.

    Attributes
    ----------
    study
        name of the study
    participant
        code of the participant, such as P007
    session
        the session in which it was given
    position
        place of the trial in the session, from 1
    kind
        `trial`; or `practice`, `attention`, `repeat`, `instructed`, `gold`; `uncounted`: it does not count
    prompt_id
        id of the prompt
    prompt
        what the clip should sound like
    condition
        the variant that was heard; of a comparison, the one the score is about
    seed
        seed of the clip
    stimulus
        prompt, condition and seed in one name
    clip_sha256
        SHA-256 of the clip's file
    score
        the answer, turned so that more is in favour of the condition; of `abx` 1 where it is right; none for `text`
    plays
        how often a sound was started
    heard_seconds
        seconds of sound that played, not of time that passed
    response_ms
        milliseconds from the trial's page to the answer, by the page's clock
    rated_at
        when the answer was stored
    comment
        the participant's remark; for `text`, the answer
    question
        type of question
    reference
        what the condition was compared with
    first
        the condition that was heard first
    x
        the condition that ABX's X was
    passed
        of a check: whether its answer passes
    revision
        revision of the study under which the session began
    headphones
        `passed` or `failed`: the headphone check; empty where there was none or it is not over
    open_ms
        milliseconds that the trial could be seen, by the server's clock, going back to it included; empty: not known
    flags
        what cannot be true of plays, seconds heard and times together, by the names of survey/trials/listening.py
    scale
        name of the scale, of a study that has several; a row each
    low
        the lowest score that there is, of `numeric` and `slider`
    high
        the highest score that there is, of `numeric` and `slider`
    answer
        `both_bad` where that was the answer, whose score is 0
    """

    study: str
    participant: str
    session: str
    position: int
    kind: str
    prompt_id: str
    prompt: str
    condition: str
    seed: int
    stimulus: str
    clip_sha256: str
    score: float | None
    plays: int
    heard_seconds: float
    response_ms: int
    rated_at: datetime
    comment: str = ""
    question: str = "acr"
    reference: str = ""
    first: str = ""
    x: str = ""
    passed: bool | None = None
    revision: int = 1
    headphones: str = ""
    open_ms: int | None = None
    flags: str = ""
    scale: str = ""
    low: float | None = None
    high: float | None = None
    answer: str = ""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session as exported: how it went, on what, and what the participant said about themselves.

    Attributes
    ----------
    study
        name of the study
    participant
        code of the participant, such as P007
    session
        the session
    source
        how the participant came: `open`, `link` or the platform's name
    external_id
        who the participant is on the platform
    outcome
        how the session ended, or that it is under way
    counted
        whether it counts among the participants wanted
    answered
        trials that were answered, practice aside
    trials
        trials that were planned, practice aside
    checks
        attention checks, repeats, instructed answers and gold clips among them
    failed_checks
        checks that were missed
    headphone_right
        right answers in each try of the headphone check
    answers
        answers to the questions beside the clips, as JSON by their names; of one that comes every N trials, by those
    language
        language of the page
    device
        class of the device
    browser
        name of the browser and its first number
    volume
        volume set on the page, 0 to 1; empty where the device's buttons alone set it, and before it is set
    stalls
        waits for a sound
    seeks
        jumps in a sound
    hidden
        turns to another page
    consent_sha256
        SHA-256 of the text that was agreed to
    started_at
        when the session began
    finished_at
        when it ended; empty: it did not
    revision
        revision of the study under which it began
    flagged
        answers with flags, practice aside
    asked
        the study's own questions as they are put in this session, as JSON by their names
    seat
        seat of the laboratory at which it took place
    excluded
        why the researcher excluded it; empty: it is not excluded
    """

    study: str
    participant: str
    session: str
    source: str
    external_id: str
    outcome: str
    counted: bool
    answered: int
    trials: int
    checks: int
    failed_checks: int
    headphone_right: str
    answers: str
    language: str
    device: str
    browser: str
    volume: float | None
    stalls: int
    seeks: int
    hidden: int
    consent_sha256: str
    started_at: datetime
    finished_at: datetime | None
    revision: int = 1
    flagged: int = 0
    asked: str = "{}"
    seat: str = ""
    excluded: str = ""


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened on the page, as exported.

    Attributes
    ----------
    study
        name of the study
    participant
        code of the participant, such as P007
    session
        the session
    position
        place of the trial in the session, where it is about one
    kind
        what happened
    detail
        more about it, as JSON; times are seconds into the sound
    at
        when it was stored
    """

    study: str
    participant: str
    session: str
    position: int | None
    kind: str
    detail: str
    at: datetime


Row = RatingRow | SessionRow | EventRow
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
    if isinstance(target, Path):
        with (
            atomic.replacing(target, private=private) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            return write_csv(file, rows, kind, columns=columns)
    writer = csv.writer(target, lineterminator="\n")
    wanted = [field.name for field in fields(kind)] if columns is None else list(columns)
    writer.writerow(wanted)
    count: Counter[str] = Counter()
    for row in rows:
        writer.writerow([_written(value) for value in cells(row, wanted)])
        if isinstance(row, RatingRow):
            count[row.kind] += 1
    return count


def cells(row: Row, columns: Sequence[str]) -> list[object]:
    """Give the values of these columns of a row, harmless to a spreadsheet: see :func:`harmless`."""
    return [harmless(getattr(row, name), by_strangers=name in WRITTEN) for name in columns]


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


def _written(value: object) -> object:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
