"""A study folder being served: its configuration, clips, store and secrets."""

import logging
import statistics
import threading
from collections import Counter
from pathlib import Path

from app.errors import UsageError
from app.settings import Secrets, Settings, load_secrets, load_settings
from db import Store, database_url, open_engine
from survey import Manifest, ManifestError, Problem, StudyConfig, check_clips, load_config, read_manifest, write_csv

logger = logging.getLogger(__name__)


class Study:
    """What the pages need to know of a study; opened once a process."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.clips = folder / "clips"
        self.config: StudyConfig = load_config(folder / "study.yaml")
        self.secrets: Secrets = load_secrets(folder, settings)
        self.store = Store(open_engine(database_url(folder, settings.database_url)), self.config.name)
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
                self.store.sync(manifest, self.config.session)
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
        conditions=config.conditions,
        seeds=config.sampling.seeds,
        seconds=config.sampling.seconds,
    )


def export_ratings(folder: Path, target: Path) -> Counter[str]:
    """Write a study's ratings as tidy CSV, atomically; returns how many there are of each kind."""
    config = load_config(folder / "study.yaml")
    store = Store(open_engine(database_url(folder, load_settings().database_url)), config.name)
    try:
        return write_csv(target, store.ratings())
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}); choose another with -o") from error
    finally:
        store.close()
