"""The analysis: seconds and memory of ``earmark analyze`` for a usual file of ratings, and for large ones.

Large are a million ratings of a full design; 187 systems, each with clips of its own, heard by 300 raters; and 300,000
ratings of 2,000 raters who each heard 50 of 2,000 prompts.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common.report import options, publish

ROOT = Path(__file__).parent.parent
CONDITIONS = ("baseline", "sqs-w8a8", "sqd-lora-w8a8")
SEED = 1
ROUNDS = 3


def write_ratings(path: Path, raters: int, prompts: int) -> None:
    """Write ratings of every prompt under every condition by every rater, from a mixed model, rounded to 1..5."""
    rng = np.random.default_rng(SEED)
    size = raters, prompts, len(CONDITIONS)
    parts = (
        3.6 - 0.05 * np.arange(len(CONDITIONS)),
        0.3 * rng.standard_normal((raters, 1, 1)),
        0.35 * rng.standard_normal((1, prompts, 1)),
        0.2 * rng.standard_normal((raters, 1, len(CONDITIONS))),
        0.15 * rng.standard_normal((1, prompts, len(CONDITIONS))),
        0.7 * rng.standard_normal(size),
    )
    scores = np.broadcast_to(sum(parts), size).round().clip(1, 5).astype(int)
    with path.open("w", encoding="utf-8") as file:
        file.write("participant,prompt,condition,score\n")
        for rater in range(raters):
            for prompt in range(prompts):
                for place, condition in enumerate(CONDITIONS):
                    file.write(f"P{rater},prompt {prompt},{condition},{scores[rater, prompt, place]}\n")


def write_systems(path: Path) -> None:
    """Write what 300 raters gave to 187 systems, each with 13 clips of its own, of which a rater heard 82 at random."""
    rng = np.random.default_rng(SEED)
    system, clip, rater = rng.normal(3, 0.5, 187), rng.normal(0, 0.4, (187, 13)), rng.normal(0, 0.3, 300)
    with path.open("w", encoding="utf-8") as file:
        file.write("participant,prompt,condition,score\n")
        for one in range(300):
            for number in rng.choice(187 * 13, 82, replace=False):
                which, own = divmod(int(number), 13)
                score = system[which] + clip[which, own] + rater[one] + 0.7 * rng.standard_normal()
                file.write(f"P{one},clip {number},system {which},{int(np.clip(round(score), 1, 5))}\n")


def write_sparse(path: Path) -> None:
    """Write what 2,000 raters gave to 50 of 2,000 prompts each, under every condition."""
    rng = np.random.default_rng(SEED)
    rater, prompt = rng.normal(3.5, 0.4, 2000), rng.normal(0, 0.4, (2000, len(CONDITIONS)))
    with path.open("w", encoding="utf-8") as file:
        file.write("participant,prompt,condition,score\n")
        for one in range(2000):
            for number in rng.choice(2000, 50, replace=False):
                shared = rater[one] + 0.4 * rng.standard_normal()
                for place, condition in enumerate(CONDITIONS):
                    score = shared + prompt[number, place] + 0.7 * rng.standard_normal()
                    file.write(f"P{one},prompt {number},{condition},{int(np.clip(round(score), 1, 5))}\n")


def analyze(path: Path, out: Path, *more: str) -> tuple[float, float]:
    """Run the verb; return its seconds and its peak memory in GB."""
    command = [sys.executable, "-m", "app", "analyze", str(path), "-o", str(out), *more]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.monotonic() - began, usage.ru_maxrss / 1e6


def main() -> None:
    """Analyse all files; the small one several times."""
    arguments = options(__doc__)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_ratings(folder / "300.csv", 20, 5)
        write_ratings(folder / "million.csv", 10_000, 34)
        write_systems(folder / "systems.csv")
        write_sparse(folder / "sparse.csv")
        times = [analyze(folder / "300.csv", folder / "300")[0] for _ in range(ROUNDS)]
        figures = {"report_300_s": statistics.median(times)}
        for large, more in (("million", ()), ("systems", ("--baseline", "system 0")), ("sparse", ())):
            seconds, memory = analyze(folder / f"{large}.csv", folder / large, *more)
            figures |= {f"report_{large}_s": seconds, f"report_{large}_gb": memory}
        figures["report_systems_mb"] = (folder / "systems" / "report.html").stat().st_size / 1e6
    notes = {
        "report_300_s": "s for 300 ratings, from the command to the page (target 6)",
        "report_million_s": "s for 1,020,000 ratings (target 40)",
        "report_million_gb": "GB at its peak (target 1)",
        "report_systems_s": "s for 187 systems and 300 raters, 24,600 ratings (target 60)",
        "report_systems_gb": "GB at its peak (target 1)",
        "report_systems_mb": "MB of its page (target 5)",
        "report_sparse_s": "s for 300,000 ratings of 2,000 raters and 2,000 prompts (target 60)",
        "report_sparse_gb": "GB at its peak (target 2)",
    }
    publish(figures, notes, arguments.json)


if __name__ == "__main__":
    main()
