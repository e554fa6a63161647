"""The verb check remarks on noise, and refuses nothing for it."""

import hashlib
from dataclasses import replace

import numpy as np
import pyloudnorm
import soundfile
from served import CONDITIONS, PROMPTS, RATE, SECONDS, write_study

from app.cli import main
from survey import read_manifest, write_manifest


def test_noise_is_remarked_on_before_people_hear_it(tmp_path, seed, capsys):
    study = write_study(tmp_path / "study", session="headphone_check: none, attention_checks: 0")
    assert main(["check", str(study)]) == 0
    assert capsys.readouterr().err == ""
    noise = np.random.default_rng(seed).standard_normal((int(SECONDS * RATE), 2))
    noise *= 10 ** ((-26 - pyloudnorm.Meter(RATE).integrated_loudness(noise)) / 20)
    path = study / "clips" / "p5.sqs-w8a8.1000.flac"
    soundfile.write(path, noise, RATE, subtype="PCM_16")
    listed = study / "clips" / "manifest.json"
    manifest, digest = read_manifest(listed), hashlib.sha256(path.read_bytes()).hexdigest()
    clips = tuple(replace(c, sha256=digest) if c.file == path.name else c for c in manifest.clips)
    write_manifest(listed, replace(manifest, clips=clips))
    assert main(["check", str(study)]) == 0
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("remark: p5.sqs-w8a8.1000 sounds like noise beside p5.baseline.1000: spectral flatness ")
    assert f"{len(PROMPTS) * len(CONDITIONS)} clips passed the launch gate" in said.out
