"""A study folder being served: its configuration, clips, store and secrets."""

import hashlib
import logging
import statistics
import threading
from collections import Counter
from pathlib import Path

import soundfile

from app.errors import UsageError
from app.settings import Secrets, Settings, load_secrets, load_settings
from app.texts import texts
from app.tones import counted_tones
from db import CHECK, Store, database_url, open_engine
from survey import (
    QUESTION_TYPES,
    Clip,
    EventRow,
    Manifest,
    ManifestError,
    Problem,
    SessionRow,
    StudyConfig,
    check_clips,
    load_config,
    read_manifest,
    write_csv,
)

logger = logging.getLogger(__name__)


class Study:
    """What the pages need to know of a study; opened once a process."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.clips = folder / "clips"
        self.config: StudyConfig = load_config(folder / "study.yaml")
        self.secrets: Secrets = load_secrets(folder, settings)
        engine = open_engine(database_url(folder, settings.database_url))
        self.store = Store(
            engine,
            self.config.name,
            self.config.session,
            self.config.recruitment,
            self.config.scale,
            self.config.analysis.baseline,
        )
        self.manifest: Manifest | None = None
        self.problems: list[Problem] = []
        self._stamp: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self.refresh()

    @property
    def ready(self) -> bool:
        """Whether there are clips and the launch gate lets them pass."""
        return self.manifest is not None and not self.problems

    @property
    def loudness(self) -> float:
        """The middle loudness of the clips in LUFS, for the sound check."""
        levels = [clip.loudness_lufs for clip in self.manifest.clips] if self.manifest else []
        return statistics.median(levels) if levels else -23.0

    def refresh(self) -> None:
        """Take over the clips if they were rendered anew; faulty ones close the study and are logged."""
        with self._lock:
            stamp = self._manifest_stamp()
            if stamp is None or stamp == self._stamp:
                return
            try:
                manifest = read_manifest(self.clips / "manifest.json")
            except ManifestError as error:
                logger.error("%s", error)
                self.manifest, self._stamp = None, stamp
                return
            self.problems = check(self.config, manifest, self.clips)
            for problem in self.problems:
                logger.error("clip refused: %s: %s", problem.stimulus, problem.message)
            if not self.problems:
                self.manifest = manifest
                self.store.sync(manifest, instructed_clips(self) if self.config.session.instructed_checks else ())
            self.manifest, self._stamp = manifest, stamp

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()

    def _manifest_stamp(self) -> tuple[int, int] | None:
        try:
            stat = (self.clips / "manifest.json").stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size


def check(config: StudyConfig, manifest: Manifest, folder: Path) -> list[Problem]:
    """Put a study's clips through the launch gate."""
    return check_clips(
        manifest,
        folder,
        prompts=[prompt.id for prompt in config.prompts],
        conditions=QUESTION_TYPES[config.scale.type].conditions(config.conditions),
        seeds=config.sampling.seeds,
        seconds=config.sampling.seconds,
        attention_checks=config.session.attention_checks,
    )


def instructed_clips(study: Study) -> list[Clip]:
    """Write the sounds that say what to answer: the researcher's recordings in `spoken/`, or else tones to be counted.

    A recording is named by its answer, such as `2.flac`, and says it; the page says in its own language what
    to do. Raises UsageError for a recording that is none.
    """
    folder, made = study.clips / "checks", []
    folder.mkdir(exist_ok=True)
    spoken = sorted((study.folder / "spoken").glob("[1-5].flac"))
    sources = {path.stem: path for path in spoken} or dict.fromkeys("234")
    for answer, source in sources.items():
        content = source.read_bytes() if source else counted_tones(int(answer), study.loudness)
        path = folder / f"{answer}.flac"
        temporary = folder / f".{answer}.tmp"
        temporary.write_bytes(content)
        temporary.replace(path)
        try:
            facts = soundfile.info(path)
        except soundfile.SoundFileError as error:
            raise UsageError(f"{source}: no sound can be read from it ({error}); record it again as FLAC") from error
        made.append(
            Clip(
                stimulus=f"instructed.{answer}",
                prompt_id=f"instructed-{answer}",
                prompt=texts("en")["do_listen" if source else "do_count"],
                condition=CHECK,
                seed=int(answer),
                file=f"checks/{path.name}",
                sha256=hashlib.sha256(content).hexdigest(),
                seconds=facts.duration,
                sample_rate=facts.samplerate,
                channels=facts.channels,
                gain_db=0.0,
                loudness_lufs=study.loudness,
            )
        )
    return made


def export_study(folder: Path, target: Path) -> tuple[Counter[str], int]:
    """Write a study's ratings as tidy CSV to `target`, with `sessions.csv` and `events.csv` beside it, each atomically.

    Returns how many ratings there are of each kind of trial, and how many sessions.
    """
    config = load_config(folder / "study.yaml")
    store = Store(open_engine(database_url(folder, load_settings().database_url)), config.name, config.session)
    try:
        kinds, sessions = write_csv(target, store.ratings()), list(store.sessions())
        write_csv(target.with_name("sessions.csv"), sessions, SessionRow)
        write_csv(target.with_name("events.csv"), store.events(), EventRow)
        return kinds, len(sessions)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}); choose another with -o") from error
    finally:
        store.close()
