"""What the researcher's page says of a study."""

import json
import re
from pathlib import Path

from served import PROMPTS, settings_of
from standing_in import CLIP, take_part

from app.researcher.jobs import Job, Rendering
from app.researcher.overview import Overview
from app.researcher.views.commands import with_commands
from app.study import Study


def overview(folder: Path) -> Overview:
    return Overview(Study(folder, settings_of(folder)), Rendering(folder), Job(folder, "analyze"))


def test_faults_of_the_clips_are_shown(study):
    path = study / "clips" / f"{CLIP}.flac"
    path.write_bytes(path.read_bytes() + b"x")
    shown = overview(study)
    assert "not the file that was rendered" in shown.status()
    assert "Closed: clips refused" in shown.head()
    (study / "clips" / "manifest.json").write_text("{")
    shown.study.refresh(wait=True)
    assert "damaged or unreadable" in shown.status()


def next_of(shown: Overview) -> list[str]:
    """Return where the head of the page leads that stands out: to what a researcher does next."""
    return re.findall(r'<a class="button next" href="(\w+)"', shown.head())


def test_commands_are_set_as_code_and_words_stay_words(study):
    (study / "clips" / "manifest.json").write_text("{")
    shown = overview(study).status()
    assert "<code>earmark generate</code>" in shown
    assert "`" not in shown
    assert with_commands("run `a <b>` & `c") == "run <code>a &lt;b&gt;</code> &amp; `c"


def test_an_edited_study_is_pointed_out(study):
    shown = overview(study)
    assert "restart" not in shown.status()
    text = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text(text.replace(PROMPTS[0], "a cat"))
    assert "restart it to use the change" in shown.status()
    (study / "study.yaml").write_text(text + "<i>nonsense</i>: 1\n")
    assert "&lt;i&gt;nonsense&lt;/i&gt;: unknown key" in shown.status()
    (study / "study.yaml").write_text(text)
    assert "restart" not in shown.status()


def test_an_edited_file_of_prompts_is_pointed_out(study):
    def write(*prompts: str) -> None:
        (study / "prompts.csv").write_text("\n".join(["prompt", *(f'"{one}"' for one in prompts)]) + "\n")

    listed = "prompts:\n" + "".join(f"  - {one}\n" for one in PROMPTS)
    text = (study / "study.yaml").read_text()
    assert listed in text
    (study / "study.yaml").write_text(text.replace(listed, "prompts_file: prompts.csv\n"))
    write(*PROMPTS)
    shown = overview(study)
    assert "restart" not in shown.status()
    write("a cat", *PROMPTS[1:])
    assert "restart it to use the change" in shown.status()
    (study / "prompts.csv").unlink()
    assert "prompts.csv" in shown.status()


def test_a_study_edited_after_its_server_began_is_named_before_the_clips_that_do_not_fit_it(study, caplog):
    shown = overview(study)
    text, manifest = (study / "study.yaml").read_text(), study / "clips" / "manifest.json"
    (study / "study.yaml").write_text(text.replace(PROMPTS[0], "a cat"))
    facts = json.loads(manifest.read_text())
    facts["clips"] = facts["clips"][1:]
    manifest.write_text(json.dumps(facts))
    shown.study.refresh(wait=True)
    page, said = shown.status(), [record.getMessage() for record in caplog.records]
    assert page.index("restart it to use the change") < page.index("launch gate refuses")
    assert "restart it to use the change" in said[0]
    assert said[1].startswith("clip refused")


def test_the_numbers_are_those_of_the_store(study):
    shown = overview(study)
    assert "Nobody has taken part yet" in shown.people()
    assert not shown.has_ratings()
    assert next_of(shown) == ["preview"]
    take_part(shown.study, answers=2)
    assert not shown.has_ratings(), "practice is nothing to report on"
    take_part(shown.study, answers=2 + 15)
    assert shown.has_ratings()
    assert len(re.findall(r'heat"[^>]*>1<', shown.filling())) == 15
    assert "15 of 15" in shown.people()
    assert "<small> of 20</small>" in shown.head()
    assert next_of(shown) == []
    for do, then in (("pause", ["state"]), ("launch", []), ("close", [])):
        shown.study.runs.run("anna", do)
        assert next_of(shown) == then
    assert "15 ratings" in shown.files()
