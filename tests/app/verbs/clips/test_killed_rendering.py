"""A rendering that is killed again and again: what is there is whole, and the clips are those of one that was not."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import soundfile
from served import ROOT, until
from tiny_study import CONDITIONS, PROMPTS, tiny_study

from app.cli import main

KILLS = 2


def clips(study: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (study / "clips").glob("*.flac")}


def rendered(study: Path) -> list[Path]:
    return list((study / "clips" / "raw").glob("*.flac"))


def made(study: Path) -> int:
    """Count the checkpoints and clips that are there."""
    return len(list((study / "models").glob("*.safetensors"))) + len(rendered(study))


def over(rendering: subprocess.Popen[bytes], study: Path, wanted: int) -> bool:
    """Say whether a rendering has made so much, or has ended."""
    return made(study) >= wanted or rendering.poll() is not None


def test_it_goes_on_where_it_was_killed(tmp_path: Path, seed: int) -> None:
    rng, one, other = random.Random(seed), tiny_study(tmp_path / "one", seed), tiny_study(tmp_path / "other", seed)
    for kill in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-m", "app", "generate", str(one)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as rendering:
            # Among the checkpoints, then among the clips: once there is more than there was.
            wanted = made(one) + 1 + rng.randrange(2)
            until(partial(over, rendering, one, wanted), seconds=300)
            rendering.kill()
        for path in rendered(one):
            assert soundfile.info(path).frames > 0, f"half a clip after kill {kill + 1}"
    assert main(["generate", str(one)]) == 0
    assert main(["generate", str(other)]) == 0
    assert len(clips(other)) == len(CONDITIONS) * len(PROMPTS)
    assert clips(one) == clips(other)
