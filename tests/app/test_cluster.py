"""Rendering on a Ray cluster that starts on this machine: the same clips, and a killed worker costs one of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from tiny_study import tiny_study

from app.cluster import LOCAL, Job, render_on_cluster
from app.errors import UsageError
from app.pipeline import generate_study
from app.study import read_study
from quant.errors import QuantError
from quant.sampling import Sampling

ray = pytest.importorskip("ray")


@pytest.fixture
def study(tmp_path: Path, seed: int) -> Path:
    return tiny_study(tmp_path / "study", seed)


def clips_of(study: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (study / "clips").glob("*.flac")}


def jobs_of(study: Path, count: int, steps: int) -> list[Job]:
    settings = Sampling(steps=steps, seconds=1, cfg_scale=2)
    target = study / "clips" / "raw"
    return [Job(str(study / "tiny"), None, None, "rain", n, settings, target / f"{n}.flac") for n in range(count)]


def rendering_workers() -> set[int]:
    """Processes of this machine that are rendering a clip: Ray gives them its task's name."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::render_clip"):
                found.add(int(path.parent.name))
        except OSError:  # ended meanwhile
            continue
    return found


def test_clips_are_those_rendered_here(study: Path) -> None:
    _, config = read_study(study)
    manifest = generate_study(study, config, cluster=LOCAL)
    assert len(manifest.clips) == 6
    there = clips_of(study)
    generate_study(study, config, fresh=True)
    here = clips_of(study)
    assert set(there) == set(here)
    # One thread or two may sum in another order; what is heard is the same.
    from quant.clips import read_flac

    for name in here:
        samples, _ = read_flac(study / "clips" / name)
        (study / "clips" / "there.flac").write_bytes(there[name])
        others, _ = read_flac(study / "clips" / "there.flac")
        assert samples.shape == others.shape
        assert abs(samples.astype(int) - others).mean() < 0.01 * abs(samples.astype(int)).mean()


def test_killed_worker_costs_its_clip_in_hand_only(study: Path, tmp_path: Path) -> None:
    finished: list[int] = []
    killed: list[int] = []

    def kill_one() -> None:
        while not killed:
            if finished and (workers := rendering_workers()):
                os.kill(pid := min(workers), signal.SIGKILL)
                killed.append(pid)
            time.sleep(0.01)  # between looks at /proc

    (study / "clips" / "raw").mkdir(parents=True)
    jobs = jobs_of(study, 8, steps=20)
    threading.Thread(target=kill_one, daemon=True).start()
    render_on_cluster(LOCAL, jobs, lambda job: finished.append(job.seed))
    assert killed
    assert sorted(finished) == list(range(8))
    assert len({job.target.read_bytes() for job in jobs}) == 8


def test_finished_clips_are_not_rendered_again(study: Path) -> None:
    _, config = read_study(study)
    generate_study(study, config)
    raw = sorted((study / "clips" / "raw").glob("*.flac"))
    raw[0].unlink()
    before = {path: path.stat().st_mtime_ns for path in raw[1:]}
    generate_study(study, config, cluster=LOCAL)
    assert raw[0].is_file()
    assert before == {path: path.stat().st_mtime_ns for path in raw[1:]}


def test_model_that_is_not_there_is_refused_in_one_line(study: Path) -> None:
    job = jobs_of(study, 1, steps=1)[0]
    lost = Job(str(study / "gone"), None, None, job.prompt, 1, job.settings, job.target)
    with pytest.raises(QuantError, match="gone"):
        render_on_cluster(LOCAL, [lost], lambda job: None)


def test_cluster_that_does_not_answer_is_refused(study: Path) -> None:
    with pytest.raises(UsageError, match=r"--ray 127\.0\.0\.1:1: no cluster answers there"):
        render_on_cluster("127.0.0.1:1", jobs_of(study, 1, steps=1), lambda job: None)
