"""Panels that send people: what their addresses say of who comes, and what of that the researcher is told.

Somebody from a panel whom the study does not expect, an address in which the panel has put nothing, and a preview all
look alike in the numbers: nobody comes. So they are told apart here.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.live.health import Health
from db import Store

IDENTITY = {"prolific": "PROLIFIC_PID", "connect": "participantId", "sona": "survey_code"}
CALLED = {"prolific": "Prolific", "connect": "CloudResearch Connect", "sona": "SONA", "mturk": "Mechanical Turk"}
LONGEST_ID = 200
UNREPLACED = re.compile(r"\{.*\}|%.*%|\$\{.*\}|\[.*\]|<.*>")  # {{%PROLIFIC_PID%}}, %SURVEY_CODE% and the like
NOT_AVAILABLE = "ASSIGNMENT_ID_NOT_AVAILABLE"  # Mechanical Turk's word for a worker who only looks
SAYS_PREVIEW = "preview"
PREVIEW, PLACEHOLDER, STRANGER = "preview", "placeholder", "stranger"
KEPT = timedelta(days=7)
MOST = 1000  # of a kind from a panel: beyond, the number tells no more

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """What an address says of who comes: an `identity`, or of which `kind` the visit is, and from which `panel`."""

    identity: str | None = None
    kind: str = ""
    panel: str = ""

    @property
    def counts(self) -> bool:
        """Whether somebody may take part by it: nobody is meant by a preview, nor by a placeholder."""
        return self.kind not in (PREVIEW, PLACEHOLDER)


def visit(platform: str, parameters: Mapping[str, str]) -> Visit:
    """Read the parameters of an address that leads to a study of a platform.

    Examples
    --------
    >>> visit("prolific", {"PROLIFIC_PID": "5f1"}).identity
    '5f1'
    >>> visit("prolific", {"PROLIFIC_PID": "{{%PROLIFIC_PID%}}"}).kind, visit("none", {"PROLIFIC_PID": "5f1"}).kind
    ('placeholder', 'stranger')
    """
    if parameters.get("assignmentId") == NOT_AVAILABLE:
        return Visit(None, PREVIEW, "connect" if platform == "connect" else "mturk")
    for panel in sorted(IDENTITY, key=lambda one: one != platform):
        given = parameters.get(IDENTITY[panel], "").strip()
        if not given or (panel != platform and not _sent_by(panel, parameters)):
            continue
        if UNREPLACED.fullmatch(given):
            return Visit(None, PLACEHOLDER, panel)
        if SAYS_PREVIEW in (given.lower(), parameters.get("SESSION_ID", "").lower()):
            return Visit(None, PREVIEW, panel)
        if panel != platform:
            return Visit(None, STRANGER, panel)
        if len(given) <= LONGEST_ID and given.isprintable():
            return Visit(given)
    return Visit()


def _sent_by(panel: str, parameters: Mapping[str, str]) -> bool:
    """Say whether an address is surely a panel's: a participantId alone may be a laboratory's own."""
    return panel != "connect" or "projectId" in parameters or "assignmentId" in parameters


class Notices:
    """What is known of visits that count for nobody, or come from elsewhere than the study says.

    It is kept in the database as so many of a kind from a panel, without anything that says who came.
    """

    def __init__(self, store: Store, health: Health, platform: str) -> None:
        self._store, self._health, self._platform = store, health, platform
        self._told: set[str] = set()

    def take(self, found: Visit) -> None:
        """Take notice of a visit, if there is anything to be said of it; the log says it once a kind and panel."""
        if not found.kind:
            return
        said = f"somebody came: {self._words(found.kind, found.panel)}"
        if said not in self._told:
            self._told.add(said)
            logger.warning("%s", said)
        try:
            self._store.attempts.note(f"came:{found.kind}", found.panel, KEPT, MOST)
        except SQLAlchemyError as error:
            if not self._health.take(error):
                raise

    def lines(self) -> Iterator[str]:
        """Say in a line each what the researcher should know of the last week."""
        for kind in (STRANGER, PLACEHOLDER, PREVIEW):
            for panel, (count, last) in self._store.attempts.noted(f"came:{kind}", KEPT).items():
                if kind != STRANGER or panel != self._platform:  # else study.yaml was mended since
                    yield f"{_times(count)} in the last week, last {_moment(last)}: {self._words(kind, panel)}"

    def _words(self, kind: str, panel: str) -> str:
        called = CALLED.get(panel, panel)
        if kind == PREVIEW:
            return f"a preview from {called}; nothing of it is stored"
        if kind == PLACEHOLDER:
            return (
                f"the address has the placeholder of {called} where an identity should be, so it was opened elsewhere "
                f"than from {called}, or its listing does not fill it in; nothing is stored"
            )
        remedy = f"set recruitment.platform: {panel}" if panel in IDENTITY else "use another link for them"
        what = "takes part, but without an identity and a way back" if self._platform == "none" else "is not let in"
        return f"a person from {called}, who {what}, as recruitment.platform is {self._platform}; {remedy}"


def _times(count: int) -> str:
    if count == 1:
        return "once"
    return f"{count:,} times" if count < MOST else f"at least {MOST:,} times"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
