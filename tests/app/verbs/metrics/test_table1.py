"""The paper's Table 1 from captions, on a tiny model: rendered, measured, gone on with, and refused."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import stats
from tiny_study import tiny_model

from analysis.metrics.measured import read_measured
from app.cli import main
from app.folder import ENTRIES
from app.verbs.metrics.captions import read_captions, spread

CAPTIONS = [
    ("11", "aaa", "0", "a dog barking"),
    ("12", "aaa", "0", "dogs, two of them"),
    ("21", "bbb", "30", "rain"),
    ("31", "ccc", "10", "rain"),
    ("41", "ddd", "5", "a church bell"),
]
SECONDS = 1.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model that was trained on clips of a second, and captions."""
    folder = tmp_path_factory.mktemp("table1")
    tiny_model(folder / "tiny", seed=int.from_bytes(os.urandom(4)))
    config = json.loads((folder / "tiny" / "model_config.json").read_text())
    config["sample_size"] = round(SECONDS * config["sample_rate"])
    (folder / "tiny" / "model_config.json").write_text(json.dumps(config))
    write_captions(folder / "captions.csv", CAPTIONS)
    return folder


@pytest.fixture(scope="module")
def done(place: Path) -> Path:
    """The experiment on all captions, under two conditions and two seeds."""
    assert main(command(place, place / "done", "--seeds", "2")) == 0
    return place / "done"


def write_captions(path: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("audiocap_id", "youtube_id", "start_time", "caption"), *rows])
    return path


def command(place: Path, out: Path, *more: str) -> list[str]:
    """Two conditions, two steps and a metric that hears with no network."""
    given = ("--model", str(place / "tiny"), "--captions", str(place / "captions.csv"), "-o", str(out))
    quick = ("--conditions", "baseline,sqs-w8a8", "--steps", "2", "--calibration", "1", "--metrics", "log_mel_distance")
    return ["table1", *given, *quick, *more]


def raw(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "clips" / "raw").glob("[!.]*.flac")}


def rows(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "metrics" / "table1.csv").open(encoding="utf-8", newline="") as file:
        return {(row["condition"], row["metric"]): row for row in csv.DictReader(file)}


def test_every_caption_counts_and_every_text_is_rendered_once_a_seed(done: Path) -> None:
    texts = {text for *_, text in CAPTIONS}
    assert len(raw(done)) == len(texts) * 2 * 2
    cell = read_measured(done / "metrics" / "measured.json").cell("log_mel_distance", "sqs-w8a8")
    assert cell is not None
    assert cell.n == len(CAPTIONS) * 2
    known = {name.rstrip("/") for entry in ENTRIES for name in (entry.name, *entry.beside)}
    assert {path.name for path in done.iterdir()} <= known


def test_clips_are_as_the_paper_normalizes_them(done: Path) -> None:
    for name in raw(done):
        samples, rate = soundfile.read(done / "clips" / "raw" / name, dtype="int16")
        assert len(samples) == SECONDS * rate, "as long as what the model was trained on"
        assert abs(samples.astype(int)).max() == 32767
        note = json.loads((done / "clips" / "raw" / name).with_suffix(".json").read_text())
        paper = {"sampler": "dpmpp-3m-sde", "cfg_scale": 7.0, "sigma_min": 0.3, "sigma_max": 500.0}
        assert note["clip"]["sampling"] == {**paper, "steps": 2, "seconds": SECONDS}


def test_the_interval_is_over_seeds(done: Path) -> None:
    measured = read_measured(done / "metrics" / "measured.json")
    cell = measured.cell("log_mel_distance", "sqs-w8a8")
    assert cell is not None
    of_seed = {
        seed: np.mean([one.value for one in measured.clips if one.condition == "sqs-w8a8" and one.seed == seed])
        for seed in (1000, 1001)
    }
    first, second = of_seed.values()
    reach = stats.t.ppf(0.975, 1) * abs(first - second) / 2  # the standard error of the mean of two
    assert (cell.value, cell.low, cell.high) == pytest.approx(
        ((first + second) / 2, max(0.0, (first + second) / 2 - reach), (first + second) / 2 + reach)
    )
    assert rows(done)["sqs-w8a8", "log_mel_distance"]["interval_over"] == "seeds"


def test_the_same_command_renders_nothing_again(place: Path, done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = raw(done)
    assert main(command(place, done, "--seeds", "2")) == 0
    assert raw(done) == before
    said = capsys.readouterr().out
    assert "all clips are there" in said
    table = said[said.index("condition  CLAP") :].splitlines()
    assert table[1].split()[:3] == ["reported", "–", "0.2900"]
    assert table[2].split()[:4] == ["baseline", "–", "0.3009", "–"]
    memory = said[said.index("condition  GB") :].splitlines()
    assert memory[2].split()[1:3] == ["0.00", "4.85"]
    assert memory[3].split()[1:3] == ["0.00", "1.65"]
    assert "The paper's rows are of stable-audio-open-1.0" in said


def test_a_larger_sample_goes_on_with_the_smaller(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "grown"
    assert main(command(place, folder, "--limit", "2")) == 0
    small = raw(folder)
    first = {caption.text for caption in spread(read_captions(place / "captions.csv"), 2)}
    assert len(small) == len(first) * 2
    assert main(command(place, folder, "--limit", "4")) == 0
    grown = raw(folder)
    assert small.items() < grown.items()


def test_ctrl_c_loses_at_most_the_clips_in_hand(place: Path, tmp_path: Path) -> None:
    folder, stop = tmp_path / "stopped", threading.Event()

    def interrupt() -> None:
        while not stop.wait(0.01):
            if len(raw(folder)) >= 1:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return

    watcher = threading.Thread(target=interrupt, daemon=True)
    watcher.start()
    assert main(command(place, folder, "--seeds", "4")) == 130
    stop.set()
    watcher.join()
    before = raw(folder)
    assert 1 <= len(before) < 4 * 4 * 2
    assert not (folder / "metrics" / "measured.json").exists()
    assert main(command(place, folder, "--seeds", "4")) == 0
    after = raw(folder)
    assert len(after) == 4 * 4 * 2
    assert before.items() <= after.items()


def test_reference_audio_that_is_missing_is_counted_and_named(
    place: Path, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("aaa", "Ybbb", "ccc_10"):
        soundfile.write(tmp_path / f"{name}.wav", np.random.default_rng(1).normal(0, 0.1, 44_100), 44_100)
    more = ("--reference", str(tmp_path), "--metrics", "kl_mini,log_mel_distance")
    assert main(command(place, done, "--seeds", "2", *more)) == 0
    said = capsys.readouterr().out
    assert "1 prompt of 5 has no reference audio (41): it is left out" in said
    assert "of which count" not in said, "a model's size is of no clip"
    found = rows(done)
    assert found["baseline", "kl_mini"]["n"] == str(4 * 2), "the captions whose own audio is there"
    assert "no reference audio of this prompt" in found["baseline", "kl_mini"]["note"]
    assert found["sqs-w8a8", "log_mel_distance"]["n"] == str(5 * 2), "all captions, where no reference is needed"


def test_the_estimate_writes_nothing(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(place, tmp_path / "no", "--estimate", "--seeds", "3")) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "captions: 5 captions of 4 pieces of audio; 1 repeats the words of another, rendered once"
    assert said[1] == "plan: 4 prompts, 2 conditions, 3 seeds; 2 steps a clip of 1 s"
    assert [line.split()[:3] for line in said[2:4]] == [["baseline", "12", "clips,"], ["sqs-w8a8", "12", "clips,"]]
    assert said[-2].startswith("24 clips: about ")
    assert said[-1].startswith("measuring comes after that")
    assert not (tmp_path / "no").exists()


def test_clips_that_are_there_tell_the_time_of_the_rest(
    place: Path, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(done, tmp_path / "begun"))
    for number, path in enumerate(sorted((folder / "clips" / "raw").glob("*.json"))):
        note = json.loads(path.read_text())
        slow = note["clip"]["checkpoint_sha256"] is None
        path.write_text(json.dumps({**note, "took": {"seconds": 7.0 if slow else 5.0 + number / 1000, "together": 1}}))
    assert main(command(place, folder, "--seeds", "3", "--estimate")) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[2] == "  baseline  4 clips, 7.00 s each, as its clips took: 28 s"
    assert said[3].startswith("  sqs-w8a8  4 clips, 5.0")
    assert said[4].startswith("8 clips: about 48 s here; on 4 workers like this machine 12 s; ")
    files = [path.stat().st_size for path in (folder / "clips" / "raw").glob("*.flac")]
    assert f"; {8 * sum(files) / len(files) / 1e6:.3g} MB of " in said[4]


def test_a_folder_of_something_else_is_left_alone(
    place: Path, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(folder: Path, *more: str) -> str:
        before = sorted(folder.rglob("*"))
        assert main(command(place, folder, *more)) == 2
        assert sorted(folder.rglob("*")) == before
        (line,) = capsys.readouterr().err.splitlines()
        return line

    others = write_captions(tmp_path / "others.csv", CAPTIONS[:2])
    assert "was made of other captions (captions.csv)" in refused(done, "--captions", str(others))
    assert "was made with another model (" in refused(done, "--model", "mini")
    edited = tmp_path / "edited"
    edited.mkdir()
    for name in ("study.yaml", "table1.json", "prompts.csv"):
        shutil.copy(done / name, edited / name)
    (edited / "study.yaml").write_text((edited / "study.yaml").read_text() + "lora: {file: a.safetensors}\n")
    assert "its study.yaml was changed by hand" in refused(edited)
    (edited / "table1.json").unlink()
    assert "holds a study that earmark table1 did not make" in refused(edited)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--conditions", "sqs-w8a8"), "--conditions: sqs-w8a8 lacks baseline"),
        (("--conditions", "baseline,w2"), "w2: no such variant; choose from baseline"),
        (("--model", "gone"), "gone: no such model"),
        (("--reference", "gone"), "--reference: gone is no folder"),
        (("--weights", "gone"), "--weights: gone is no folder"),
        (("--metrics", "beauty"), "--metrics beauty: no such metric"),
        (("--captions", "gone.csv"), "gone.csv: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_made(
    place: Path, tmp_path: Path, more: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(place, tmp_path / "no", *more)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_file_in_the_place_of_the_folder_is_refused_before_any_timing(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("mine")
    assert main(command(place, tmp_path / "taken", "--estimate")) == 2
    said = capsys.readouterr()
    assert said.err == f"earmark: {tmp_path / 'taken'}: is a file; name a folder with -o\n"
    assert said.out == ""
