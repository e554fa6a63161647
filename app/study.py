"""A study folder being served: its configuration, clips, store and secrets."""

import logging
import os
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path

from app.counts import counted, months_before
from app.errors import UsageError
from app.live.gate import Gate, Stamp, stamp_of
from app.live.gold import gold_clips, read_gold
from app.live.health import CLIPS, Health
from app.live.instructed import instructed_clips
from app.live.panels import Notices
from app.live.running import Runs
from app.live.stopping import Stopping
from app.output.terminal import word
from app.settings import Secrets, Settings, load_secrets, on_command_line
from db import Store, database_url, launched_studies, open_engine
from survey import (
    Clip,
    Manifest,
    Problem,
    StudyConfig,
    SurveyError,
    check_clips,
    load_config,
)
from survey.clips.cells import wanted_cells
from survey.config.reading import files_of
from survey.config.revision import changes, completed, frozen, in_force, with_frozen
from survey.config.session import PANELS
from survey.launch.clips import clip_items
from survey.launch.panels import panel_items
from survey.launch.protocol import Item, problems_of
from survey.trials.design import GOLD

logger = logging.getLogger(__name__)


class Study:
    """What the pages need to know of a study; opened once a process.

    Of one that `counts` the clips that are served are counted.
    """

    counts = True

    def __init__(self, folder: Path, settings: Settings, *, keyed: bool = True) -> None:
        self.folder = folder
        self.clips = folder / "clips"
        written = load_config(folder / "study.yaml")
        self._written: tuple[tuple[Path, ...], tuple[Stamp | None, ...], StudyConfig | None] = (), (), None
        self.store, self.config = open_store(folder, written, settings, keyed=keyed)
        self.secrets: Secrets = load_secrets(folder, settings)
        self.gate = Gate(self.clips, self._check, self._take_over)
        self.runs = Runs(self.store)
        self.stopping = Stopping(self.store, self.config, lambda: self.manifest)
        self.health = Health(self.store, self.gate, folder)
        self.notices = Notices(self.store, self.health, self.config.recruitment.platform)
        self._threads = len(os.sched_getaffinity(0))  # while nobody takes part; then the gate's own thread is enough
        self.gate.open()
        self._threads = 1

    @property
    def manifest(self) -> Manifest | None:
        """The manifest that is served; None before there are clips."""
        return self.gate.taken.manifest

    @property
    def problems(self) -> list[Problem]:
        """What the launch gate says against it."""
        return list(self.gate.taken.problems)

    @property
    def unchecked(self) -> list[Item]:
        """What of the clips it could not check."""
        return [item for item in self.gate.taken.items if item.outcome == "unchecked"]

    @property
    def ready(self) -> bool:
        """Whether there are clips and the launch gate lets them pass."""
        taken = self.gate.taken
        return taken.manifest is not None and not taken.problems

    @property
    def plays(self) -> bool:
        """Whether the clips are there, or soon will be, so that somebody may begin."""
        return self.ready and not any(fault.part == CLIPS and not fault.expected for fault in self.health.look())

    @property
    def loudness(self) -> float:
        """The middle loudness of the clips in LUFS, for the sound check."""
        return _loudness(self.manifest)

    def refresh(self, *, wait: bool = False) -> None:
        """Have clips that were rendered again checked and taken over while people take part; see app/live/gate.py."""
        self.gate.refresh(wait=wait)

    def _check(self, manifest: Manifest) -> list[Item]:
        """Put clips through the launch gate; that study.yaml is not what is served may be why they fail: said first."""
        items = check(self.config, manifest, self.clips, self._threads)
        if problems_of(items):
            try:
                changed = self.changes()
            except SurveyError as error:
                changed = str(error).split("\n")
            for line in changed:
                logger.error("%s", line)
        return items

    def _take_over(self, manifest: Manifest) -> Sequence[Clip]:
        wanted = self.config.session.instructed_checks or self.store.clips.instructs()
        instructed = instructed_clips(self.folder, _loudness(manifest)) if wanted else []
        beside = [*instructed, *gold_clips(self.folder, self.config.session.gold)]
        self.store.clips.sync(manifest, beside)
        return beside

    def changes(self) -> list[str]:
        """Say in a line each what stands in study.yaml, or came of another process, that this server does not do.

        Told last is what somebody has to do: about visitors who do not fit the study, and about old answers.

        Raises
        ------
        ConfigError
            If study.yaml cannot be used as it stands.
        """
        written, newest, lines = self._as_written(), self.store.revisions.find(), []
        if self.store.rekeyed:
            lines.append(
                "the key has changed (EARMARK_SECRET, or else .secret.json): sessions under way and links "
                "sent before no longer work; put the old key back to let them continue"
            )
        if self.store.revisions.outdated():
            lines.append("a new revision of the study was made; restart the server to serve it")
        elif refused := refused_changes(self.folder, self.store, self.config, written):
            lines.append(refused)
        free = with_frozen(written, self.config) if newest else written
        if free != self.config:
            lines.append("study.yaml was changed after this server started; restart it to use the change")
        lines += [*self._broken_rules(), *self.notices.lines()]
        if overdue := self._overdue():
            lines.append(overdue)
        return lines

    def _as_written(self) -> StudyConfig:
        """Read study.yaml, unless it and the files that it names are as they were: the desk asks every few seconds."""
        files, stamps, written = self._written
        if written is None or not files or None in stamps or stamps != tuple(map(stamp_of, files)):
            files = files_of(self.folder / "study.yaml")
            stamps = tuple(map(stamp_of, files))  # before it is read, so that a change in between is read next
            written = load_config(self.folder / "study.yaml")
            self._written = files, stamps, written
        return written

    def _broken_rules(self) -> list[str]:
        """Say which rules of the panel that people come from the study breaks."""
        panel = self.config.recruitment.platform
        items = panel_items(self.config, panel) if panel in PANELS else []
        return [f"against the rules of {panel}: {one.found}; {one.remedy}" for one in items if one.outcome == "fail"]

    def _overdue(self) -> str:
        """Say whose answers are kept for longer than participants were told; empty if nobody's are."""
        months = self.config.recruitment.retention_months
        since = months_before(datetime.now(UTC).date(), months)
        due = self.store.participants.unseen_since(datetime.combine(since, time(), UTC)) if months else []
        if not due:
            return ""
        kept = f"the answers of {counted(len(due), 'participant')} are older than {counted(months, 'month')}"
        return f"{kept} (retention_months); delete them: earmark purge {word(self.folder)} --before {since}"

    def close(self) -> None:
        """Take over no more clips, and let go of the database."""
        self.gate.close()
        self.health.close()
        self.store.close()


def _loudness(manifest: Manifest | None) -> float:
    levels = [clip.loudness_lufs for clip in manifest.clips] if manifest else []
    return statistics.median(levels) if levels else -23.0


def open_store(
    folder: Path, written: StudyConfig, settings: Settings, keyed: bool = False
) -> tuple[Store, StudyConfig]:
    """Open a study's store, and give the configuration in force: as written, but for what is frozen since the launch.

    Only where it is ``keyed`` are participants found by their tokens.

    Raises
    ------
    UsageError
        If the study was launched under another name.
    ConfigError
        If what is written does not go with what is frozen.
    """
    engine = open_engine(database_url(folder, settings.database_url))
    launched = launched_studies(engine)
    if settings.database_url is None and launched and written.name not in launched:
        engine.dispose()
        raise UsageError(
            f"{folder / 'study.yaml'}: name: is {written.name}, but study.db holds {launched[0]}; change the name "
            "back, or use another folder for another study"
        )
    key = load_secrets(folder, settings).key if keyed else None
    store = Store(
        engine,
        written.name,
        written.session,
        written.recruitment,
        frozen=frozen(written),
        key=key,
        questions=written.questions,
    )
    newest = store.revisions.find()
    if newest is None:
        return store, written
    part = newest.frozen if newest.complete else completed(newest.frozen, written)
    config = in_force(part, written)
    store.revisions.adopt(part)
    return store, config


def refused_changes(folder: Path, store: Store, config: StudyConfig, written: StudyConfig) -> str:
    """Say in one line what of study.yaml is not taken over because people took part already; empty if all is."""
    newest, changed = store.revisions.find(), changes(config, written)
    if newest is None or not changed:
        return ""
    more = f" (and {len(changed) - 3} more)" if len(changed) > 3 else ""
    return (
        f"study.yaml: {'; '.join(changed[:3])}{more}, but people took part in revision {newest.number}, which stays in "
        f"force; change it back, or make a new revision: earmark revise {word(folder)}"
    )


def check(config: StudyConfig, manifest: Manifest, folder: Path, threads: int = 1) -> list[Item]:
    """Put a study's clips through the launch gate, the gold clips of study.yaml among them, item by item."""
    problems = _gold_problems(config, manifest, folder.parent) + check_clips(
        manifest,
        folder,
        cells=wanted_cells(config, manifest),
        seconds=config.sampling.seconds if config.clips is None else None,
        attention_checks=config.session.attention_checks,
        threads=threads,
    )
    return clip_items(manifest, config.session, problems)


def _gold_problems(config: StudyConfig, manifest: Manifest, folder: Path) -> list[Problem]:
    """Say which gold clips of study.yaml cannot be used, or that there are none for the checks that it asks for."""
    problems = []
    for number, entry in enumerate(config.session.gold, 1):
        try:
            read_gold(folder, entry, number)
        except UsageError as error:
            problems.append(Problem(f"gold {number}", "gold", str(error)))
    if config.session.gold_checks and not config.session.gold and not any(one.kind == GOLD for one in manifest.clips):
        message = "session.gold_checks asks for gold clips, and there are none; list some in session.gold, or use 0"
        problems.append(Problem("", "gold", message))
    return problems


def refuse_changes(folder: Path, written: StudyConfig, settings: Settings) -> None:
    """Refuse to work on a study whose frozen part was changed since its launch; nothing is made to find that out.

    Raises
    ------
    UsageError
        If it was.
    """
    if settings.database_url is None and not (folder / "study.db").is_file():
        return
    store, config = open_store(folder, written, settings)
    try:
        if refused := refused_changes(folder, store, config, written):
            raise UsageError(refused)
    finally:
        store.close()


def revise_study(folder: Path, written: StudyConfig, settings: Settings) -> list[str]:
    """Make a new revision of a launched study from its study.yaml, and say in a line each what it changes.

    Raises
    ------
    UsageError
        If nobody has taken part, or nothing that is frozen was changed.
    """
    store, config = open_store(folder, written, settings)
    try:
        newest, changed = store.revisions.find(), changes(config, written)
        if newest is None:
            raise UsageError(f"{folder}: nobody has taken part yet, so changes of study.yaml need no revision")
        if not changed:
            raise UsageError(
                f"{folder}: study.yaml is the same as revision {newest.number}; there is nothing to revise"
            )
        number = store.revisions.revise(frozen(written))
        store.actions.add(on_command_line(), "revise", {"revision": number})
    finally:
        store.close()
    return [
        f"revision {number}: " + "; ".join(changed),
        f"next: earmark generate {word(folder)}, then start earmark serve {word(folder)} again",
    ]
