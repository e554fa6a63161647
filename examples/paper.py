"""The parts of examples/paper.sh that no verb of Earmark has: simulated ratings, and the card of a run.

python -m examples.paper ratings FOLDER
python -m examples.paper beside FOLDER
python -m examples.paper card FOLDER SECONDS
"""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from analysis import load_scales
from analysis.metrics.measured import Measured, read_measured
from analysis.report.metrics_page import write_metrics_page
from app import __version__
from benchmarks.common.report import hardware, versions

ROOT = Path(__file__).parent.parent
RATERS, PROMPTS, SEED = 20, 12, 1000
SIMULATED = "simulated-ratings.csv"
MODEL_OF_RATINGS = (
    "Simulated: score = 3.8 + rater (sd 0.3) + prompt (0.4) + rater x condition (0.2) + prompt x condition (0.15) + "
    "residual (0.7), rounded to 1 to 5. No condition differs from another; what the report finds is chance."
)


def write_ratings(folder: Path) -> Path:
    """Draw ratings of a mixed model without a difference between conditions, by participants that are called so."""
    measured = read_measured(folder / "table1" / "metrics" / "measured.json")
    with (folder / "table1" / "captions.csv").open(encoding="utf-8", newline="") as file:
        captions = list(csv.DictReader(file))[:PROMPTS]
    conditions, rng = list(measured.conditions), np.random.default_rng(SEED)
    size = RATERS, len(captions), len(conditions)
    parts = (
        0.3 * rng.standard_normal((RATERS, 1, 1)),
        0.4 * rng.standard_normal((1, len(captions), 1)),
        0.2 * rng.standard_normal((RATERS, 1, len(conditions))),
        0.15 * rng.standard_normal((1, len(captions), len(conditions))),
        0.7 * rng.standard_normal(size),
    )
    scores = np.broadcast_to(3.8 + sum(parts), size).round().clip(1, 5).astype(int)
    path = folder / SIMULATED
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["participant", "prompt_id", "prompt", "condition", "seed", "score"])
        for rater in range(RATERS):
            for number, caption in enumerate(captions):
                for place, condition in enumerate(conditions):
                    row = (f"simulated-{rater + 1:02}", caption["id"], caption["text"], condition, SEED)
                    writer.writerow([*row, scores[rater, number, place]])
    return path


def write_beside(folder: Path) -> Path:
    """Write the page that sets metrics beside the simulated ratings, which it says of itself."""
    measured = read_measured(folder / "table1" / "metrics" / "measured.json")
    said = f"THE RATINGS ON THIS PAGE ARE NOT OF PEOPLE. {MODEL_OF_RATINGS}"
    measured = replace(measured, study="simulated ratings", remarks=[said, *measured.remarks])
    out, ratings = folder / "metrics-beside-simulated", load_scales(folder / SIMULATED)
    return write_metrics_page(measured, out, ratings, raters="Simulated raters")


def card_of(folder: Path, seconds: float) -> dict[str, Any]:
    """Gather what a run was: the commit, the machine, versions, figures, and the checksum of every file behind them."""
    study = folder / "table1"
    measured = read_measured(study / "metrics" / "measured.json")
    report = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    files = [study / name for name in ("study.yaml", "captions.csv", "metrics/measured.json", "metrics/table1.csv")]
    files += [*sorted((study / "models").glob("*.safetensors")), folder / SIMULATED, folder / "report" / "report.json"]
    clips = sorted((study / "clips" / "raw").glob("*.flac"))
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "earmark": __version__,
        "machine": hardware(),
        "versions": versions(),
        "seconds": round(seconds),
        "model": json.loads((study / "table1.json").read_text(encoding="utf-8"))["model"],
        "figures": {
            one.key: {cell.condition: cell.value for cell in measured.cells if cell.column == one.key}
            for one in measured.columns
        },
        "networks": measured.networks,
        "reference": measured.reference,
        "simulated_ratings": MODEL_OF_RATINGS,
        "simulated_means": {row["condition"]: row["mean"] for row in report["conditions"]},
        "checksums": {path.relative_to(folder).as_posix(): sha256(path) for path in files},
        "clips": len(clips),
        "clips_sha256": hashlib.sha256("".join(map(sha256, clips)).encode()).hexdigest(),
        "remarks": list(measured.remarks),
    }


def card_text(card: dict[str, Any], measured: Measured) -> str:
    """Write the card for people."""
    conditions = list(measured.conditions)
    facts = [
        f"made {card['made']}, in {card['seconds']:,} s",
        f"commit {card['commit']}, Earmark {card['earmark']}",
        f"machine: {card['machine']}",
        f"versions: {', '.join(f'{name} {version}' for name, version in card['versions'].items())}",
        f"{card['clips']:,} clips, as the model gave them; sha256 of their sha256s {card['clips_sha256']}",
        f"reference: {card['reference']}",
        *(f"network {name}: {one['checkpoint']}, sha256 {one['sha256']}" for name, one in card["networks"].items()),
        *card["remarks"],
    ]
    rows = []
    for column in measured.columns:
        values = [card["figures"][column.key].get(name) for name in conditions]
        if any(value is not None for value in values):
            rows.append(_row(column.name, ["–" if value is None else f"{value:.4g}" for value in values]))
        else:
            cell = measured.cell(column.key, conditions[-1])
            facts.append(f"no value: {column.name}: {cell.why if cell else 'not measured'}")
    means = [card["simulated_means"].get(name) for name in conditions]
    rows.append(_row("SIMULATED mean rating", ["–" if mean is None else f"{mean:.2f}" for mean in means]))
    checksums = [_row(name, [f"`{value}`"]) for name, value in card["checksums"].items()]
    return "\n".join(
        [
            f"# The paper on {card['model']}",
            "",
            *(f"- {fact}" for fact in facts),
            "",
            _row("figure", conditions),
            "|---" * (len(conditions) + 1) + "|",
            *rows,
            "",
            card["simulated_ratings"],
            "",
            _row("file", ["sha256"]),
            "|---|---|",
            *checksums,
            "",
        ]
    )


def _row(name: str, cells: list[str]) -> str:
    return f"| {' | '.join(one.replace('|', chr(92) + '|') for one in (name, *cells))} |"


def commit() -> str:
    """Name the commit of this checkout, and say if it was changed; `unknown` outside of one."""
    try:
        found = [
            subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{found[0]}{' with changes' if found[1] else ''}"


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: list[str]) -> None:
    """Do a part."""
    part, folder = arguments[0], Path(arguments[1])
    if part != "card":
        {"ratings": write_ratings, "beside": write_beside}[part](folder)
        return
    card = card_of(folder, float(arguments[2]))
    text = json.dumps(card, indent=2, ensure_ascii=False)
    (folder / "card.json").write_text(text, encoding="utf-8")
    measured = read_measured(folder / "table1" / "metrics" / "measured.json")
    (folder / "card.md").write_text(card_text(card, measured), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
