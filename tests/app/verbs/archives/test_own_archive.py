"""An archive of own clips on several scales: no place of this machine in it, served and analysed where it has none."""

import json
import shutil
import zipfile
from pathlib import Path
from random import Random

from routes import Routes
from served import ROOT

from app.cli import main

SCALES = (
    "scales:\n- {name: match, question: 'Does it match?'}\n- {name: why, type: text, question: 'Why?'}\n"
    "- {name: quality, type: slider, low: 0, high: 10}\n"
)


def rated_study(folder: Path, seed: int) -> Path:
    """Make a study of clips that lie elsewhere, with a gold clip, and let two rate it."""
    print(f"scores from seed {seed}")
    shutil.copytree(ROOT / "examples" / "clips", folder / "sounds of Dortmund")
    study = folder / "study"
    study.mkdir()
    bell = next((folder / "sounds of Dortmund" / "original").iterdir())
    gold = shutil.copyfile(bell, study / f"by Ann{bell.suffix}")
    (study / "study.yaml").write_text(
        f"name: mine\nclips: {{source: '{folder / 'sounds of Dortmund'}', loudness: -26}}\n{SCALES}"
        "session:\n  practice: 0\n  headphone_check: none\n  must_listen: false\n  gold_checks: 1\n"
        f"  gold: [{{file: '{gold}', prompt: a bell, expected: 5}}]\nanalysis: {{baseline: original}}\n",
        encoding="utf-8",
    )
    assert main(["generate", str(study)]) == 0
    routes, rng = Routes(study), Random(seed)
    for name in ("Anna", "Bert"):
        state = routes.begin(name)
        while state["stage"] != "done":
            score = {"match": rng.randint(1, 5), "why": "it rings", "quality": rng.randint(0, 10)}
            state = routes.rate(name, state, score=score)
    routes.study.runs.run("anna", "close")
    routes.study.close()
    return study


def test_own_clips_go_elsewhere_without_where_they_came_from(tmp_path, seed, capsys):
    here = tmp_path / "here"
    study = rated_study(here, seed)
    assert main(["archive", str(study), "-o", str(tmp_path / "a.zip")]) == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    for name, data in files.items():
        found = [word for word in (str(tmp_path), str(here), "by Ann", "it rings") if word.encode() in data]
        assert not found, (name, found)
    assert {"results/match/report.html", "results/quality/report.html", "results/report.html"} <= files.keys()
    assert not [name for name in files if name.startswith("results/why")], "words are left out"
    there = tmp_path / "there"
    assert main(["restore", str(tmp_path / "a.zip"), str(there)]) == 0
    shutil.rmtree(here)
    assert main(["analyze", str(there)]) == 0
    assert (there / "report" / "report.json").read_bytes() == files["results/report.json"]
    assert main(["check", str(there)]) == 0
    routes = Routes(there)
    state = routes.begin("Carla")
    assert [one["name"] for one in state["scales"]] == ["match", "why", "quality"]
    assert len(list((there / "clips" / "checks" / "gold").iterdir())) == 1, "the gold clip came along"
    routes.study.close()
    clip = json.loads(files["clips/manifest.json"])["clips"][0]
    capsys.readouterr()
    assert main(["reproduce", str(there), clip["stimulus"]]) == 0
    assert capsys.readouterr().out.endswith(f"the one that people heard, SHA-256 {clip['sha256']}\n")
    (there / "clips" / clip["file"]).write_bytes(b"another")
    assert main(["reproduce", str(there), clip["stimulus"]]) == 2
    assert f"{clip['file']}: is not the file that people heard" in capsys.readouterr().err
    (there / "clips" / clip["file"]).unlink()
    assert main(["reproduce", str(there), clip["stimulus"]]) == 0
    assert "is not there to be held" in capsys.readouterr().out
