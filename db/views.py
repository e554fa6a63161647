"""What the store takes and gives: plain values, free of the database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from survey.config.items import Item
from survey.config.session import SessionRules
from survey.trials.scale import Asked


@dataclass(frozen=True, slots=True)
class ClipView:
    """A clip to be heard."""

    file: str
    sha256: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session was begun under, and keeps: its rules, what its trials ask, and its language.

    `texts` are the study's own words in that language, where they are translated: see survey/translations.py.
    """

    rules: SessionRules
    asked: Asked
    language: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialView:
    """The clips to be heard for one answer; `number` of `total` counts within practice or within the trials.

    The `prompt` is as it is read: in the session's language where it is `translated`, else in plain words.
    """

    session_id: int
    position: int
    practice: bool
    number: int
    total: int
    prompt: str
    clips: tuple[ClipView, ...]
    terms: Terms
    translated: bool = False
    served: frozenset[int] = frozenset()  # places whose clips were asked for, where that was looked up

    @property
    def sha256(self) -> str:
        """What tells these clips from others rendered in their place."""
        return self.clips[0].sha256 if len(self.clips) == 1 else _sha256("".join(clip.sha256 for clip in self.clips))

    @property
    def seconds(self) -> float:
        """How long it takes to hear all of them."""
        return sum(clip.seconds for clip in self.clips)

    def same(self, other: "TrialView") -> bool:
        """Say whether another is this trial, with these clips."""
        return (self.session_id, self.position, self.sha256) == (other.session_id, other.position, other.sha256)


@dataclass(frozen=True, slots=True)
class Answered:
    """The clip that was answered last, with its answer and its plays: what going back returns to."""

    trial: TrialView
    score: object
    comment: str
    plays: int


@dataclass(frozen=True, slots=True)
class State:
    """Where a participant stands: the stage, the open clip and the one to be loaded ahead.

    `outcome` is how the session ended, `ended_at` when; so many `tries` at headphone checks are over; `headphone` is
    the one that follows, `missed` the tries at it. `page` are the questions beside the clips that are to be answered
    now, with `done` trials over. It begins `anew` after an absence that was too long, where answers were given before.
    `external_id` is who this is on a platform, `link` the token of their personal link; there are no `terms` before the
    session has begun. `owner` is whoever began it or has the personal link, not another
    browser that came with the same identity.
    """

    stage: str
    trial: TrialView | None = None
    upcoming: TrialView | None = None
    trials: int = 0
    previous: Answered | None = None
    outcome: str | None = None
    tries: int = 0
    session_id: int = 0
    external_id: str | None = None
    volume: float | None = None
    terms: Terms | None = None
    link: str = ""
    owner: bool = True
    ended_at: datetime | None = None
    headphone: str = ""
    missed: int = 0
    page: tuple[Item, ...] = ()
    done: int = 0
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """How somebody came: the `consent` read, who they are on which platform, the browser by itself, and the seat."""

    consent: str = ""
    platform: str = "open"
    external_id: str | None = None
    language: str | None = None
    device: str | None = None
    browser: str | None = None
    seat: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page says, as it was sent; the store judges it.

    It is an answer to the trial that it `names`, such as `trial.same`; going back, it `revises` one. The `score` is
    whatever the question's type takes, and of several scales a mapping of their names: see survey/trials/scale.py.
    `plays` are those of all clips together, and
    `each` is how many every one had, where the page says so.
    """

    names: Callable[[TrialView], bool]
    score: object
    plays: int
    heard_seconds: float
    response_ms: int
    comment: str = ""
    revises: bool = False
    each: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A stimulus that is being rated and the number of its ratings."""

    stimulus: str
    prompt_id: str
    prompt: str
    condition: str
    seed: int
    file: str
    ratings: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a participant is.

    `stage` is "invited" before the consent, "withdrawn" after a withdrawal, "revoked" once their unused link was taken
    back. `link` is the token of their personal link, and `label` whom it was made for.
    `answered` of `total` count trials and checks without practice; `still` says that the session stood still for so
    long that its place was given away.
    """

    code: str
    link: str
    source: str
    stage: str
    answered: int
    total: int
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None = None
    failures: int = 0
    counted: bool = True
    external_id: str | None = None
    seen_at: datetime | None = None
    still: bool = False
    revision: int = 0
    seat: str = ""
    excluded: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge deleted: of whom, and how many rows of each table.

    `overwritten` says that SQLite's log holds none of it any more.
    """

    codes: tuple[str, ...]
    rows: Mapping[str, int] = field(hash=False)
    overwritten: bool


@dataclass(frozen=True, slots=True)
class RevisionView:
    """A frozen part of the configuration; `complete` unless it began before there were revisions."""

    number: int
    frozen: Mapping[str, Any] = field(hash=False)
    complete: bool
    made_at: datetime


@dataclass(frozen=True, slots=True)
class AccountView:
    """A researcher's account: its password's hash, and what its codes are derived from where they are asked for."""

    name: str
    role: str
    password: str
    code_seed: str | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class ActionView:
    """What a researcher did, and when; `account` is a name, or says that it was done on the command line."""

    at: datetime
    account: str
    kind: str
    detail: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Running:
    """What a study does: its `state`, open, paused or closed; and the `target` of participants, as it was extended."""

    state: str
    target: int


@dataclass(frozen=True, slots=True)
class Looks:
    """Whether a study runs, so that its results stay hidden: somebody has taken part, and it is not closed.

    `at` holds the moments at which somebody asked for them all the same; `asked` says that one was since it was last
    closed.
    """

    running: bool
    asked: bool
    at: tuple[datetime, ...]


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
