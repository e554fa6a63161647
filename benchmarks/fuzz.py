"""Damaged and hostile files against every reader, led by what code they reach; 20 seconds each.

    earmark bench fuzz --only PART

A reader takes a file or refuses it in one line. What it does neither with is kept under `artefacts/fuzz/` and named.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from benchmarks.common.report import options, publish
from benchmarks.fuzzing.mutate import mutated
from benchmarks.fuzzing.targets import ROOT, TARGETS

SECONDS = 20
KEPT = ROOT / "artefacts" / "fuzz"
PACKAGES = ["survey", "analysis", "quant", "app"]
NOTES = {
    "runs": "files that were read",
    "reached": "places in the code that they reached, by atheris's count",
    "faults": "1 if one was neither taken nor refused in one line (target 0)",
}


def measure(name: str) -> dict[str, int]:
    """Fuzz a reader in a process of its own: a crash ends that one."""
    command = [sys.executable, "-m", "benchmarks.fuzz", "--read", name]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    runs = re.findall(r"^#(\d+)\s.*?cov: (\d+)", ended.stderr, re.MULTILINE)
    if ended.returncode:
        print(ended.stderr[-3000:], file=sys.stderr)
    last = runs[-1] if runs else ("0", "0")
    return {"runs": int(last[0]), "reached": int(last[1]), "faults": int(ended.returncode != 0)}


def fuzz(name: str) -> None:
    """Let atheris choose the files for a reader until the time is over, or one is a fault."""
    import atheris

    with atheris.instrument_imports(include=PACKAGES, enable_loader_override=False):
        target = TARGETS[name]
        seeds = target.seeds()
        with tempfile.TemporaryDirectory() as folder:
            target.refusal(seeds[0], Path(folder))  # imports what it needs

    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, data in enumerate(seeds):
            (corpus / str(number)).write_bytes(data)

        def one(data: bytes) -> None:
            target.refusal(data, Path(folder))

        def change(data: bytes, most: int, seed: int) -> bytes:
            rng = random.Random(seed)
            ours = mutated(rng, [data or b"\0"]) if rng.random() < 0.5 else atheris.Mutate(data, most)
            return bytes(ours[:most])

        warnings.simplefilter("ignore")
        largest = max(map(len, seeds)) + 20_000
        KEPT.mkdir(parents=True, exist_ok=True)
        limits = [f"-max_total_time={SECONDS}", f"-max_len={largest}", "-timeout=60", "-rss_limit_mb=6000"]
        atheris.Setup(
            [sys.argv[0], str(corpus), *limits, f"-artifact_prefix={KEPT}/{name}-"], one, custom_mutator=change
        )
        atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        fuzz(sys.argv[2])
    else:
        arguments = options(__doc__, TARGETS)
        names = [arguments.only] if arguments.only else list(TARGETS)
        figures = {f"{name}_{what}": value for name in names for what, value in measure(name).items()}
        publish(figures, {key: NOTES[key.rpartition("_")[2]] for key in figures}, arguments.json)
