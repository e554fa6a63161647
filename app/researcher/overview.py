"""What the researcher's page shows of a study, part by part."""

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any, Concatenate, ParamSpec

from sqlalchemy.exc import SQLAlchemyError

from app.progress import Report
from app.researcher.jobs import Job, Rendering
from app.researcher.views.filling import filling
from app.researcher.views.people import FINISHED, UNDER_WAY, others_in_words, sharing
from app.researcher.views.sums import Sums
from app.researcher.views.templates import ago, show
from app.study import Study
from app.texts import texts
from app.verbs.results.tables import FORMATS
from db import Progress
from db.actions import OPEN, PAUSED
from db.results.tallies import Tally, tallies
from db.results.tallying import Tallied
from db.results.watching import Look
from survey import ManifestError, SurveyError, read_manifest
from survey.clips.cells import cell_of, wanted_cells

SHOWN_PROBLEMS = 12
SHOWN_PEOPLE = 500  # of those who came last: a page of thousands takes a browser seconds, every few seconds

P = ParamSpec("P")


def _or_fault(draw: Callable[Concatenate["Overview", P], str]) -> Callable[Concatenate["Overview", P], str]:
    """Where the database fails, draw what is wrong instead; the page asks every few seconds, the log says it once."""

    @wraps(draw)
    def drawn(shown: "Overview", /, *args: P.args, **kwargs: P.kwargs) -> str:
        try:
            with shown.lock:
                return draw(shown, *args, **kwargs)
        except SQLAlchemyError as error:
            if not shown.study.health.take(error):
                raise
            return show("faults", faults=shown.study.health.known())

    return drawn


class Overview:
    """The parts of the page, each drawn anew when asked for."""

    def __init__(self, study: Study, rendering: Rendering, reporting: Job) -> None:
        self.study, self.rendering, self.reporting = study, rendering, reporting
        self.lock = RLock()  # of what is kept between two looks
        self._sums = Sums()
        self._kept: dict[str, tuple[Look, object, str]] = {}
        self._rows: dict[str, tuple[object, str]] = {}  # of the people shown, as they were drawn last

    @property
    def report_path(self) -> Path:
        """Where the report lies once it is made."""
        return self.study.folder / "report" / "report.html"

    def stamp(self, report: Report, making: bool) -> str:
        """Return what changes when the clips, their faults or a process do: the rest need not be drawn again."""
        manifest = self.study.manifest
        clips = tuple((clip.stimulus, clip.prompt, clip.sha256) for clip in manifest.clips) if manifest else None
        state = (report.busy, report.state == "stopping", making, self.reporting.failure)
        # Not hash(), which another process of the server makes otherwise.
        return sha256(repr((state, clips, self.study.problems)).encode()).hexdigest()

    def numbers(self) -> list[str]:
        """Draw the parts that follow of who takes part: head, progress, people and files.

        Nothing is drawn anew that is as it was, however many ask.
        """
        try:
            look = self._look()  # one for all: each asks the database whether anything has changed
        except SQLAlchemyError:
            look = None  # each part says so
        return [part(self, look) for part in (Overview.head, Overview.filling, Overview.people, Overview.files)]

    @_or_fault
    def head(self, look: Look | None = None) -> str:
        """Draw the study's name, whether it is open, and its numbers."""
        study, look = self.study, look or self._look()
        self._sums.follow(look)
        count, running = self._sums.standings, study.runs.look()
        there, wanted = cells_there(study)
        return show(
            "head",
            study=study,
            config=study.config,
            running=running,
            # What a researcher does next, once there are clips: try it, see to who may come, or wait.
            then="state"
            if running.state == PAUSED or (running.state == OPEN and count[FINISHED] >= running.target)
            else "preview"
            if running.state == OPEN and not look.people
            else "",
            clips=there,
            wanted=wanted,
            finished=count[FINISHED],
            under_way=count[UNDER_WAY],
            others=others_in_words(count),
            ratings=self._sums.ratings[look.revision],
            revision=look.revision,
            faults=study.health.known(),
        )

    @_or_fault
    def status(self) -> str:
        """Draw how the rendering stands, or what the launch gate says."""
        damaged = ""
        if self.study.manifest is None:
            try:
                read_manifest(self.study.clips / "manifest.json")
            except ManifestError as error:
                damaged = str(error) if (self.study.clips / "manifest.json").exists() else ""
        return show(
            "status",
            report=self.rendering.report(),
            study=self.study,
            problems=self.study.problems[:SHOWN_PROBLEMS],
            more=max(0, len(self.study.problems) - SHOWN_PROBLEMS),
            damaged=damaged,
            trouble=self.study.gate.trouble,
            edited=self._edited(),
        )

    def clips(self) -> str:
        """Draw the clips: a row for every prompt and seed, a column for every condition."""
        clips = self.study.manifest.clips if self.study.manifest else ()
        conditions = list(dict.fromkeys(clip.condition for clip in clips))
        rows: dict[tuple[str, str], dict[int, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
        for clip in clips:
            rows[clip.prompt_id, clip.prompt][clip.seed][clip.condition] = clip
        return show("clips", conditions=conditions, prompts=rows)

    @_or_fault
    def filling(self, look: Look | None = None) -> str:
        """Draw how the study fills: its cells, pages, checks, flags and devices."""
        look = look or self._look()

        def draw() -> str:
            self._sums.follow(look)
            return filling(look, self._sums, self.study.config)

        return self._drawn("filling", look, "", draw)

    @_or_fault
    def people(self, look: Look | None = None) -> str:
        """Draw every participant with how far they are; last seen means the last answer or step that is dated."""
        look, recruitment, scope = look or self._look(), self.study.config.recruitment, self.study.store.scope

        def draw() -> str:
            newest = look.people[-SHOWN_PEOPLE:]
            self._sums.follow(look)
            seated, before, self._rows = sharing(look.people), self._rows, {}
            for one in newest:
                row = one, look.sessions.get(one.code), seated.get(one.code, [])
                seen = [moment for moment in (row[1] and row[1].last, one.started_at, one.finished_at) if moment]
                dates = one.started_at, max(seen, default=None), one.finished_at
                state, kept = (*row, *map(ago, dates)), before.get(one.code)
                drawn = kept[1] if kept and kept[0] == state else self._person(*row, dates)
                self._rows[one.code] = state, drawn
            return show(
                "people",
                rows=[row for _, row in self._rows.values()],
                more=len(look.people) - len(newest),
                recruitment=recruitment,
                tallies=[_in_words(one) for one in tallies(scope, self._sums.said, self._sums.asked)],
            )

        # How long ago something was is told in minutes.
        return self._drawn("people", look, time.time() // 60, draw)

    def _person(
        self, person: Progress, session: Tallied | None, beside: list[str], dates: tuple[datetime | None, ...]
    ) -> str:
        """Draw the row of one participant."""
        lab = self.study.config.recruitment.lab
        return show("person", person=person, session=session, beside=beside, lab=lab, dates=dates)

    @_or_fault
    def files(self, look: Look | None = None) -> str:
        """Draw the ratings and the report, to be had."""
        path = self.report_path
        made = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.is_file() else None
        look = look or self._look()
        self._sums.follow(look)
        return show(
            "files",
            formats=[one[1:] for one in FORMATS],
            total=self._sums.ratings.total(),
            made=made,
            newer=_newer(look, made.timestamp()) if made else 0,
            looks=self.study.store.actions.looks(),
            stopping=self.study.stopping.look(look),
            busy=self.reporting.alive,
            failure="" if self.reporting.alive else self.reporting.failure,
        )

    def has_ratings(self) -> bool:
        """Say whether anything can be analysed."""
        look = self._look()
        return any(one.counted and look.sessions[one.code].at for one in look.people if one.code in look.sessions)

    def _look(self) -> Look:
        return self.study.store.results.watch.look()

    def _drawn(self, part: str, look: Look, moment: object, draw: Callable[[], str]) -> str:
        """Draw a part, or return it as it was drawn of the same look and moment."""
        kept = self._kept.get(part)
        if kept is None or kept[0] is not look or kept[1] != moment:
            kept = self._kept[part] = look, moment, draw()
        return kept[2]

    def _edited(self) -> list[str]:
        """Say what this server does not do of what stands in study.yaml, in a line each."""
        try:
            return self.study.changes()
        except SurveyError as error:
            return str(error).split("\n")


def _in_words(tally: Tally) -> tuple[str, str, list[tuple[str, int]]]:
    """Return a question's name, its words and those of its answers with their numbers; the page's own in English."""
    item, words = tally.item, texts("en")
    if item.own:
        return item.name, item.ask, list(tally.counts.items())
    return (
        item.name,
        words[f"ask_{item.name}"],
        [(words[f"answer_{one}"], count) for one, count in tally.counts.items()],
    )


def _newer(look: Look, after: float) -> int:
    """Count the answers that count and were stored after a moment, once for each clip that they judge."""
    counted = [look.sessions[one.code] for one in look.people if one.counted and one.code in look.sessions]
    return sum(at > after for one in counted if one.last and one.last.timestamp() > after for at in one.at)


def cells_there(study: Study) -> tuple[int, int]:
    """Return how many of the clips under test there are, and how many there should be."""
    wanted = wanted_cells(study.config, study.manifest)
    clips = study.manifest.clips if study.manifest else ()
    return len(wanted & {cell_of(clip) for clip in clips}), len(wanted)
