"""A study as it is rehearsed: its own configuration and clips, over a store that is thrown away."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.live.gate import Taken
from app.live.health import Health
from app.live.panels import Notices
from app.live.running import Runs
from app.settings import Settings, load_secrets
from app.study import Study
from db import Store, database_url, open_engine
from db.actions import MOST

FORGOTTEN = timedelta(days=1)  # after which a rehearsal that nobody ended is deleted


class Rehearsed(Study):
    """A study that lets in whoever rehearses it, whatever state the study itself is in.

    Tokens and addresses are made with a key of its own, so that none of it opens anything of the study.

    Parameters
    ----------
    study
        Whose launch gate says which clips are served.
    scratch
        Folder of the store and the key; processes that are given the same one share them.
    """

    counts = False

    def __init__(self, study: Study, scratch: Path) -> None:
        self.study, self.folder, self.clips, self.gate = study, study.folder, study.clips, study.gate
        recruitment = replace(study.config.recruitment, target_participants=MOST, open_link=True)
        self.config = config = replace(study.config, recruitment=recruitment)
        self.secrets = load_secrets(scratch, Settings())  # without a kiosk's PIN: here is nobody to be kept out
        self.store = Store(
            open_engine(database_url(scratch)),
            config.name,
            config.session,
            recruitment,
            frozen=study.store.scope.frozen,
            key=self.secrets.key,
            questions=config.questions,
        )
        self.runs = Runs(self.store)
        self.health = Health(self.store, self.gate, self.folder)
        self.notices = Notices(self.store, self.health, recruitment.platform)
        self._taken: Taken | None = None
        self._taking = threading.Lock()

    def refresh(self, *, wait: bool = False) -> None:
        """Have the study look for clips that were rendered again, and serve those that it serves."""
        self.study.refresh(wait=wait)
        taken = self.gate.taken
        with self._taking:
            if taken is self._taken or taken.manifest is None or taken.problems:
                return
            beside = [clip for clip, _ in taken.sounds[len(taken.manifest.clips) :]]
            self.store.clips.sync(taken.manifest, beside)
            self._taken = taken

    def forget(self, token: str) -> None:
        """Delete the rehearsal that a token opens, if there is one, and those that were left long ago."""
        people = self.store.participants
        people.withdraw(token)
        people.purge(people.unseen_since(datetime.now(UTC) - FORGOTTEN), wait=0)

    def close(self) -> None:
        """Let go of the store; the clips are the study's."""
        self.health.close()
        self.store.close()
