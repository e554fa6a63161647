"""Rendering on a Ray cluster that starts on this machine: the same clips, and a killed worker costs one of them."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tiny_study import tiny_study

from app.cli import main
from app.folder import read_study
from app.verbs.clips.cluster import LOCAL, Job, render_clip, render_on_cluster
from app.verbs.clips.pipeline import generate_study
from quant.configuration.identity import computed_sha256
from quant.errors import NumberError, QuantError
from quant.files import file_sha256
from quant.pretrained.jsonfile import read_json
from quant.rendering.clips import read_flac
from quant.rendering.sampling import Sampling

pytest.importorskip("ray")


@pytest.fixture
def study(tmp_path: Path, seed: int) -> Path:
    return tiny_study(tmp_path / "study", seed)


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


def kill_one(stop: threading.Event, killed: list[int]) -> None:
    while not killed and not stop.wait(0.02):
        if workers := rendering_workers():
            os.kill(pid := min(workers), signal.SIGKILL)
            killed.append(pid)


def test_clips_are_those_rendered_here_though_a_worker_is_killed(study: Path) -> None:
    _, config = read_study(study)
    killed: list[int] = []
    stop = threading.Event()
    killer = threading.Thread(target=kill_one, args=(stop, killed), daemon=True)
    killer.start()
    manifest = generate_study(study, config, cluster=LOCAL)
    stop.set()
    killer.join()
    assert killed, "no worker was seen"
    assert not rendering_workers()
    assert all(clip.recipe["device"] == "cpu" for clip in manifest.clips)
    there = {clip.file: read_flac(study / "clips" / clip.file)[0].astype(int) for clip in manifest.clips}
    assert len(there) == len(config.prompts) * len(config.conditions) * len(config.sampling.seeds)
    assert not any("tmp" in path.suffix for path in (study / "clips" / "raw").iterdir())
    generate_study(study, config, fresh=True)
    for name, found in there.items():
        # One thread or two may sum in another order; what is heard is the same.
        here = read_flac(study / "clips" / name)[0].astype(int)
        assert here.shape == found.shape
        assert abs(here - found).mean() < 0.01 * abs(here).mean()
    # All is there: no cluster is asked, so that this one's silence does not matter.
    generate_study(study, config, cluster="127.0.0.1:1")


def test_the_papers_table_is_rendered_on_as_many_workers_as_there_are(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captions, folder = study / "captions.csv", study / "table1"
    captions.write_text("youtube_id,caption\na,rain\nb,a dog barking\n")
    words = ["--model", str(study / "tiny"), "--captions", str(captions), "-o", str(folder), "--ray"]
    quick = ["--conditions", "baseline,sqs-w8a8", "--steps", "2", "--calibration", "1", "--metrics", "log_mel_distance"]
    assert main(["table1", *words, *quick]) == 0
    said = capsys.readouterr().out
    cores = len(os.sched_getaffinity(0))
    assert re.search(rf"4 clips: about .* of one worker; on {cores} workers? ", said)
    assert len(list((folder / "clips" / "raw").glob("[!.]*.flac"))) == 4
    assert (folder / "metrics" / "table1.csv").is_file()


def job_of(study: Path, model: str = "tiny") -> Job:
    """The first clip of a study's baseline, as a cluster is asked for it."""
    sampling = asdict(read_study(study)[1].sampling)
    (seed,) = sampling.pop("seeds")
    weights = file_sha256(study / "tiny" / "model.safetensors")
    said = computed_sha256(read_json(study / "tiny" / "model_config.json"))
    stimulus, prompt = f"p1.baseline.{seed}", "a dog barking"
    return Job(stimulus, str(study / model), (), weights, said, None, None, prompt, seed, Sampling(**sampling))


def test_fault_of_a_clip_is_said_in_one_line_and_what_is_finished_stays(study: Path) -> None:
    finished: list[str] = []
    with pytest.raises(QuantError, match="gone: no such model"):
        render_on_cluster(LOCAL, [job_of(study), job_of(study, "gone")], lambda job, *_: finished.append(job.model))
    assert set(finished) <= {job_of(study).model}


def test_a_machine_with_another_model_says_so(study: Path) -> None:
    """One that it has under the study's name; how what is raised there arrives, the test above says."""
    for other, what in (
        (replace(job_of(study), model_sha256="0" * 64), "the model"),
        (replace(job_of(study), config_sha256="0" * 64), "model_config.json of"),
    ):
        with pytest.raises(QuantError, match=rf"p1\.baseline\.1000: {what} .*tiny on .* is not the study"):
            render_clip(other, None, "cpu")


def test_numbers_that_are_none_are_said_as_if_rendered_here(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text(text.replace("baseline, sqs-w8a8, sqd-lora-w8a8", "baseline"))
    weights = study / "tiny" / "model.safetensors"
    state = load_file(weights)
    state["model.model.transformer.project_out.weight"][0] = 3e38  # numbers, and too large to be added up
    save_file(state, weights)
    assert main(["generate", str(study)]) == 2
    here = capsys.readouterr().err.splitlines()[-1].removeprefix("earmark: ")
    assert here.startswith("p1.baseline.1000: 'a dog barking', seed 1000: NaN or infinity at step 1 of 3, ")
    assert "first from transformer.project_out; " in here
    with pytest.raises(NumberError, match=f"^{re.escape(here)}$"):
        render_clip(job_of(study), None, "cpu")


def test_clips_of_unlike_machines_are_not_mixed(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cluster's machines say themselves what renders there; here it is another limit of the processor."""
    assert main(["generate", str(study)]) == 0
    raw = study / "clips" / "raw"
    gone = min(raw.glob("*.flac"))
    gone.unlink()
    before = {path.name for path in raw.iterdir()}
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert main(["generate", str(study), "--ray"]) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert "oneDNN up to AVX2" in complaint
    assert "earmark generate --fresh" in complaint
    assert {path.name for path in raw.iterdir()} == before


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_cluster_that_does_not_answer_is_refused(study: Path, scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    address = f"{scheme}127.0.0.1:{free_port()}"
    assert main(["generate", str(study), "--ray", address]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"earmark: --ray {address}: no cluster answers there (Connection refused); ")


@pytest.mark.parametrize("address", ["elsewhere", "host:port", ":6379", "127.0.0.1:99999"])
def test_what_is_no_address_is_refused(study: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(study), "--ray", address]) == 2
    assert f"earmark: --ray {address}: " in capsys.readouterr().err.splitlines()[-1]


def test_without_ray_the_remedy_is_named(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["generate", str(study), "--ray"]) == 2
    assert "pip install -r requirements-ray.txt" in capsys.readouterr().err.splitlines()[-1]
