"""The launch gate of a running study: it takes long, and nobody waits for it."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from served import RATE, Server, encoded, settings_of
from taking_part import begin, rate

from app.researcher.overview import Overview
from app.server import create_app
from survey import read_manifest, write_manifest
from survey.clips.sizes import padded


def render_anew(study: Path) -> tuple[Path, bytes]:
    """Replace one clip by a FIFO, which is read only once somebody writes into it, and write a manifest of it anew."""
    path = study / "clips" / "manifest.json"
    manifest = read_manifest(path)
    clip = manifest.clips[-1]
    place = study / "clips" / clip.file
    audio, _ = soundfile.read(place)
    sound = padded(encoded(audio[::-1]), place.stat().st_size)
    place.unlink()
    os.mkfifo(place)
    write_manifest(
        path, replace(manifest, clips=(*manifest.clips[:-1], replace(clip, sha256=sha256(sound).hexdigest())))
    )
    return place, sound


def let_pass(place: Path, sound: bytes, first: Callable[[], None] = lambda: None) -> None:
    """Give the gate, which waits for it, the clip, after what is to happen ``first`` while it waits."""
    with place.open("wb") as pipe:  # opens once the gate reads
        first()
        whole = place.with_suffix(".whole")
        whole.write_bytes(sound)
        whole.replace(place)  # read once more by the decoder
        pipe.write(sound)


def test_participants_go_on_with_the_old_clips_while_the_new_ones_are_checked(client, study):
    state = begin(client)
    held = client.app.state.study
    old = held.manifest
    place, sound = render_anew(study)
    held.refresh()
    for _ in range(3):
        assert client.get("/api/state").json()["stage"] == "practice"
        held.refresh()
        assert held.manifest is old
    state = rate(client, state).json()
    assert state["trial"]["number"] == 2
    assert held.gate.behind
    client.cookies.clear()
    assert begin(client)["stage"] == "practice", "others may begin"
    let_pass(place, sound)
    held.refresh(wait=True)
    assert held.manifest.clips[-1].sha256 == sha256(sound).hexdigest()
    assert not held.gate.behind
    assert held.ready
    active = {clip.file: clip for clip in held.manifest.clips}
    trial = held.store.trials.at(client.cookies["earmark"], 3)
    assert {clip.sha256 for clip in trial.clips} <= {clip.sha256 for clip in active.values()}


def test_what_the_gate_refuses_closes_the_study_when_it_is_known(client, study):
    begin(client)
    place, _ = render_anew(study)
    assert client.get("/api/state").json()["stage"] == "practice"
    let_pass(place, b"no sound")
    client.app.state.study.refresh(wait=True)
    assert client.get("/api/state").json()["reason"] == "not_ready"


def test_what_is_rendered_while_the_gate_works_is_checked_after_it(client, study):
    place, sound = render_anew(study)
    held = client.app.state.study
    held.refresh()
    path = study / "clips" / "manifest.json"
    manifest = read_manifest(path)
    let_pass(place, sound, lambda: write_manifest(path, replace(manifest, clips=manifest.clips[:-1])))
    held.refresh(wait=True)
    assert len(held.manifest.clips) == len(manifest.clips) - 1
    assert [problem.rule for problem in held.problems] == ["missing"]


def test_an_error_is_said_once_at_the_desk_and_in_the_log(study, caplog):
    """A recording that is no sound: the study goes on, and the next manifest is tried again."""
    yaml = study / "study.yaml"
    yaml.write_text(yaml.read_text().replace("headphone_check: none", "headphone_check: none, instructed_checks: 1"))
    with TestClient(create_app(study, settings_of(study)), follow_redirects=False) as client:
        held = client.app.state.study
        shown = Overview(held, client.app.state.rendering, client.app.state.reporting)
        path = study / "clips" / "manifest.json"
        (study / "spoken").mkdir()
        (study / "spoken" / "2.flac").write_bytes(b"no sound")
        for _ in range(3):
            os.utime(path)
            held.refresh(wait=True)
            held.refresh(wait=True)
        assert held.ready
        assert "record it again as FLAC" in shown.status()
        assert len([record for record in caplog.records if "could not be used" in record.message]) == 1
        soundfile.write(study / "spoken" / "2.flac", np.zeros(RATE), RATE)
        os.utime(path)
        held.refresh(wait=True)
        assert "record it again as FLAC" not in shown.status()
        assert held.gate.trouble == ""
        assert begin(client)["stage"] == "practice"


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_while_the_gate_works(study, ending):
    import httpx

    server = Server(study)
    server.start()
    render_anew(study)
    with httpx.Client(base_url=server.url) as client:
        assert client.get("/api/state").json()["stage"] == "consent"
        assert client.post("/api/step", json={"page": "consent"}).json()["stage"] == "sound_check"
    server._process.send_signal(ending)
    server._process.wait(20)
