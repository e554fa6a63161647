"""The folder of a dataset: what the Hugging Face Hub documents, complete, and of nobody in particular."""

import csv
import hashlib
from pathlib import Path

import fsspec
import pytest
from huggingface_hub import DatasetCard
from routes import Routes
from served import write_study

import atomic
from analysis.table.reading import read_table
from app.cli import main

IDENTITY, REMARK = "5f1e9prolific", "Anna from Graz thinks it is a bird"


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let two people of a platform take part."""
    folder = write_study(
        tmp_path_factory.mktemp("published") / "study",
        session="headphone_check: none, practice: 1, comments: true",
        recruitment="platform: prolific, consent: 'I `agree`, <b>truly</b>'",
    )
    routes = Routes(folder)
    for name in ("Anna", "Bert"):
        client = routes.visitor(name)
        client.get(f"/join?PROLIFIC_PID={IDENTITY}{name}")
        client.get("/api/state")
        state = client.post("/api/step", json={"page": "consent"}).json()
        state = routes.begin(name)
        while state["stage"] != "done":
            if state["stage"] == "ready":
                state = client.post("/api/step", json={"page": "ready"}).json()
                continue
            state = routes.rate(name, state, comment=REMARK)
    routes.study.close()
    return folder


def test_the_folder_is_laid_out_as_the_hub_reads_it(rated, tmp_path, capsys):
    """The configuration names files that are there, and each clip has a row of metadata beside it."""
    made = tmp_path / "made"
    with atomic.scratch(tmp_path, ".made.dataset-") as under_way:  # another's, beside one whose maker was killed
        (tmp_path / ".made.dataset-left" / "made").mkdir(parents=True)
        assert main(["export", str(rated), "--huggingface", str(made)]) == 0
        assert {*tmp_path.iterdir()} == {made, under_way}
    assert f"dataset: {made}; read README.md in it and complete it before you publish" in capsys.readouterr().out
    card = DatasetCard.load(made / "README.md")
    (one,) = card.data.to_dict()["configs"]
    ((split, pattern),) = [tuple(found.values()) for found in one["data_files"]]
    assert split == "train"
    (ratings,) = made.glob(pattern)
    with (made / "clips" / "metadata.csv").open(newline="", encoding="utf-8") as file:
        clips = list(csv.DictReader(file))
    local = fsspec.filesystem("file")  # by which `datasets` finds the files of a pattern
    found = local.glob(str(made / "clips/**"))
    there = {Path(path).name for path in found if local.isfile(path)}
    assert there == {row["file_name"] for row in clips} | {"metadata.csv"}
    for row in clips:
        assert hashlib.sha256((made / "clips" / row["file_name"]).read_bytes()).hexdigest() == row["clip_sha256"]
    table = read_table(ratings)
    assert set(table.column("clip_sha256")) <= {row["clip_sha256"] for row in clips}
    said = read_table(made / "data" / "dictionary.csv")
    of = list(zip(said.column("table"), said.column("column"), strict=True))
    assert of == [("ratings", name) for name in table.header] + [("clips", name) for name in clips[0]]
    trials = table.column("kind").count("trial")
    assert f"{trials} ratings that count, by 2 participants" in card.text.replace("\n  ", " ")
    for part in ("Motivation", "Composition", "Collection process", "Preprocessing, cleaning, labeling", "Uses"):
        assert f"\n## {part}\n" in card.text
    assert "\n> I 'agree', &lt;b>truly&lt;/b>\n" in card.text


def test_the_folder_identifies_nobody_and_replaces_nothing(rated, tmp_path, capsys):
    made = tmp_path / "made"
    assert main(["export", str(rated), "--huggingface", str(made)]) == 0
    files = [path for path in made.rglob("*") if path.is_file()]
    assert not [path for path in files for secret in (IDENTITY, REMARK) if secret.encode() in path.read_bytes()]
    before = {path: path.stat().st_mtime_ns for path in files}
    assert main(["export", str(rated), "--huggingface", str(made)]) == 2
    assert "is there already, and nothing is written over; name a new folder" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in files} == before
    assert main(["export", str(rated), "--huggingface", str(made / "b"), "--sessions", "--identities"]) == 2
    assert "--sessions: not in a dataset to publish" in capsys.readouterr().err


def test_a_clip_that_was_changed_is_not_published(rated, tmp_path, capsys):
    clip = next(rated.glob("clips/*.flac"))
    data = clip.read_bytes()
    try:
        clip.write_bytes(data + b"x")
        assert main(["export", str(rated), "--huggingface", str(tmp_path / "made")]) == 2
    finally:
        clip.write_bytes(data)
    assert f"{clip}: is not the clip that was listed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
