"""The analysis: seconds and memory of ``earmark analyze`` for a usual file of ratings, and for a million of them."""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.report import options, publish

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


def analyze(path: Path, out: Path) -> tuple[float, float]:
    """Run the verb; return its seconds and the peak memory, in GB, of the largest such process so far."""
    began = time.monotonic()
    command = [sys.executable, "-m", "app", "analyze", str(path), "-o", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6


def main() -> None:
    """Analyse both files; the small one several times."""
    arguments = options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.csv", Path(folder) / "large.csv"
        write_ratings(small, 20, 5)
        write_ratings(large, 10_000, 34)
        times = [analyze(small, Path(folder) / "small")[0] for _ in range(ROUNDS)]
        seconds, memory = analyze(large, Path(folder) / "large")
    figures = {"report_300_s": statistics.median(times), "report_million_s": seconds, "report_million_gb": memory}
    notes = {
        "report_300_s": "s for 300 ratings, from the command to the page (target 15)",
        "report_million_s": "s for 1,020,000 ratings (target 60)",
        "report_million_gb": "GB at its peak (target 2)",
    }
    publish(figures, notes, arguments.json)


if __name__ == "__main__":
    main()
