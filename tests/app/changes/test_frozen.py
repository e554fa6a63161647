"""What is frozen once somebody has taken part, and how a study is revised and then analysed."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from changing import exported, served, write
from served import PROMPTS, write_study

from app.cli import main
from survey import read_manifest, write_manifest

FROZEN = [
    ("model: mini", "model: other", "model is 'other', was 'mini'"),
    (", sqd-lora-w8a8]", "]", "conditions is ['baseline', 'sqs-w8a8'], was ["),
    (f"  - {PROMPTS[1]}\n", "  - a cat\n", "prompts is ["),
    ("seconds: 0.6", "seconds: 0.6, steps: 50", "sampling.steps is 50, was 100"),
    ("seconds: 0.6", "seconds: 0.6, seeds: [1000, 7]", "sampling.seeds is (1000, 7), was (1000,)"),
    ("scale:", "calibration: {alpha: 0.4}\nscale:", "calibration.alpha is 0.4, was 0.5"),
    ("scale:", "quantization: {groups: 4}\nscale:", "quantization.groups is 4, was 1"),
    ("scale:", "translations: {de: {prompts: {p1: Hund}}}\nscale:", "translations.de.prompts.p1 is 'Hund', was not"),
    ("scale: {", "scale: {question: 'Louder?'", "scale.question is 'Louder?', was 'How well"),
    ("analysis: {", "analysis: {equivalence_margin: 0.5", "analysis.equivalence_margin is 0.5, was 0.3"),
    ("analysis: {", "analysis: {baseline: sqs-w8a8", "analysis.baseline is 'sqs-w8a8', was 'baseline'"),
    ("analysis: {", "analysis: {alpha: 0.01", "analysis.alpha is 0.01, was 0.05"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), FROZEN, ids=[said.split(" is ")[0] for *_, said in FROZEN])
def test_what_is_frozen_stays_in_force_until_it_is_revised(folder, capsys, old, new, said):
    routes = served(folder)
    before = routes.begin("Anna")
    config = routes.study.config
    routes.edit((old, new))
    assert routes.study.config == config
    (line,) = routes.study.changes()
    assert line.startswith(f"study.yaml: {said}")
    assert line.endswith(f"change it back, or make a new revision: earmark revise {folder}")
    assert routes.begin("Anna") == before
    assert routes.begin("Bert")["stage"] == "practice"
    assert routes.study.store.revisions.find().number == 1
    # Nothing is rendered that would replace what people hear.
    clips = {path: path.read_bytes() for path in (folder / "clips").iterdir() if path.is_file()}
    assert main(["generate", str(folder)]) == 2
    assert capsys.readouterr().err.strip() == f"earmark: {line}"
    assert {path: path.read_bytes() for path in (folder / "clips").iterdir() if path.is_file()} == clips
    routes.study.close()
    assert main(["revise", str(folder)]) == 0
    assert capsys.readouterr().out.startswith(f"revision 2: {said}")
    routes.open()
    assert routes.study.changes() == []
    assert routes.study.config != config
    assert routes.study.store.revisions.find().number == 2
    routes.study.close()
    assert main(["revise", str(folder)]) == 2
    assert "there is nothing to revise" in capsys.readouterr().err


def test_before_the_launch_every_change_holds(folder):
    routes = served(folder)
    routes.study.store.participants.invite(2)
    routes.edit(("scale: {", "scale: {type: ab"), ("analysis: {", "analysis: {alpha: 0.01"))
    assert routes.study.changes() == []
    assert routes.study.config.analysis.alpha == 0.01
    assert routes.begin("Anna")["question"]["type"] == "ab"


@pytest.mark.sqlite  # in one database a study of the same name is the same
def test_before_the_launch_there_is_nothing_to_revise(tmp_path, capsys):
    assert main(["revise", str(write_study(tmp_path / "study"))]) == 2
    assert "nobody has taken part yet" in capsys.readouterr().err


@pytest.mark.sqlite
def test_a_study_is_not_opened_under_another_name(folder, capsys):
    routes = served(folder)
    routes.begin("Anna")
    routes.study.close()
    text = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text(text.replace("name: listening", "name: hearing"))
    for verb in ("status", "export", "generate", "revise"):
        assert main([verb, str(folder)]) == 2
        said = capsys.readouterr().err
        assert "name: is hearing, but study.db holds listening; change the name back" in said
    (folder / "study.yaml").write_text(text)
    assert len(exported(folder)) == 0


def test_a_dropped_condition_goes_on_for_those_who_began_with_it(folder, capsys):
    """A new revision without one condition: the clips of the others stay, and so do the sessions under way."""
    routes = served(folder)
    routes.begin("Anna")
    routes.edit((", sqd-lora-w8a8]", "]"))
    routes.study.close()
    assert main(["revise", str(folder)]) == 0
    path = folder / "clips" / "manifest.json"
    manifest = read_manifest(path)
    kept = tuple(clip for clip in manifest.clips if clip.condition != "sqd-lora-w8a8")
    write_manifest(path, replace(manifest, clips=kept))
    routes.open()
    assert routes.study.ready
    for name in ("Anna", "Bert"):
        routes.finish(name)
    rows = [row for row in exported(folder) if row["kind"] == "trial"]
    assert Counter((row["revision"], row["condition"]) for row in rows) == {
        (revision, condition): 5 for revision in "12" for condition in ("baseline", "sqs-w8a8")
    }
    assert len(exported(folder, "--revision", "2")) == 11
    assert main(["export", str(folder), "--revision", "3"]) == 2
    assert "--revision 3: there is no such revision; the newest is 2" in capsys.readouterr().err


# --- the analysis --------------------------------------------------------------------------------


def test_the_analysis_keeps_to_a_revision(folder, capsys):
    routes = served(folder)
    for name in ("Anna", "Bert"):
        routes.finish(name)
    routes.edit(("analysis: {", "analysis: {equivalence_margin: 0.5, alpha: 0.1"))
    assert main(["analyze", str(folder), "--peek"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(
        "study.yaml: analysis.equivalence_margin is 0.5, was 0.3; analysis.alpha is 0.1, was 0.05"
    )
    assert any("95 % interval" in line for line in said)
    assert not any("90 % interval" in line for line in said)
    assert main(["revise", str(folder)]) == 0
    routes.edit()
    for name in ("Carla", "Dora", "Emil"):
        routes.finish(name)
    capsys.readouterr()
    assert main(["analyze", str(folder), "--peek"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "revision 2 is analysed; 30 ratings of other revisions left out"
    assert any("90 % interval" in line for line in said)
    content = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    assert {row["participants"] for row in content["conditions"]} == {3}
    assert main(["analyze", str(folder), "--peek", "--revision", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "revision 1 is analysed; 45 ratings of other revisions left out"
    assert any("95 % interval" in line for line in said)
    content = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    assert {row["participants"] for row in content["conditions"]} == {2}
    # A file that holds several revisions is refused, not pooled.
    exported(folder)
    assert main(["analyze", str(folder / "ratings.csv"), "-o", str(folder / "other")]) == 2
    assert "holds ratings of 2 revisions (1, 2)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["{csv}", "--revision", "1"], ["{study}", "--revision", "0"], ["{study}", "--revision", "9" * 30]]
)
def test_a_revision_that_cannot_be_analysed(folder, capsys, arguments):
    write(folder)
    (folder / "r.csv").write_text("participant,prompt,condition,score\na,b,c,3\n")
    filled = [argument.format(csv=folder / "r.csv", study=folder) for argument in arguments]
    assert main(["analyze", *filled]) == 2
    assert capsys.readouterr().err.startswith("earmark: --revision")
