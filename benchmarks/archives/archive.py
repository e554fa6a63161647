"""An archive of 1,000 clips: seconds to write it, to hold every file against its hash, and to restore it.

    earmark bench archive

Clips are noise of 6 to 10 s under 4 conditions and 250 prompts; 20 people have rated 100 of them each.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from random import Random

from benchmarks.common.borrowed import borrow
from benchmarks.common.report import options, publish
from benchmarks.own import seconds_of, write_clips

PROMPTS, RATERS, EACH, ROUNDS, SEED = 250, 20, 25, 3, 1
SESSION = "session: {practice: 0, headphone_check: none, must_listen: false, prompts_per_participant: 25}\n"


def rated_study(folder: Path) -> Path:
    """Import the clips of a study, and let people rate them."""
    borrow()
    from routes import Routes

    write_clips(folder / "clips", PROMPTS)
    study = folder / "study"
    study.mkdir()
    (study / "study.yaml").write_text(f"name: archived\nclips: {folder / 'clips'}\n{SESSION}", encoding="utf-8")
    seconds_of("generate", study)
    routes, rng = Routes(study), Random(SEED)
    for number in range(RATERS):
        state = routes.begin(f"rater {number}")
        while state["stage"] != "done":
            state = routes.rate(f"rater {number}", state, score=rng.randint(1, 5))
    routes.study.close()
    seconds_of("state", study, "close")
    return study


def main() -> None:
    """Archive, verify and restore; print how long it took."""
    arguments = options(__doc__)
    taken: dict[str, list[float]] = {"archive_s": [], "hashes_s": [], "verify_s": [], "restore_s": []}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        study = rated_study(folder)
        for number in range(ROUNDS):
            path = folder / f"{number}.zip"
            taken["archive_s"].append(seconds_of("archive", study, "-o", path))
            taken["hashes_s"].append(seconds_of("archive", study, "-o", folder / f"hashes-{number}.zip", "--hashes"))
            taken["verify_s"].append(seconds_of("verify", path))
            taken["restore_s"].append(seconds_of("restore", path, folder / f"restored-{number}"))
        same = len({(folder / f"{number}.zip").read_bytes() for number in range(ROUNDS)}) == 1
        size = (folder / "0.zip").stat().st_size / 1e6
    figures = {name: statistics.median(times) for name, times in taken.items()} | {"size_mb": size, "same": float(same)}
    notes = {
        "archive_s": f"s to archive {4 * PROMPTS:,} clips and {4 * EACH * RATERS:,} ratings (target 60)",
        "hashes_s": "s to archive the same with the clips' hashes alone",
        "verify_s": "s to hold every file against its hash",
        "restore_s": "s to put it into a folder",
        "size_mb": "MB of the archive",
        "same": f"1 if {ROUNDS} archives have the same bytes",
    }
    publish(figures, notes, arguments.json)


if __name__ == "__main__":
    main()
