"""The verb check: a protocol on the terminal and in a file, whether the study passes or not."""

import json

from served import PROMPTS, write_study

from app.cli import main

RECRUITMENT = "platform: prolific, codes: {finished: DONE7, screened_out: OUT7}"


def test_the_protocol_says_what_passed_and_what_could_not_be_checked(tmp_path, capsys):
    study, file = write_study(tmp_path / "study"), tmp_path / "protocol.json"
    assert main(["check", str(study), "--json", str(file)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    lines = [line.split("  ") for line in said.out.splitlines()]
    assert ["", "pass"] in [line[:2] for line in lines]
    assert any(line.startswith("  could not be checked  raters and prompts") for line in said.out.splitlines())
    assert "P.800 B.4.6 (second hand)" in said.out
    found = json.loads(file.read_text(encoding="utf-8"))
    assert (found["study"], found["panel"], found["passed"]) == ("listening", None, True)
    assert {item["outcome"] for item in found["items"]} == {"pass", "unchecked"}


def test_a_study_that_breaks_a_rule_of_its_panel_is_refused(tmp_path, capsys):
    session = "headphone_check: none, on_failure: end, repeats: 1"
    study = write_study(tmp_path / "study", session=session, recruitment=RECRUITMENT)
    file = tmp_path / "protocol.json"
    assert main(["check", str(study), "--json", str(file)]) == 2, "the study's own platform is meant"
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert "no screening later: session.on_failure: end sends away" in line
    assert "session.on_failure: flag" in line
    found = json.loads(file.read_text(encoding="utf-8"))
    assert (found["panel"], found["passed"]) == ("prolific", False)
    assert [item["name"] for item in found["items"] if item["outcome"] == "fail"] == ["no screening later"]
    yaml = study / "study.yaml"
    yaml.write_text(yaml.read_text(encoding="utf-8").replace("on_failure: end", "on_failure: flag"), encoding="utf-8")
    assert main(["check", str(study)]) == 0
    assert main(["check", str(study), "--panel", "connect"]) == 2
    assert "set recruitment.platform: connect" in capsys.readouterr().err


def test_before_there_are_clips_the_rest_is_checked_already(tmp_path, capsys):
    study = write_study(tmp_path / "study", recruitment=RECRUITMENT)
    (study / "clips" / "manifest.json").unlink()
    assert main(["check", str(study)]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "earmark generate" in said.err
    assert "PROLIFIC_PID={{%PROLIFIC_PID%}}" in said.out


def test_every_fault_is_named_below_its_item(tmp_path, capsys):
    study = write_study(tmp_path / "study")
    clips = sorted((study / "clips").glob("*.flac"))
    clips[0].unlink()
    clips[-1].write_bytes(clips[-1].read_bytes()[:-1] + b"x")
    assert main(["check", str(study)]) == 2
    said = capsys.readouterr()
    assert said.out.count("; render it again") == 2
    assert "2 faults found (files)" in said.err


def test_a_file_that_cannot_be_written_and_a_plan_that_is_none(tmp_path, capsys):
    study = write_study(tmp_path / "study")
    assert main(["check", str(study), "--json", str(study / "study.yaml" / "p.json")]) == 2
    assert "choose another with --json" in capsys.readouterr().err
    (study / "plan").mkdir()
    for damaged in ("{", "[]", "{}"):
        (study / "plan" / "plan.json").write_text(damaged, encoding="utf-8")
        assert main(["check", str(study)]) == 2
        assert "run `earmark plan` again" in capsys.readouterr().err


def test_the_plan_that_was_made_is_what_raters_and_prompts_are_held_to(tmp_path, capsys):
    study = write_study(tmp_path / "study")
    assert main(["plan", str(study)]) == 0
    capsys.readouterr()
    assert main(["check", str(study)]) == 2
    assert f"raters and prompts: 20 raters x {len(PROMPTS)} prompts reach power" in capsys.readouterr().err
    written = study / "study.yaml"  # a plan of points says nothing of which of two clips is better
    written.write_text(written.read_text(encoding="utf-8").replace("scale: {}", "scale: {type: ab}"), encoding="utf-8")
    assert main(["check", str(study)]) == 0
    assert "type ab gives single clips no points" in capsys.readouterr().out
