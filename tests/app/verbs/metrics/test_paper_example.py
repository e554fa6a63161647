"""examples/paper.sh on a tiny model with few steps: Table 1, clips to hear, a report of simulated ratings, the card."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_study import tiny_model

from app.folder import ROOT
from app.verbs.metrics.captions import read_captions

SCRIPT = ROOT / "examples" / "paper.sh"
CONDITIONS = ["baseline", "sqs-w8a8", "sqd-lora-w8a8"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    tiny_model(folder / "tiny", seed=int.from_bytes(os.urandom(4)))
    quick = ["--steps", "3", "--calibration", "2", "--limit", "3", "--metrics", "log_mel_distance"]
    words = ["--model", "tiny", "-o", "made", "--conditions", ",".join(CONDITIONS), *quick]
    done = subprocess.run(
        [SCRIPT, *words], cwd=folder, env=os.environ | {"PYTHON": sys.executable}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (folder / "made" / "said.txt").write_text(done.stdout + done.stderr)
    return folder / "made"


def test_the_card_holds_to_the_files(made: Path) -> None:
    card = json.loads((made / "card.json").read_text())
    assert card["model"] == str(made.parent / "tiny")
    for name, known in card["checksums"].items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == known
    assert {"table1/models/sqs-w8a8.safetensors", "table1/metrics/measured.json"} <= card["checksums"].keys()
    assert list(card["figures"]["state_dict_mb"]) == CONDITIONS
    assert card["figures"]["log_mel_distance"]["sqs-w8a8"] > 0
    assert card["clips"] == 3 * 3
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert card["commit"].split()[0] == (git.stdout.strip() or "unknown")
    text = (made / "card.md").read_text()
    assert "SIMULATED mean rating" in text
    assert text in (made / "said.txt").read_text()


def test_simulated_ratings_are_called_so_and_reach_no_database(made: Path) -> None:
    with (made / "simulated-ratings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["participant"] for row in rows} == {f"simulated-{number:02}" for number in range(1, 21)}
    assert len(rows) == 20 * 3 * 3
    assert not (made / "table1" / "study.db").exists()
    assert "simulated-ratings" in (made / "report" / "report.html").read_text()
    beside = (made / "metrics-beside-simulated" / "metrics.html").read_text()
    said, words = (
        "THE RATINGS ON THIS PAGE ARE NOT OF PEOPLE",
        re.sub("<(style|svg).*?</\\1>|<[^>]*>", " ", beside, flags=re.S),
    )
    assert said in words
    assert not re.findall(r".*\bpeople\b.*", words.replace(said, ""), re.IGNORECASE)  # of no rating is said that it is
    assert ">Simulated raters" in beside
    assert "The ratings of this report are simulated" in (made / "said.txt").read_text()


def test_the_script_says_what_it_takes() -> None:
    helped = subprocess.run([SCRIPT, "--help"], capture_output=True, text=True, check=True).stdout
    assert "--model NAME" in helped
    assert "PYTHON names" in helped
    refused = subprocess.run([SCRIPT, "--model"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (2, "paper.sh: --model: needs a value; see --help\n")


def test_its_captions_are_twelve_of_twelve_pieces_of_audio() -> None:
    captions = read_captions(ROOT / "examples" / "captions.csv")
    assert len({one.youtube_id for one in captions}) == len({one.text for one in captions}) == 12
