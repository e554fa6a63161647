"""A study.yaml that is written, served and exported again and again."""

import csv
from dataclasses import replace
from pathlib import Path

from routes import Routes
from served import CONDITIONS, PROMPTS

from app.cli import main
from survey import read_manifest, write_manifest

ALL_CLIPS = (*CONDITIONS, "anchor")


def write(folder: Path, *, scale: str = "", session: str = "", recruitment: str = "", analysis: str = "") -> None:
    """Write the study's configuration, and list the clips that its type of question has."""
    prompts = "".join(f"  - {text}\n" for text in PROMPTS)
    (folder / "study.yaml").write_text(
        f"name: listening\nmodel: mini\nconditions: [{', '.join(CONDITIONS)}]\nprompts:\n{prompts}"
        f"sampling: {{seconds: 0.6}}\nscale: {{{scale}}}\n"
        f"session: {{headphone_check: none, practice: 1{', ' if session else ''}{session}}}\n"
        f"recruitment: {{{recruitment}}}\nanalysis: {{{analysis}}}\n",
        encoding="utf-8",
    )
    path = folder / "clips" / "manifest.json"
    manifest = read_manifest(path)
    kept = tuple(clip for clip in manifest.clips if "mushra" in scale or clip.condition != "anchor")
    write_manifest(path, replace(manifest, clips=kept))


def served(folder: Path, **sections: str) -> Routes:
    write(folder, **sections)
    return Routes(folder)


def exported(folder: Path, *options: str) -> list[dict[str, str]]:
    assert main(["export", str(folder), *options]) == 0
    with (folder / "ratings.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
