"""Where to touch: CONTRIBUTING.md names for each thing that can be added the files that it takes, and no more."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
from plugged import NEW, PEOPLE
from plugins import NAMED, PLUGINS, WORDS, plug_in
from tiny_study import PROMPTS

from docs.tables.house import ROOT, tracked
from docs.tables.pages import FIGURE, SCHEMA, made
from survey.values import MAX_TEXT

WEIGHTS = "quant/mini/model.safetensors"
PATH = re.compile(r"`((?:\w+/)+(?:\w+\.\w+)?)`")


def rows() -> dict[str, str]:
    """Return what CONTRIBUTING.md says of each thing."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| (an? [^|]+?) \| (.+) \|$", text, re.M))


def contents(house: Path) -> dict[str, str]:
    """Return the hash of every file of a copy."""
    return {
        str(path.relative_to(house)): sha256(path.read_bytes()).hexdigest()
        for path in house.rglob("*")
        if path.is_file() and not path.is_symlink() and not {".git", "__pycache__"} & set(path.parts)
    }


def run(house: Path, *command: str) -> str:
    """Run Python in the copy and return what it prints."""
    folders = [house, house / "tests", house / "tests" / "house"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, *command], cwd=house, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Copy the repository, add one of each and make the tables; then go from study.yaml to the reports."""
    house, lived = tmp_path_factory.mktemp("house"), tmp_path_factory.mktemp("lived")
    for path in tracked():
        (house / path.parent).mkdir(parents=True, exist_ok=True)
        if str(path) == WEIGHTS:
            (house / path).symlink_to(ROOT / path)
        else:
            shutil.copy(ROOT / path, house / path)
    subprocess.run(["git", "init", "-q"], cwd=house, check=True)
    touched, before = {}, contents(house)
    for kind, edits in PLUGINS.items():
        plug_in(house, edits)
        after = contents(house)
        touched[kind] = {name for name in after if before.get(name) != after[name]}
        before = after
    new = contents(house).keys() - {str(path) for path in tracked()}
    run(house, "-m", "docs.tables")
    after = contents(house)
    written = {name for name in after if before.get(name) != after[name]}
    print(run(house, "tests/house/plugged.py", str(lived)))
    seen = json.loads((lived / "seen.json").read_text(encoding="utf-8"))
    return SimpleNamespace(house=house, lived=lived, touched=touched, new=new, written=written, seen=seen)


def ratings(folder: Path) -> list[dict[str, str]]:
    with (folder / "ratings.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def report(folder: Path) -> tuple[dict, str]:
    """Return what a study's report says, as data and as a page."""
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    return json.loads((folder / "report" / "report.json").read_text(encoding="utf-8")), page


@pytest.mark.parametrize("kind", PLUGINS)
def test_what_is_touched_is_what_the_row_names(copy, kind):
    needed, _, more = rows()[kind].partition(";")
    touched = copy.touched[kind]
    faces = {str(Path(name).with_name("__init__.py")) for name in copy.new & touched}
    named = {*PATH.findall(needed), *PATH.findall(more)} - {"tests/test_examples.py"}
    stray = {name for name in touched - faces if not any(name == one or _within(name, one) for one in named)}
    assert not stray, f"the row does not name {stray}"
    idle = {one for one in PATH.findall(needed) if one in named and not any(_within(name, one) for name in touched)}
    assert not idle, f"the row names {idle} without need"


@pytest.mark.parametrize("kind", PLUGINS)
def test_no_edit_for_one_speaks_of_another(kind):
    others = json.dumps([edits for other, edits in PLUGINS.items() if other != kind])
    assert NAMED[kind] in json.dumps(PLUGINS[kind])
    assert not re.search(rf"(?<![a-z]){NAMED[kind]}(?![a-z])", others)


def _within(name: str, place: str) -> bool:
    """Say whether a file is the one named, or is in the folder named."""
    return name == place or (place.endswith("/") and name.startswith(place))


def test_the_tables_are_written_by_the_command_that_is_named(copy):
    assert "python -m docs.tables" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert copy.written <= set(made())
    assert {FIGURE, SCHEMA, "docs/cli.md", "docs/metrics.md", "docs/study.md", "docs/variants.md"} >= copy.written - {
        "docs/architecture.md"
    }


def test_a_verb_is_in_the_help_and_in_the_documents(copy):
    assert re.search(r"^ +greet +Greet a study\.$", run(copy.house, "-m", "app", "--help"), re.M)
    assert run(copy.house, "-m", "app", "greet", "mine", "--loudly") == "HELLO mine\n"
    text = (copy.house / "docs" / "cli.md").read_text(encoding="utf-8")
    assert "| [`greet`](#earmark-greet) | Greet a study |" in text
    assert "| `--loudly` | in capitals |" in text


def test_a_variant_is_rendered_heard_and_reported(copy):
    text = (copy.house / "docs" / "variants.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{NEW}` \| int8.*\| rank 8, fp16 \|$", text, re.M)
    assert (copy.lived / "rated" / "models" / f"{NEW}.safetensors").is_file()
    given = [row["score"] for row in ratings(copy.lived / "rated") if row["condition"] == NEW]
    assert given == ["3"] * PEOPLE * len(PROMPTS)
    assert f">{NEW}</th>" in copy.seen["rated"]["cells"]
    content, page = report(copy.lived / "rated")
    assert {row["condition"]: row["mean"] for row in content["conditions"]} == {"baseline": 4, NEW: 3}
    assert NEW in page


def test_an_engine_makes_the_checkpoints_and_is_in_the_documents(copy):
    manifest = json.loads((copy.lived / "rated" / "clips" / "manifest.json").read_text(encoding="utf-8"))
    assert "plain" in json.dumps(manifest["variants"][NEW])
    assert "| `engine` | integer, plain, reference |" in (copy.house / "docs" / "study.md").read_text(encoding="utf-8")
    assert "`--engine integer\\|plain\\|reference`" in (copy.house / "docs" / "cli.md").read_text(encoding="utf-8")


def test_a_key_is_read_refused_kept_and_documented(copy):
    assert copy.seen["rated"]["farewell"] == "So long"
    assert re.fullmatch(
        r"earmark: \S+study\.yaml:\d+:\d+: session\.farewell: must be a text that is not empty, not 3; put quotes "
        r"around it\n",
        copy.seen["refused"],
    )
    assert copy.seen["rated"]["changed"] == "", "a key of the session may change under way"
    text = (copy.house / "docs" / "study.md").read_text(encoding="utf-8")
    assert "| `farewell` | text | Bye | the last word |" in text
    schema = json.loads((copy.house / SCHEMA).read_text(encoding="utf-8"))
    assert schema["$defs"]["SessionRules"]["properties"]["farewell"]["maxLength"] == MAX_TEXT


def test_a_question_is_asked_answered_exported_and_reported(copy):
    asked = copy.seen["asked"]["question"]
    assert (asked["type"], asked["answer"], [grade["score"] for grade in asked["grades"]]) == (
        "yesno",
        "grades",
        [1, 0],
    )
    rows = ratings(copy.lived / "asked")
    assert {(row["question"], row["condition"], row["score"]) for row in rows} == {
        ("yesno", "baseline", "1"),
        ("yesno", NEW, "0"),
    }
    content, page = report(copy.lived / "asked")
    assert content["question"] == "yesno"
    assert content["sentences"] == ["baseline: 100% of the answers are yes.", f"{NEW}: 0% of the answers are yes."]
    assert content["rows"][0]["estimate"] == -1
    assert "Yes or no" in page
    assert WORDS["question_yesno"] in content["methods"]
    text = (copy.house / "docs" / "study.md").read_text(encoding="utf-8")
    assert "| `type` | acr, ab, ccr, abx, mushra, text, dcr, numeric, slider, yesno |" in text


def test_a_test_is_in_the_report(copy):
    content, page = report(copy.lived / "rated")
    (row,) = [row for row in content["comparisons"] if row["test"] == "signs"]
    assert (row["condition"], row["reference"], row["n"]) == (NEW, "baseline", PEOPLE)
    assert row["p"] == row["p_adjusted"] == 2 * 0.5**PEOPLE  # all on one side, either way round
    assert re.search(r'<th scope="row">Sign test', page)


def test_a_metric_is_measured_beside_the_ratings_and_in_the_documents(copy):
    content, page = report(copy.lived / "rated")
    measured = {cell["condition"]: cell["value"] for cell in content["metrics"]["cells"] if cell["column"] == "peak"}
    for name, value in measured.items():
        assert value <= 0, name
    assert set(measured) == {"baseline", NEW}
    assert "peak (dBFS)" in page
    text = (copy.house / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert "| `peak` | peak (dBFS) | always | lower | … 0 | | [peak.py](../analysis/metrics/unpaired/peak.py) |" in text


def test_a_variable_is_in_the_documents(copy):
    text = (copy.house / "docs" / "study.md").read_text(encoding="utf-8")
    assert "| `EARMARK_MOOD` | how it is in the mornings |" in text


def test_the_house_holds_with_all_of_them(copy):
    held = (
        "tests/house/test_house.py",
        "tests/test_docs.py",
        "tests/test_examples.py",
        "tests/test_tables.py",
        "tests/app/participant/test_participant.py",
    )
    chosen = "circle or room or dozen or documented or example or documents_say or variable or asks_for"
    print(
        run(
            copy.house,
            "-m",
            "pytest",
            "-q",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            *held,
            "-k",
            f"({chosen}) and not quant",
        )
    )
