"""Folders: the program's own, and a study's, found by its name or its place, or made of a template."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UsageError
from app.output.terminal import word

if TYPE_CHECKING:
    from survey import StudyConfig

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "app" / "static"
# Beside the packages, or in a wheel within this one: their name is everybody's.
EXAMPLES = next(
    (folder for folder in (ROOT / "examples", ROOT / "app" / "examples") if (folder / "study.schema.json").is_file()),
    ROOT / "examples",
)
DEMO, DEMO_CLIPS = Path("demo-study"), Path("demo-clips")
SCHEMA = EXAMPLES / "study.schema.json"  # what editors check a study.yaml by
TEMPLATE = EXAMPLES / "study.yaml"
DEMO_STUDY = EXAMPLES / "demo" / "study.yaml"


@dataclass(frozen=True)
class Entry:
    """A file of a study's folder, or a folder with a slash at its end; what it holds, and which others belong to it."""

    name: str
    meaning: str
    beside: tuple[str, ...] = ()


ENTRIES = (
    Entry("study.yaml", "what is compared, on what, how, and against which margin"),
    Entry(
        "study.schema.json",
        "what may stand in `study.yaml`, for editors that complete and check it as you write (the first line of "
        "`study.yaml` names it); Earmark does not read it",
    ),
    Entry("prompts.csv", "the prompts of own clips, where there are many or some are translated"),
    Entry("models/", "`calibration.safetensors` and a checkpoint for each quantized condition"),
    Entry(
        "clips/",
        "`manifest.json` (what each clip is, and the `foils` of attention checks) and one FLAC file a stimulus; `raw/` "
        "keeps the clips before their loudness was aligned, `imported/` notes of own clips, `checks/` the sounds that "
        "say what to answer",
    ),
    Entry(
        "study.db",
        "the database: participants, sessions, trials, ratings, events; `study.db-wal` and `study.db-shm` belong to it "
        "while it is open",
        ("study.db-wal", "study.db-shm"),
    ),
    Entry(
        ".secret.json",
        "the key of tokens, clip addresses and logins, and the password of `/admin`; only its owner can read it. Copy "
        "it together with `study.db`: without the key no session under way can continue",
    ),
    Entry("backups/", "what `earmark backup` wrote"),
    Entry("archive.zip", "what `earmark archive` wrote"),
    Entry(
        "archive.json",
        "of a study that `earmark restore` put there from an archive: the SHA-256 of each file. `README.md` says what "
        "the others are; `results/` holds the ratings and the report of the archive",
        ("README.md", "LICENCES.md", "index.html", "study.json", "checks.json", "results", "gold"),
    ),
    Entry("report/", "what `earmark analyze` wrote"),
    Entry(
        "ratings.csv",
        "what `earmark export` wrote, with `wide.csv`, `sessions.csv`, `events.csv`, and `dictionary.csv`, which says "
        "what their columns mean",
        ("wide.csv", "sessions.csv", "events.csv", "dictionary.csv"),
    ),
    Entry("metrics/", "what `earmark measure` wrote; `heard/` keeps what networks heard in each clip"),
    Entry(
        "table1.json",
        "of a study that `earmark table1` made: which captions and model it is of; `captions.csv` are those captions",
        ("captions.csv",),
    ),
    Entry("plan/", "what `earmark plan` wrote"),
    Entry("inspection/", "what `earmark inspect` wrote"),
    Entry(
        "progress.json",
        "how far the last rendering has got; `.rendering.lock` is held while one runs",
        (".rendering.lock",),
    ),
    Entry("generate.log", "what work that was started at `/admin` printed; `analyze.log` likewise", ("analyze.log",)),
    Entry("spoken/", "yours, if you record the instructed answers: `1.flac` to `5.flac`"),
)


def studies_in(folder: Path) -> list[Path]:
    """Return the studies of a folder of studies, by name; none if it is a study itself."""
    if (folder / "study.yaml").exists() or not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in found if (path / "study.yaml").is_file())


def study_folder(given: Path | None) -> Path:
    """Find the study meant: the one given, the current folder if it is one, or the demo's."""
    folder = given or (Path() if Path("study.yaml").is_file() else DEMO)
    if not (folder / "study.yaml").is_file():
        hint = f"earmark new {word(folder)} makes one" if given else "name its folder, or run earmark demo first"
        raise UsageError(f"{folder}: no study here (no study.yaml); {hint}")
    return folder


def read_study(given: Path | None) -> tuple[Path, StudyConfig]:
    """Find a study and read its configuration."""
    from quant.method.variants import VARIANTS
    from survey import load_config

    folder = study_folder(given)
    return folder, load_config(folder / "study.yaml", VARIANTS)


def create_study(folder: Path, template: str, model: str | None = None) -> None:
    """Make a study folder of a template, of another model if one is named; it is called as the folder is."""
    text = template.replace("$schema=../", "$schema=")
    text = text.replace("name: my-study", f"name: {yaml_text(study_name(folder))}")
    if model:
        text = text.replace("model: mini", f"model: {yaml_text(model)}")
    write_study(folder, text)


def study_name(folder: Path) -> str:
    """Name a study as its folder, as far as that is a name."""
    name = "".join(letter for letter in folder.resolve().name if letter.isprintable()).strip()
    return name[:100] or "my-study"


def yaml_text(value: str) -> str:
    """Write a text for YAML: plain where that can be read as nothing else, such as a comment or a date."""
    plain = re.fullmatch(
        r"mini|[A-Za-z.][\w./=]*[/-][\w./=-]*|(?!(true|false|null|yes|no|on|off)$)[A-Za-z]\w*", value, re.I
    )
    return value if plain and value.isascii() else json.dumps(value, ensure_ascii=False)


def write_study(folder: Path, text: str) -> None:
    """Make a study folder with this study.yaml.

    Raises
    ------
    UsageError
        If there is one already, or none can be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "study.yaml").open("x", encoding="utf-8") as file:
            file.write(text)
        shutil.copyfile(SCHEMA, folder / SCHEMA.name)
    except FileExistsError as error:
        raise UsageError(f"{folder}: a study or a file is already there; name a new folder") from error
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be written ({error.strerror}); name a folder that you can write to"
        ) from error
