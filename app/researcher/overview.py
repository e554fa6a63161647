"""What the researcher's page shows of a study, as HTML; the templates escape every text that they are given."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import SQLAlchemyError

from app.folder import STATIC
from app.progress import Report
from app.researcher.commands import with_commands
from app.researcher.jobs import Job, Rendering
from app.researcher.people import FINISHED, UNDER_WAY, count_people, others_in_words, sharing
from app.study import Study
from app.texts import texts
from db.results.tallies import Tally
from survey import ManifestError, SurveyError, read_manifest
from survey.clips.cells import cell_of, wanted_cells

SHOWN_PROBLEMS = 12
SHOWN_PEOPLE = 500  # of those who came last: a page of thousands takes a browser seconds, every few seconds


def ago(moment: datetime | None) -> str:
    """Say how long ago something was, or its day if that is long."""
    if moment is None:
        return "–"
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if seconds < 60:
        return "just now"
    for unit, size, limit in (("min", 60, 60), ("h", 3600, 24), ("d", 86400, 14)):
        if seconds < size * limit:
            return f"{int(seconds / size)} {unit} ago"
    return f"{moment:%d %b %Y}"


def duration(seconds: float) -> str:
    """Say roughly how long something takes."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def utc(moment: datetime) -> str:
    """Return the exact time, for the tooltip."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


_templates = Environment(
    loader=FileSystemLoader(STATIC / "admin"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_templates.filters.update(ago=ago, commands=with_commands, duration=duration, utc=utc)


def _show(template: str, **values: Any) -> str:
    return _templates.get_template(f"{template}.html").render(values)


def _or_fault(draw: Callable[["Overview"], str]) -> Callable[["Overview"], str]:
    """Where the database fails, draw what is wrong instead; the page asks every few seconds, the log says it once."""

    @wraps(draw)
    def drawn(shown: "Overview") -> str:
        try:
            return draw(shown)
        except SQLAlchemyError as error:
            if not shown.study.health.take(error):
                raise
            return _show("faults", faults=shown.study.health.known())

    return drawn


class Overview:
    """The parts of the page, each drawn anew when asked for."""

    def __init__(self, study: Study, rendering: Rendering, reporting: Job) -> None:
        self.study, self.rendering, self.reporting = study, rendering, reporting

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

    @_or_fault
    def head(self) -> str:
        """Draw the study's name, whether it is open, and its numbers."""
        study = self.study
        newest = study.store.revisions.find()
        number = newest.number if newest else 0
        count = count_people(study.store.results.progress(), number)
        rated = study.store.results.given(number) if number else []
        there, wanted = cells_there(study)
        return _show(
            "head",
            study=study,
            config=study.config,
            running=study.runs.look(),
            clips=there,
            wanted=wanted,
            finished=count[FINISHED],
            under_way=count[UNDER_WAY],
            others=others_in_words(count),
            ratings=sum(clips for _, clips in rated),
            revision=number,
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
        return _show(
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
        return _show("clips", conditions=conditions, prompts=rows)

    @_or_fault
    def cells(self) -> str:
        """Draw the number of ratings of every prompt under every condition."""
        cells = self.study.store.results.cells()
        conditions = list(dict.fromkeys(cell.condition for cell in cells))
        counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(conditions, 0))
        for cell in cells:
            counts[cell.prompt_id, cell.prompt][cell.condition] += cell.ratings
        totals = {name: sum(row[name] for row in counts.values()) for name in conditions}
        most = max((number for row in counts.values() for number in row.values()), default=0)
        return _show("cells", conditions=conditions, counts=counts, totals=totals, most=most)

    @_or_fault
    def people(self) -> str:
        """Draw every participant with how far they are; last seen means the last answer or step that is dated."""
        results = self.study.store.results
        people = results.progress()
        recruitment, tallies = self.study.config.recruitment, [_in_words(tally) for tally in results.tallies()]
        newest = people[-SHOWN_PEOPLE:]
        shown = {
            "more": len(people) - len(newest),
            "last": results.last_given(),
            "flagged": results.flagged(),
            "recruitment": recruitment,
            "tallies": tallies,
            "sharing": sharing(people),
        }
        return _show("people", people=newest, **shown)

    @_or_fault
    def files(self) -> str:
        """Draw the ratings and the report, to be had."""
        path = self.report_path
        made = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.is_file() else None
        given = self.study.store.results.given()
        return _show(
            "files",
            total=sum(clips for _, clips in given),
            made=made,
            newer=sum(clips for at, clips in given if at > made) if made else 0,
            busy=self.reporting.alive,
            failure="" if self.reporting.alive else self.reporting.failure,
        )

    def has_ratings(self) -> bool:
        """Say whether anything can be analysed."""
        return bool(self.study.store.results.given())

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


def cells_there(study: Study) -> tuple[int, int]:
    """Return how many of the clips under test there are, and how many there should be."""
    wanted = wanted_cells(study.config, study.manifest)
    clips = study.manifest.clips if study.manifest else ()
    return len(wanted & {cell_of(clip) for clip in clips}), len(wanted)
