"""A stopping rule that was declared before the launch: the desk says what is shown, unasked, as the report will."""

import json
from pathlib import Path
from random import Random

import pytest
from served import settings_of, write_study

from app.cli import main
from app.researcher.jobs import Job, Rendering
from app.researcher.overview import Overview
from app.study import Study
from db import Answer
from survey import ConfigError, load_config, read_manifest

MOST = 30  # raters until a difference of three points must be shown


@pytest.fixture
def study(tmp_path: Path) -> Study:
    folder = write_study(tmp_path / "study", session="headphone_check: none, practice: 0")
    with (folder / "study.yaml").open("a", encoding="utf-8") as file:
        file.write("analysis: {stopping: bounded}\n")
    return Study(folder, settings_of(folder))


def rate(study: Study, rng: Random, answers: int = 15) -> str:
    """Let somebody hear the baseline as good and all else as bad, and return their code."""
    manifest = read_manifest(study.clips / "manifest.json")
    condition = {clip.sha256: clip.condition for clip in manifest.clips}
    (token,) = study.store.participants.invite(1)
    state = study.store.sessions.start(token)
    while answers and state.stage != "done":
        if state.trial is None:
            state = study.store.sessions.confirm(token, state.stage)
            continue
        score = rng.randint(4, 5) if condition[state.trial.sha256] == "baseline" else rng.randint(1, 2)
        state, answers = study.store.sessions.rate(token, Answer(state.trial.same, score, 1, 9.0, 4000)), answers - 1
    return study.store.participants.code_of(token)


def test_the_desk_says_when_it_may_stop_and_the_report_says_the_same(study, seed, capsys):
    rng, watch = Random(seed), study.store.results.watch
    desk = Overview(study, Rendering(study.folder), Job(study.folder, "analyze"))
    assert "Go on: nobody has finished yet." in desk.files()
    rate(study, rng, answers=7)
    assert study.stopping.look(watch.look()).people == 0, "who has not finished has no place yet"
    odd = rate(study, rng)
    shown = study.stopping.look(watch.look())
    assert (shown.people, shown.ends) == (1, False)
    assert "Go on, or stop undecided: nothing is shown yet of sqs-w8a8, sqd-lora-w8a8." in desk.files()
    study.store.sessions.exclude([odd], "answers in a second")
    assert study.stopping.look(watch.look()).people == 0
    while not (shown := study.stopping.look(watch.look())).ends:
        assert shown.people < MOST, "a difference of three points is shown of so many"
        rate(study, rng)
    page = desk.files()
    assert f"The study may stop: after {shown.people} participants" in page
    assert f"different from baseline since rater {shown.people}" in page
    assert study.store.actions.looks().at == (), "a confidence sequence is no peek"

    study.store.sessions.exclude(["P001"], "did not come back")
    study.runs.run("anna", "close")
    study.close()
    assert main(["analyze", str(study.folder)]) == 0
    assert "The study was to stop when a confidence sequence (bounded)" in " ".join(capsys.readouterr().out.split())
    report = json.loads((study.folder / "report" / "report.json").read_text())
    told = [one for one in report["sequential"] if one["method"] == "bounded"]
    assert [one["condition"] for one in told] == [one.condition for one in shown.conditions]
    for one, here in zip(told, shown.conditions, strict=True):
        assert (one["raters"], one["different_at"]) == (here.raters, here.different_at)
        assert (one["estimate"], one["low"], one["high"]) == pytest.approx((here.estimate, here.low, here.high))
    assert report["provenance"]["stopping"] == "bounded"
    methods = (study.folder / "report" / "methods.txt").read_text()
    assert "confidence sequence (bounded)" in methods


@pytest.mark.parametrize(
    ("scale", "conditions", "said"),
    [
        ("type: ab", "[baseline, sqs-w8a8]", "stopping: needs one scale of type acr, dcr, numeric, slider; use none"),
        ("", "[baseline]", "stopping: needs two conditions to compare; use none"),
    ],
)
def test_a_rule_that_no_sequence_can_follow_is_refused(tmp_path, scale, conditions, said):
    text = f"name: s\nmodel: mini\nconditions: {conditions}\nprompts: [a dog, rain]\nscale: {{{scale}}}\n"
    (tmp_path / "study.yaml").write_text(f"{text}analysis: {{stopping: bounded}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        load_config(tmp_path / "study.yaml")
