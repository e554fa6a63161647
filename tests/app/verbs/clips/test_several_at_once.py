"""A study whose clips are rendered several at once: the same files, each with a note of how long it took."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_study import CONDITIONS, PROMPTS, tiny_study

from app.cli import main
from app.folder import read_study
from app.progress import Progress
from app.verbs.clips.cluster import A_TASK, Job, tasks
from app.verbs.clips.pipeline import Pipeline
from quant.rendering.sampling import Sampling


@pytest.fixture
def cores() -> Iterator[Callable[[int], None]]:
    """Set how many threads torch has, and so how many clips are rendered at once, for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def clips_and_notes(study: Path) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    raw = study / "clips" / "raw"
    clips = {path.name: path.read_bytes() for path in raw.glob("*.flac")}
    return clips, [json.loads((raw / name).with_suffix(".json").read_text()) for name in sorted(clips)]


def test_files_are_those_of_one_at_a_time_and_say_how_long_they_took(
    tmp_path: Path, seed: int, cores: Callable[[int], None]
) -> None:
    study = tiny_study(tmp_path / "study", seed)
    found = []
    for together in (2, 1):
        cores(together)
        assert main(["generate", str(study), "--fresh"]) == 0
        assert json.loads((study / "progress.json").read_text())["state"] == "done"
        clips, notes = clips_and_notes(study)
        assert len(clips) == len(CONDITIONS) * len(PROMPTS)
        took = [note.pop("took") for note in notes]
        assert {one["together"] for one in took} == {together}
        assert all(0 < one["seconds"] < 60 for one in took)
        found.append((clips, notes))
    assert found[0] == found[1]


class Stopped(Progress):
    """Ctrl-C as soon as a clip is there."""

    def say(self, message: str) -> None:
        super().say(message)
        if any((self.folder / "clips" / "raw").glob("*.flac")):
            raise KeyboardInterrupt


def test_what_is_finished_stays_after_an_interrupt_and_the_rest_is_rendered(
    tmp_path: Path, seed: int, cores: Callable[[int], None]
) -> None:
    cores(2)
    study = tiny_study(tmp_path / "study", seed)
    text = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text(text.replace(", ".join(CONDITIONS), "baseline").replace("rain]", "rain, bell]"))
    folder, config = read_study(study)
    run = Pipeline(folder, config)
    with pytest.raises(KeyboardInterrupt), Stopped(folder, run.clip_steps()) as progress:
        run.render(progress)
    kept = {path: path.stat().st_mtime_ns for path in (study / "clips" / "raw").iterdir()}
    assert sorted(path.suffix for path in kept) == [".flac", ".json"]
    assert main(["generate", str(study)]) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(clips_and_notes(study)[0]) == 3


@pytest.mark.parametrize("workers", [1, 2, 16])
def test_tasks_of_a_cluster_are_a_few_clips_of_one_model(workers: int) -> None:
    job = Job("", "tiny", (), "", "", None, None, "rain", 0, Sampling())
    jobs = [replace(job, checkpoint_sha256=sha256, seed=seed) for sha256 in (None, "a") for seed in range(11)]
    made = tasks(jobs, workers)
    assert [one for some in made for one in some] == jobs
    assert all(len({one.checkpoint_sha256 for one in some}) == 1 for some in made)
    assert max(map(len, made)) == {1: A_TASK, 2: A_TASK, 16: 1}[workers]
