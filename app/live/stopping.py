"""The stopping rule of a study: what its confidence sequences show while it runs, however often somebody looks.

Only who has finished is in a sequence, so that nobody's place or difference in it changes later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from app.counts import counted

if TYPE_CHECKING:
    from analysis.conclude.sequential import Watched
    from db import Store
    from db.results.watching import Look
    from survey import Manifest, StudyConfig


@dataclass(frozen=True)
class Sequence:
    """What is shown of each condition, after how many people; `rule` is the sequence that the study was to stop by."""

    rule: str
    people: int
    conditions: tuple[Watched, ...]

    @property
    def ends(self) -> bool:
        """Whether the study may stop: each condition is shown to be equivalent to the baseline, or different."""
        return bool(self.conditions) and all(one.equivalent_at or one.different_at for one in self.conditions)

    @property
    def words(self) -> str:
        """Say whether the study may stop."""
        if not self.conditions:
            return "Go on: nobody has finished yet."
        if self.ends:
            return f"The study may stop: after {counted(self.people, 'participant')} all is shown that it asks."
        left = [one.condition for one in self.conditions if not (one.equivalent_at or one.different_at)]
        return f"Go on, or stop undecided: nothing is shown yet of {', '.join(left)}."

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        conditions = [{**one.as_dict(), "words": one.words} for one in self.conditions]
        told = {"rule": self.rule, "people": self.people, "ends": self.ends, "words": self.words}
        return {**told, "conditions": conditions}


class Stopping:
    """Keeps what each who finished said, so that a look reads those alone who have finished since the last."""

    def __init__(self, store: Store, config: StudyConfig, manifest: Callable[[], Manifest | None]) -> None:
        self._store, self._config, self._manifest, self._lock = store, config, manifest, Lock()
        self._kept: dict[str, tuple[datetime, dict[str, float]]] = {}
        self._last: tuple[tuple[str, ...], Sequence] | None = None

    def look(self, look: Look) -> Sequence | None:
        """Say what is shown by a look at the study; None if it has no stopping rule."""
        if self._config.analysis.stopping == "none":
            return None
        people = (one for one in look.people if one.counted and one.finished_at and one.revision == look.revision)
        finished = tuple(one.code for one in people)
        with self._lock:
            if self._last is None or self._last[0] != finished:
                self._last = finished, self._shown(finished)
            return self._last[1]

    def _shown(self, finished: tuple[str, ...]) -> Sequence:
        import pandas as pd

        from analysis.conclude.sequential import watch
        from analysis.read.matched import Differences

        config = self._config
        rules, others = config.analysis, [name for name in self._compared() if name != config.analysis.baseline]
        self._read([code for code in finished if code not in self._kept])
        held = {code: self._kept[code] for code in finished if code in self._kept}
        last = pd.Series([at for at, _ in held.values()], dtype="datetime64[us, UTC]")
        raters = pd.DataFrame({"participant": list(held), "rated_at": last})
        table = pd.DataFrame([one for _, one in held.values()], index=list(held), columns=others, dtype=float)
        rows = watch(
            raters,
            Differences(rules.baseline, table),
            margin=rules.equivalence_margin,
            alpha=rules.alpha,
            reach=config.points,
        )
        found = tuple(one for one in rows if one.method == rules.stopping) if held else ()
        return Sequence(rules.stopping, len(held), found)

    def _read(self, codes: Iterable[str]) -> None:
        """Read what these people said, and keep their mean differences from the baseline."""
        import pandas as pd

        from analysis.read.matched import cells

        columns = ["participant", "prompt", "seed", "condition", "score", "rated_at"]
        rows = list(self._store.results.scores(codes))
        if not rows:
            return
        frame = pd.DataFrame(rows, columns=columns)
        last = frame.groupby("participant")["rated_at"].max()
        differences = cells(frame, self._compared()).against(self._config.analysis.baseline).table
        for code, row in differences.to_dict("index").items():
            self._kept[str(code)] = last[code].to_pydatetime(), {str(name): value for name, value in row.items()}

    def _compared(self) -> list[str]:
        """Return the conditions that are compared: own clips that are anchors are none."""
        rules, manifest = self._config.analysis, self._manifest()
        told = manifest.variants if manifest else {}
        return [
            name
            for name in self._config.conditions
            if name == rules.baseline or told.get(name, {}).get("anchor") is not True
        ]
