"""The export: seconds and memory of `earmark export` for a million ratings in each format, and a tenth as XLSX.

The study is on SQLite: 10,000 sessions of 100 answers, checks, remarks and what was served among them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert
from sqlalchemy.engine import Connection

from benchmarks.common.report import options, publish

ROOT = Path(__file__).parents[2]
SEED = 1
CONDITIONS, PROMPTS, TRIALS = ("baseline", "sqs-w8a8", "sqd-lora-w8a8"), 40, 100
MANY, SOME = 10_000, 1_000  # sessions
STUDY = f"""name: export
model: mini
conditions: [{", ".join(CONDITIONS)}]
prompts:
""" + "".join(f"  - a sound that is number {number}, heard from afar\n" for number in range(1, PROMPTS + 1))
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def make_study(folder: Path, sessions: int) -> None:
    """Make a study whose sessions are all finished."""
    from app.settings import Settings
    from app.study import open_store
    from db.tables import Condition, Stimulus
    from survey import load_config
    from survey.config.revision import frozen

    folder.mkdir()
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    config = load_config(folder / "study.yaml")
    store, _ = open_store(folder, config, Settings())
    store.revisions.adopt(frozen(config))
    with store.scope.engine.execution_options(writes=True).begin() as db:
        study = store.scope.study_id
        named = [{"id": at, "study_id": study, "name": name} for at, name in enumerate(CONDITIONS, 1)]
        db.execute(insert(Condition), named)
        db.execute(insert(Stimulus), [_stimulus(study, at) for at in range(PROMPTS * len(CONDITIONS))])
        for first in range(0, sessions, 500):
            _people(db, study, range(first, min(first + 500, sessions)), config.session)
    store.close()


def _stimulus(study: int, at: int) -> dict[str, Any]:
    prompt, condition = divmod(at, len(CONDITIONS))
    name = f"p{prompt + 1}.{CONDITIONS[condition]}.1000"
    return {
        "id": at + 1, "study_id": study, "condition_id": condition + 1, "name": name, "prompt_id": f"p{prompt + 1}",
        "prompt": f"a sound that is number {prompt + 1}, heard from afar", "seed": 1000, "file": f"{name}.flac",
        "sha256": f"{at:064x}", "seconds": 8.0, "kind": "trial", "tolerance": 0.0, "place": at, "active": True,
    }  # fmt: skip


def _people(db: Connection, study: int, numbers: range, rules: Any) -> None:
    """Let people take part: who they are, their sessions, trials, answers and what they were served."""
    from dataclasses import asdict

    from db.tables import Participant, Rating, Served, Session, Trial

    rng = np.random.default_rng((SEED, numbers.start))
    stored = asdict(rules)
    people, sessions, trials, ratings, served = [], [], [], [], []
    for number in numbers:
        began = BEGAN + timedelta(minutes=number)
        people.append({
            "id": number + 1, "study_id": study, "code": f"P{number + 1:03d}", "token": f"{number:064x}",
            "source": "open", "created_at": began,
        })  # fmt: skip
        sessions.append({
            "id": number + 1, "study_id": study, "participant_id": number + 1, "design_index": number, "stage": "done",
            "consent_sha256": "0" * 64, "started_at": began, "finished_at": began + timedelta(hours=1),
            "outcome": "finished", "counted": True, "failures": 0, "revision": 1, "rules": stored, "log_bytes": 0,
            "opened": [0.0, 0.0], "language": "en", "device": "computer", "browser": "Firefox 133",
        })  # fmt: skip
        heard = rng.permutation(PROMPTS * len(CONDITIONS))[:TRIALS]
        scores, times = rng.integers(1, 6, TRIALS), rng.integers(9_000, 60_000, TRIALS)
        for place in range(TRIALS):
            at, stimulus, check = number * TRIALS + place + 1, int(heard[place]), place in (30, 60)
            trials.append({
                "id": at, "session_id": number + 1, "position": place + 1, "kind": "attention" if check else "trial",
                "stimulus_id": stimulus + 1, "prompt_id": f"p{stimulus // len(CONDITIONS) + 1}",
                "prompt": f"a sound that is number {stimulus // len(CONDITIONS) + 1}, heard from afar",
                "check": {"low": 1, "high": 2} if check else None, "question": "acr",
            })  # fmt: skip
            ratings.append({
                "id": at, "trial_id": at, "score": int(scores[place]), "plays": 1, "heard_seconds": 8.0,
                "response_ms": int(times[place]), "rated_at": began + timedelta(seconds=30 * place),
                "comment": "sounds like rain on a tin roof" if place % 10 == 0 else "",
                "open_ms": int(times[place]) + 150,
            })  # fmt: skip
            served.append({"trial_id": at, "place": 0, "stimulus_id": stimulus + 1, "at": began})
    for table, rows in (
        (Participant, people),
        (Session, sessions),
        (Trial, trials),
        (Rating, ratings),
        (Served, served),
    ):
        db.execute(insert(table.__table__), rows)


def export(folder: Path, name: str) -> tuple[float, float, int]:
    """Run the verb; return its seconds, its peak memory in MB and the size of the file."""
    command = [sys.executable, "-m", "app", "export", str(folder), "-o", str(folder / name)]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "DATABASE_URL": ""})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.monotonic() - began, usage.ru_maxrss / 1e3, (folder / name).stat().st_size


def main() -> None:
    """Export the large study in the formats of large tables, and the small one as a workbook."""
    arguments = options(__doc__)
    figures, notes = {}, {}
    with tempfile.TemporaryDirectory() as place:
        for name, sessions, formats in (("million", MANY, ("csv", "parquet", "json")), ("some", SOME, ("xlsx",))):
            make_study(Path(place) / name, sessions)
            many = f"{sessions * TRIALS:,} ratings"
            for suffix in formats:
                seconds, memory, size = export(Path(place) / name, f"r.{suffix}")
                figures |= {f"{suffix}_s": seconds, f"{suffix}_mb": memory}
                notes[f"{suffix}_s"] = (
                    f"s for {many} as {suffix.upper()}, {size / 1e6:,.0f} MB (target 20 for a million)"
                )
                notes[f"{suffix}_mb"] = "MB at its peak (target 500)"
    publish(figures, notes, arguments.json)


if __name__ == "__main__":
    main()
