"""Own clips and ratings from elsewhere: seconds from files to an open survey, and from other tools' files to a report.

    earmark bench own

Clips are 4 conditions of noise of 6 to 10 s, in several formats and at several rates. Ratings are the same 10,000 in
each shape: 50 raters, 50 prompts, 4 conditions.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.common.report import options, publish
from benchmarks.road import free_port, opened

ROOT = Path(__file__).parent.parent
SEED, ROUNDS = 1, 3
SYSTEMS = ("reference", "anchor35", "sysA", "sysB")
RATERS, PROMPTS = 50, 50
SOUNDS = (("wav", 48_000, 1), ("flac", 44_100, 2), ("wav", 22_050, 1), ("ogg", 44_100, 1))

Rating = tuple[int, int, int, int]  # rater, prompt, system, score
Rows = list[list[object]]


def write_clips(folder: Path, prompts: int) -> None:
    """Write a clip of each prompt under each of four conditions, `condition/prompt.ext`."""
    rng = np.random.default_rng(SEED)
    for system, (suffix, rate, channels) in zip(SYSTEMS, SOUNDS, strict=True):
        (folder / system).mkdir(parents=True)
        for number in range(prompts):
            length = int(rate * rng.uniform(6, 10))
            samples = 0.1 * rng.standard_normal((length, channels)) * rng.uniform(0.3, 1)
            soundfile.write(folder / system / f"a sound, number {number:03}.{suffix}", samples, rate)


def earmark(*words: str | Path) -> list[str]:
    """Return a command line."""
    return [sys.executable, "-m", "app", *map(str, words)]


def seconds_of(*words: str | Path) -> float:
    """Run a verb and measure it."""
    began = time.monotonic()
    subprocess.run(earmark(*words), cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def seconds_to_page(study: Path, clips: Path) -> float:
    """Make a study of own clips, serve it, and measure until a participant's page is open."""
    began, port = time.monotonic(), free_port()
    seconds_of("new", study, "--clips", clips)
    command = earmark("serve", study, "--port", str(port))
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        opened(server, port, "/api/state", began)
        return time.monotonic() - began
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.wait(30)


# --- the shapes of other tools' files --------------------------------------------------------------


def ratings() -> list[Rating]:
    """Draw 10,000 scores from 1 to 5 of a mixed model."""
    rng = np.random.default_rng(SEED)
    means = np.array([4.4, 2.1, 3.7, 3.3])
    size = RATERS, PROMPTS, len(SYSTEMS)
    noise = 0.3 * rng.standard_normal((RATERS, 1, 1)) + 0.7 * rng.standard_normal(size)
    scores = (means + noise).round().clip(1, 5).astype(int)
    return [(int(r), int(p), int(s), int(scores[r, p, s])) for r, p, s in np.ndindex(size)]


def _rows(rated: list[Rating], head: str, row: Callable[[Rating], list[object]]) -> Rows:
    return [list(head.split(",")), *(row(one) for one in rated)]


def tidy(rated: list[Rating]) -> Rows:
    """Earmark's own columns."""
    return _rows(
        rated, "participant,prompt,condition,score", lambda o: [f"r{o[0]}", f"prompt {o[1]}", SYSTEMS[o[2]], o[3]]
    )


def synonyms(rated: list[Rating]) -> Rows:
    """Plain columns under other names."""
    return _rows(rated, "Listener ID,Text,System,MOS", lambda o: [f"r{o[0]}", f"prompt {o[1]}", SYSTEMS[o[2]], o[3]])


def webmushra(rated: list[Rating]) -> Rows:
    """Results of webMUSHRA and pymushra."""
    head = (
        "session_test_id,email,age,gender,session_uuid,trial_id,rating_stimulus,rating_score,rating_time,rating_comment"
    )
    return _rows(
        rated, head, lambda o: ["s", f"r{o[0]}", "", "", f"u{o[0]}", f"t{o[1]}", SYSTEMS[o[2]], o[3] * 20 - 5, 9000, ""]
    )


def mturk(rated: list[Rating]) -> Rows:
    """A batch file of MTurk: ten clips a task."""
    head = [
        "HITId",
        "WorkerId",
        "AssignmentStatus",
        *(f"Input.clip{n}" for n in range(10)),
        *(f"Answer.q{n}" for n in range(10)),
    ]
    rows: Rows = [list(head)]
    for start in range(0, len(rated), 10):
        ten = rated[start : start + 10]
        clips = [f"https://clips.example/{SYSTEMS[s]}/p{p}.wav" for _, p, s, _ in ten]
        rows.append([f"H{start}", f"W{ten[0][0]}", "Approved", *clips, *(score for *_, score in ten)])
    return rows


def voicemos(rated: list[Rating]) -> Rows:
    """A list without a header, as of the VoiceMOS Challenge."""
    return [[SYSTEMS[s], f"{SYSTEMS[s]}-utt{p}.wav", score, "s", f"20-29_Male_r{r}_na"] for r, p, s, score in rated]


def wide(rated: list[Rating], by: str) -> Rows:
    """A column a condition, a column a clip, or a column a rater."""
    cells: dict[tuple[str, ...], dict[str, int]] = {}
    for r, p, s, score in rated:
        rater, prompt, system = f"r{r}", f"p{p}", SYSTEMS[s]
        key, column = {
            "condition": ((rater, prompt), system),
            "clip": ((rater,), f"{system}/{prompt}.wav"),
            "rater": ((f"{system}/{prompt}.wav",), f"subject_{r}"),
        }[by]
        cells.setdefault(key, {})[column] = score
    head = {"condition": ["participant", "prompt"], "clip": ["participant"], "rater": ["sample"]}[by]
    columns = list(next(iter(cells.values())))
    return [[*head, *columns], *([*key, *(of[column] for column in columns)] for key, of in cells.items())]


def qualtrics(rated: list[Rating]) -> Rows:
    """Three header rows, and a line a participant."""
    clips = {(p, s): f"Q{p}_{s + 1}" for _, p, s, _ in rated}
    texts = {(p, s): f"Rate the sound. - {SYSTEMS[s]}/p{p}.wav" for p, s in clips}
    meta = ["StartDate", "EndDate", "Status", "Progress", "Finished", "ResponseId"]
    rows: Rows = [
        [*meta, *clips.values()],
        [*meta, *texts.values()],
        [json.dumps({"ImportId": name}) for name in (*meta, *clips.values())],
    ]
    answers: dict[int, dict[tuple[int, int], int]] = {}
    for r, p, s, score in rated:
        answers.setdefault(r, {})[p, s] = score
    for r, of in answers.items():
        rows.append(
            ["2026-01-01 10:00:00", "2026-01-01 11:00:00", "IP Address", 100, "True", f"R_{r}", *(of[c] for c in clips)]
        )
    return rows


def google_forms(rated: list[Rating]) -> Rows:
    """A time, and a column a question."""
    table = wide(rated, "clip")
    rows: Rows = [["Timestamp", "Your name", *(f"How good is it? [{name}]" for name in table[0][1:])]]
    return rows + [["1/2/2026 10:00:00", *row] for row in table[1:]]


def jspsych(rated: list[Rating]) -> Iterator[object]:
    """A record a trial, in one list."""
    for index, (r, p, s, score) in enumerate(rated):
        yield {
            "trial_type": "audio-slider-response",
            "trial_index": index % (PROMPTS * len(SYSTEMS)),
            "stimulus": f"audio/{SYSTEMS[s]}/p{p}.wav",
            "response": score,
            "rt": 3000,
            "subject": f"r{r}",
        }


def potato(rated: list[Rating]) -> Iterator[object]:
    """A record an item and annotator."""
    for r, p, s, score in rated:
        yield {
            "id": f"{SYSTEMS[s]}/p{p}.wav",
            "annotator": f"r{r}",
            "annotations": {"quality": {f"scale_{score}": str(score)}},
        }


TABLES: dict[str, Callable[[list[Rating]], Rows]] = {
    "tidy": tidy,
    "synonyms": synonyms,
    "webmushra": webmushra,
    "mturk": mturk,
    "voicemos": voicemos,
    "wide_conditions": lambda rated: wide(rated, "condition"),
    "wide_clips": lambda rated: wide(rated, "clip"),
    "wide_raters": lambda rated: wide(rated, "rater"),
    "qualtrics": qualtrics,
    "google_forms": google_forms,
}


def write_files(folder: Path) -> dict[str, Path]:
    """Write the ratings in every shape."""
    rated, found = ratings(), {}
    for name, shape in TABLES.items():
        found[name] = folder / f"{name}.csv"
        with found[name].open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(shape(rated))
    found["jspsych"], found["potato"] = folder / "jspsych.json", folder / "potato.jsonl"
    found["jspsych"].write_text(json.dumps(list(jspsych(rated))), encoding="utf-8")
    found["potato"].write_text("".join(f"{json.dumps(one)}\n" for one in potato(rated)), encoding="utf-8")
    return found


def main() -> None:
    """Import, serve and analyse; print how long it took."""
    arguments = options(__doc__)
    figures: dict[str, float] = {}
    notes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_clips(folder / "few", 15)
        times = [seconds_to_page(folder / f"study{number}", folder / "few") for number in range(ROUNDS)]
        figures["page_60_s"] = statistics.median(times)
        notes["page_60_s"] = "s from 60 files to an open page: new --clips, serve (target 30)"
        write_clips(folder / "many", 500)
        figures["import_2000_s"] = seconds_of("new", folder / "large", "--clips", folder / "many")
        notes["import_2000_s"] = "s to import 2,000 clips (target 180)"
        for name, path in write_files(folder).items():
            words = ("analyze", path, "--baseline", SYSTEMS[0], "-o", folder / "report")
            figures[f"{name}_s"] = statistics.median(seconds_of(*words) for _ in range(ROUNDS))
            notes[f"{name}_s"] = "s to analyse 10,000 ratings in this shape (target 10)"
    publish(figures, notes, arguments.json)


if __name__ == "__main__":
    main()
