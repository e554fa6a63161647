"""The verb check remarks on noise, and refuses nothing for it."""

import hashlib
from dataclasses import replace

import numpy as np
import pyloudnorm
from served import CONDITIONS, PROMPTS, RATE, SECONDS, encoded, write_study

from app.cli import main
from survey import read_manifest, write_manifest
from survey.clips.sizes import equal_sizes


def chord(rng):
    """Three notes, each a little out of tune."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    notes = sum(np.sin(2 * np.pi * tone * (1 + 0.002 * rng.standard_normal()) * time) for tone in (220, 277, 330))
    return np.stack((notes, notes), axis=1)


def test_noise_is_remarked_on_before_people_hear_it(tmp_path, seed, capsys):
    study = write_study(tmp_path / "study", session="headphone_check: none, attention_checks: 0")
    assert main(["check", str(study)]) == 0
    assert capsys.readouterr().err == ""
    rng = np.random.default_rng(seed)
    # The clips of this study are filtered noise, for which white noise may pass; a chord is not.
    sounds = {name: chord(rng) for name in CONDITIONS} | {
        "sqs-w8a8": rng.standard_normal((int(SECONDS * RATE), 2)),
    }
    digests, meter = {}, pyloudnorm.Meter(RATE)
    level = [sound * 10 ** ((-26 - meter.integrated_loudness(sound)) / 20) for sound in sounds.values()]
    for condition, content in zip(sounds, equal_sizes([encoded(sound) for sound in level]), strict=True):
        path = study / "clips" / f"p5.{condition}.1000.flac"
        path.write_bytes(content)
        digests[path.name] = hashlib.sha256(content).hexdigest()
    listed = study / "clips" / "manifest.json"
    manifest = read_manifest(listed)
    clips = tuple(replace(c, sha256=digests.get(c.file, c.sha256)) for c in manifest.clips)
    write_manifest(listed, replace(manifest, clips=clips))
    assert main(["check", str(study)]) == 0
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("remark: p5.sqs-w8a8.1000 sounds like noise beside p5.baseline.1000: spectral flatness ")
    assert f"{len(PROMPTS) * len(CONDITIONS)} clips passed the launch gate" in said.out
