"""What the researcher's page shows of a study, as HTML; the templates escape every text that they are given."""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.jobs import Job, Rendering, Report
from app.pages import STATIC
from app.study import Study
from survey import ManifestError, load_config, read_manifest
from survey.design import TRIAL
from survey.errors import ConfigError

SHOWN_PROBLEMS = 12


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
_templates.filters.update(ago=ago, duration=duration, utc=utc)


def _show(template: str, **values: Any) -> str:
    return _templates.get_template(f"{template}.html").render(values)


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
        clips = self.study.manifest.clips if self.study.manifest else None
        state = (report.busy, report.state == "stopping", making, self.reporting.failure)
        return f"{hash((state, clips, tuple(self.study.problems)))}"

    def head(self) -> str:
        """Draw the study's name, whether it is open, and its numbers."""
        study = self.study
        people = study.store.progress()
        return _show(
            "head",
            study=study,
            config=study.config,
            clips=len(study.manifest.clips) if study.manifest else 0,
            wanted=len(study.config.prompts) * len(study.config.conditions) * len(study.config.sampling.seeds),
            started=sum(person.started_at is not None for person in people),
            finished=sum(person.finished_at is not None for person in people),
            ratings=sum(cell.ratings for cell in study.store.cells()),
        )

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

    def cells(self) -> str:
        """Draw the number of ratings of every prompt under every condition."""
        cells = self.study.store.cells()
        conditions = list(dict.fromkeys(cell.condition for cell in cells))
        counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(conditions, 0))
        for cell in cells:
            counts[cell.prompt_id, cell.prompt][cell.condition] += cell.ratings
        totals = {name: sum(row[name] for row in counts.values()) for name in conditions}
        most = max((number for row in counts.values() for number in row.values()), default=0)
        return _show("cells", conditions=conditions, counts=counts, totals=totals, most=most)

    def people(self) -> str:
        """Draw every participant with how far they are; last seen means the last answer or step that is dated."""
        last: dict[str, datetime] = {}
        for row in self.study.store.ratings():
            last[row.participant] = max(row.rated_at, last.get(row.participant, row.rated_at))
        people = self.study.store.progress()
        return _show("people", people=people, last=last, recruitment=self.study.config.recruitment)

    def files(self) -> str:
        """Draw the ratings and the report, to be had."""
        path = self.report_path
        made = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.is_file() else None
        counted = [row.rated_at for row in self.study.store.ratings() if row.kind == TRIAL]
        return _show(
            "files",
            total=len(counted),
            made=made,
            newer=sum(moment > made for moment in counted) if made else 0,
            busy=self.reporting.alive,
            failure="" if self.reporting.alive else self.reporting.failure,
        )

    def has_ratings(self) -> bool:
        """Say whether anything can be analysed."""
        return any(row.kind == TRIAL for row in self.study.store.ratings())

    def _edited(self) -> str:
        """Say what became of study.yaml since this server read it, if anything did."""
        path = self.study.folder / "study.yaml"
        try:
            same = load_config(path) == self.study.config
        except ConfigError as error:
            return str(error)
        return "" if same else f"{path.name} was changed after this server started; restart it to take that over"
