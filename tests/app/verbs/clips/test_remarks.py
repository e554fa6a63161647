"""The verb check remarks on noise, and refuses nothing for it."""

import hashlib
from dataclasses import replace

import numpy as np
import pyloudnorm
import soundfile
from served import CONDITIONS, PROMPTS, RATE, SECONDS, write_study

from app.cli import main
from survey import read_manifest, write_manifest


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
    digests = {}
    for condition, sound in sounds.items():
        path = study / "clips" / f"p5.{condition}.1000.flac"
        loudness = pyloudnorm.Meter(RATE).integrated_loudness(sound)
        soundfile.write(path, sound * 10 ** ((-26 - loudness) / 20), RATE, subtype="PCM_16")
        digests[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    listed = study / "clips" / "manifest.json"
    manifest = read_manifest(listed)
    clips = tuple(replace(c, sha256=digests.get(c.file, c.sha256)) for c in manifest.clips)
    write_manifest(listed, replace(manifest, clips=clips))
    assert main(["check", str(study)]) == 0
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("remark: p5.sqs-w8a8.1000 sounds like noise beside p5.baseline.1000: spectral flatness ")
    assert f"{len(PROMPTS) * len(CONDITIONS)} clips passed the launch gate" in said.out
