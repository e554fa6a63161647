"""Documents say what is there: every verb, every variant, every setting; and links lead somewhere."""

import argparse
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pictures import PICTURES, kept

from app.cli import main, parser
from quant.method.variants import VARIANTS
from survey import load_config

ROOT = Path(__file__).parent.parent
GUIDES = [ROOT / "README.md", *sorted(ROOT.glob("docs/guides/*.md"))]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("quant/mini/*.md")])


def verbs() -> dict[str, argparse.ArgumentParser]:
    actions = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(actions[0].choices)


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_every_verb_and_option_is_documented(verb):
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    section = re.search(rf"^## `earmark {verb}.*?(?=^## |\Z)", text, re.M | re.S)
    assert section, f"docs/cli.md has no section on {verb}"
    for action in verbs()[verb]._actions:
        for option in action.option_strings:
            if option.startswith("--") and option != "--help":
                assert option in section[0], f"docs/cli.md: {verb} lacks {option}"


def test_no_verb_is_documented_that_is_not_there():
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## `earmark (\w+)", text, re.M)) == set(verbs())


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_documented(name):
    assert f"`{name}`" in (ROOT / "docs" / "variants.md").read_text(encoding="utf-8")


def test_every_key_of_a_study_is_documented():
    import dataclasses

    from survey.config.study import StudyConfig

    text = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
    hints = {field.name: field.default_factory for field in dataclasses.fields(StudyConfig)}
    for section, factory in hints.items():
        assert f"`{section}`" in text
        if dataclasses.is_dataclass(factory):
            for field in dataclasses.fields(factory()):
                assert f"`{field.name}`" in text, f"docs/study.md lacks {section}.{field.name}"


@pytest.mark.parametrize("variable", ["DATABASE_URL", "EARMARK_SECRET", "EARMARK_ADMIN_PASSWORD", "HF_TOKEN"])
def test_every_environment_variable_is_documented(variable):
    assert variable in (ROOT / "docs" / "study.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_picture_is_made_by_a_test_and_shown():
    """Who takes one holds the page to it each time; docs/pictures/words.json says which test that is."""
    shown = {
        (page.parent / target).resolve().relative_to(PICTURES).with_suffix("").as_posix()
        for page in PAGES
        for target in re.findall(r"!\[[^\]]*\]\(([^)\s]+\.(?:webp|png|jpe?g))\)", page.read_text(encoding="utf-8"))
    }
    there = {path.relative_to(PICTURES).with_suffix("").as_posix() for path in PICTURES.glob("*/*")}
    assert shown == there == set(kept())
    for name, taken in kept().items():
        path, test = taken["test"].split("::")
        code = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {test}(" in code, f"{name} is made by {test}, which is not there"
        assert "picture(" in code
        assert (PICTURES / f"{name}.webp").stat().st_size < 100_000


@pytest.mark.parametrize("example", ["examples/study.yaml", "examples/demo/study.yaml"])
def test_examples_are_valid_studies(example):
    assert load_config(ROOT / example, VARIANTS).model == "mini"


@pytest.mark.parametrize("page", ["study.md", "guides/prolific.md"])
def test_the_studies_in_the_documents_are_valid(page, tmp_path):
    blocks = re.findall(r"^( *)```yaml\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.S | re.M)
    assert blocks
    for number, (_, block) in enumerate(blocks):
        path = tmp_path / f"{number}.yaml"
        path.write_text(dedent(block), encoding="utf-8")
        load_config(path, VARIANTS)


@pytest.mark.parametrize("page", GUIDES, ids=lambda path: path.name)
def test_the_commands_that_people_are_told_to_type_are_there(page):
    told = re.findall(r"^ +\./earmark (.+?)(?: +#.*)?$", page.read_text(encoding="utf-8"), re.M)
    assert told or page.name in ("paper.md", "report.md", "glossary.md")
    for line in told:
        parser().parse_args(shlex.split(line))  # which ends the test with what is wrong


def test_the_site_has_every_page_and_loads_nothing_from_elsewhere(tmp_path):
    """Built as strictly as can be: a link or an anchor that leads nowhere is an error."""
    mkdocs = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    made = subprocess.run(mkdocs, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    pages = {path.parent.relative_to(tmp_path / "site").as_posix() for path in tmp_path.rglob("index.html")}
    wanted = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert wanted <= pages
    for path in tmp_path.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert not re.search(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["'](?:https?:)?//""", page), path


@pytest.mark.slow
def test_the_python_in_the_documents_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    exec(compile(blocks[0], "docs/api.md", "exec"), names)
    samples = names["samples"]
    assert samples.shape == (220500, 1)
    assert abs(samples).max() == 32767
    assert (tmp_path / "bell.flac").is_file()
    assert (tmp_path / "bell.safetensors").is_file()


def test_the_tables_in_the_documents_can_be_made():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.S)
    names: dict[str, Any] = {}
    exec(compile(blocks[1], "docs/api.md", "exec"), names)
    means = names["conditions"].set_index("condition")["mean"]
    assert dict(means) == {"baseline": 4.0, "w8a8": 3.875, "w4a8": 2.75}
    # The raters' differences of w4a8 are -1, -1, -1 and -2, of mean -1.25 and standard error 0.25: t = -5.
    row = names["tests"].set_index("condition").loc["w4a8"]
    assert row["estimate"] == -1.25
    assert abs(row["statistic"] + 5) < 1e-9
    assert -1 <= names["agreement"]["icc.single"][0] <= 1


def test_the_tables_of_the_papers_survey_are_what_its_code_prints(capsys):
    text = (ROOT / "docs" / "paper-survey.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.S)
    exec(compile(block[1], "docs/paper-survey.md", "exec"), {})
    printed = capsys.readouterr().out.replace("+", "").replace("-", "−").replace("0.", ".")
    page = text.replace("0.", ".")  # as the tables write probabilities
    rows = re.findall(r"SD (\S+) r (\S+): p (\S+), 90 % (\S+ to \S+), TOST (\S+) (\S+)", printed)
    assert len(rows) == 8
    for sd, r, *cells in rows:
        assert f"| {sd} | {r.removesuffix('.0') or 0} | " + " | ".join(cells) + " |" in page
    needed = re.findall(r"SD (\S+) r (\S+): \[(.*)\]", printed)
    assert len(needed) == 8
    for sd, r, counts in needed:
        cells = " | ".join(f"{int(count):,}" for count in counts.split(", "))
        assert f"| {sd} | {r.removesuffix('.0') or 0} | {cells} |" in page


@pytest.mark.parametrize(("question", "scores"), [("acr", (4, 3, 5, 2)), ("ab", (1, 0, -1, 1))])
def test_the_keys_of_report_json_are_documented(tmp_path, question, scores):
    table = tmp_path / "ratings.csv"
    rows = [
        f"{rater},{prompt},{condition},{scores[(rater + prompt) % 4]},{question},baseline"
        for rater in range(6)
        for prompt in range(4)
        for condition in (("baseline", "w8a8") if question == "acr" else ("w8a8",))
    ]
    table.write_text("\n".join(["participant,prompt,condition,score,question,reference", *rows]), encoding="utf-8")
    assert main(["analyze", str(table), "-o", str(tmp_path)]) == 0
    text = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    told = re.search(
        r"^\| `report\.json` \| (.*)" if question == "acr" else r"`report\.json` \(([^)]*)\)", text, re.M | re.S
    )
    assert told
    keys = set(re.findall(r"`(\w+)`", told[1].splitlines()[0] if question == "acr" else told[1])) - {"null"}
    assert keys == set(json.loads((tmp_path / "report.json").read_text(encoding="utf-8")))


def test_every_name_of_the_api_is_documented():
    import quant

    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert [name for name in quant.__all__ if f"`{name}" not in text and f"{name}," not in text] == []


def test_ci_runs_the_readmes_test_command():
    command = "./earmark test"
    assert f"    {command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in script
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
    subprocess.run(["bash", "-n", str(ROOT / "earmark")], check=True)


def test_every_dependency_has_a_reason():
    found = [path.relative_to(ROOT) for path in (*ROOT.glob("requirements*.txt"), *ROOT.glob("benchmarks/*.txt"))]
    assert len(found) == 5
    for name in found:
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            assert line.startswith("#") or re.fullmatch(r"(-r )?\S+\s+# .{5,}", line), f"{name}: {line}"


def test_the_version_is_one():
    from app import __version__

    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "least"), [("compare.md", 50), ("serving/threat-model.md", 30), ("serving/data-protection.md", 15)]
)
def test_every_promise_of_these_pages_leads_to_a_test(page, least):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?:\.\./)+(tests/[^)#]+)#(\w+)\)", text)
    assert len(links) > least
    for path, name in links:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}#{name}"
