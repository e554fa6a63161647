"""The verb analyze: what is printed, and what is known of a study beyond its ratings."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from served import CONDITIONS, PROMPTS, write_study

import analysis
from analysis import load_answers
from analysis.describe.screening import screen
from app.cli import main
from app.settings import Settings
from app.study import Study
from app.verbs.results import analyze
from app.verbs.results.export import Export
from app.verbs.results.facts import heard, study_facts
from db import Answer, Store, database_url, open_engine
from survey import Clip, Manifest, load_config, read_manifest, write_manifest
from survey.config.revision import frozen

DATA = Path(__file__).parents[3] / "analysis" / "data"
STUDY = "name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8]\nprompts: [a dog, rain]\n"


def config_of(tmp_path: Path, more: str = ""):
    (tmp_path / "study.yaml").write_text(STUDY + more, encoding="utf-8")
    return load_config(tmp_path / "study.yaml")


def ratings_file(path: Path, conditions: list[str], extra: str = "") -> Path:
    """Write ratings of four raters and three prompts that nobody's study asked for."""
    each = [(r, p, c) for r in range(4) for p in range(3) for c in conditions]
    rows = [f"r{r},p{p},{c},{1 + (r * 3 + p * 2 + len(c) * r) % 5},trial" for r, p, c in each]
    path.write_text("\n".join(["participant,prompt,condition,score,kind", *rows, extra]), encoding="utf-8")
    return path


def test_session_and_question_are_those_that_the_study_fixed(tmp_path):
    session = "session: {order: random, practice: 3, repeats: 2, attention_checks: 1, headphone_check: huggins}\n"
    facts = study_facts(config_of(tmp_path, session))
    assert facts.session is not None
    assert (facts.session.order, facts.session.prompts, facts.session.practice) == ("random", None, 3)
    assert facts.session.must_listen
    assert facts.session.checks == {"mismatched clip": 1, "hidden repeat": 2, "instructed answer": 0, "gold clip": 0}
    assert facts.session.headphones is not None
    assert (facts.session.headphones.check, facts.session.headphones.needed) == ("huggins", 5)
    assert facts.session.headphones.passed is None, "nobody looked"
    assert facts.question == "How well does this sound match the description?"
    assert facts.margin_from == "study"
    assert facts.clips is None, "without a manifest nothing is known of the clips"


def test_each_type_asks_its_own_question(tmp_path):
    assert study_facts(config_of(tmp_path, "scale: {type: abx}\n")).question == "Which one is X?"
    own = study_facts(config_of(tmp_path, "scale: {type: ab, question: 'Louder?'}\n"))
    assert own.question == "Louder?"
    assert own.labels == {}


def test_each_of_several_scales_is_told_as_it_was_asked(tmp_path):
    scales = (
        "scales:\n  - {name: match, question: 'Does it match?', labels: {5: a, 4: b, 3: c, 2: d, 1: e}}\n"
        "  - {name: good, type: slider, low: 0, high: 10, ends: [awful, splendid]}\n  - {name: why, type: text}\n"
        "translations: {de: {scales: {good: {question: 'Wie gut?', ends: {low: schlecht, high: gut}}}}}\n"
    )
    config = config_of(tmp_path, scales)
    facts = study_facts(config)
    assert {name: one.type for name, one in facts.scales.items()} == {"match": "acr", "good": "slider", "why": "text"}
    match, good = facts.of("match", "acr"), facts.of("good", "slider")
    assert (match.question, match.labels[5]) == ("Does it match?", "a")
    assert good.labels == {0: "awful", 10: "splendid"}
    german = study_facts(config, languages={"de": 3}).of("good", "slider")
    assert (german.question, german.labels) == ("Wie gut?", {0: "schlecht", 10: "gut"})
    both = study_facts(config, languages={"de": 3, "en": 2})
    assert [(one.language, one.question) for one in both.languages] == [("German", ""), ("English", "")]
    assert study_facts(config_of(tmp_path)).scales == {}


def test_clips_are_described_by_their_manifest_and_not_by_the_configuration(tmp_path):
    folder = write_study(tmp_path / "study")
    config = load_config(folder / "study.yaml")
    assert config.sampling.steps == 100
    variants = {name: {"engine": "integer", "nested": {"rank": 32}, "keep": ["a", "b"]} for name in CONDITIONS}
    made = replace(
        read_manifest(folder / "clips" / "manifest.json"), sampling={"steps": 30, "sampler": "euler"}, variants=variants
    )
    rated = {clip.sha256 for clip in made.clips[:4]} | {"f" * 64}
    clips = study_facts(config, made, rated=rated).clips
    assert clips is not None
    assert clips.sampling == {"steps": 30, "sampler": "euler"}
    assert clips.conditions["sqs-w8a8"] == {"engine": "integer", "nested.rank": 32, "keep": "a, b", "device": "cpu"}
    assert (clips.clips, clips.seconds) == (len(PROMPTS) * len(CONDITIONS), (0.6, 0.6))
    assert (clips.rated, clips.unlisted) == (5, 1)
    assert clips.loudness_apart == 0.0


def test_the_export_says_who_passed_the_headphone_check(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("kind,participant,clip_sha256\ntrial,P1,aa\npractice,P2,bb\n", encoding="utf-8")
    assert heard(path) == ({"aa"}, None)
    rows = "trial,P1,aa,passed\ntrial,P1,ab,passed\ntrial,P2,aa,failed\ntrial,P3,aa,\npractice,P4,bb,passed\n"
    path.write_text(f"kind,participant,clip_sha256,headphones\n{rows}", encoding="utf-8")
    clips, outcomes = heard(path)
    assert clips == {"aa", "ab"}
    check = study_facts(config_of(tmp_path), headphones=outcomes).session.headphones
    assert (check.passed, check.failed, check.unknown) == (1, 1, 1)


@pytest.fixture
def rated(tmp_path) -> Path:
    """Make a study that three people answered; then its clips' recipe and its study.yaml are changed."""
    folder = write_study(tmp_path / "study", session="headphone_check: none, practice: 1")
    study = Study(folder, Settings())
    for person in "abc":
        token = person * 32
        state = study.store.sessions.start(token)
        while state.stage != "done":
            if state.trial is None:
                state = study.store.sessions.confirm(token, state.stage)
            else:
                score = 1 + (ord(person) + state.trial.position * 3) % 5
                answer = Answer(state.trial.same, score, 1, 9.0, 4000)
                state = study.store.sessions.rate(token, answer)
    study.runs.run("anna", "close")
    study.close()
    return folder


def test_a_study_that_nobody_rated_yet_is_told_so(tmp_path, capsys):
    assert main(["analyze", str(write_study(tmp_path / "study"))]) == 2
    assert ": no rating that counts yet; serve it, and take part in it" in capsys.readouterr().err


def test_a_study_is_reported_by_its_manifest(rated):
    path = rated / "clips" / "manifest.json"
    manifest = read_manifest(path)
    write_manifest(
        path, replace(manifest, sampling={"sampler": "euler", "steps": 30, "cfg_scale": 7.0, "seeds": [1000]})
    )
    assert main(["analyze", str(rated)]) == 0
    text = (rated / "report" / "methods.txt").read_text(encoding="utf-8")
    assert "sampler euler, 30 steps, guidance 7, seed 1000" in text
    assert "100 steps" not in text
    assert "five grades (5 Matches completely; " in text
    assert "margin of ±0.3 points, which the study fixed before its first rating" in text
    assert "Not analysed: 3 answers to practice trials." in text
    content = json.loads((rated / "report" / "report.json").read_text(encoding="utf-8"))["provenance"]
    assert content["clips"]["sampling"]["steps"] == 30
    assert list(content["clips"]["conditions"]) == list(CONDITIONS)
    assert content["clips"]["conditions"]["baseline"]["kernel_path"] == "not recorded"
    assert content["clips"]["unlisted"] == 0
    assert content["margin_from"] == "study"


def test_participants_went_through_what_held_when_they_began(rated, tmp_path):
    """A change of the session's rules is for those who come; nothing is claimed of rules that are not known."""

    def methods() -> str:
        assert main(["analyze", str(rated)]) == 0
        return (rated / "report" / "methods.txt").read_text(encoding="utf-8")

    before = methods()
    assert "Each participant was to hear" in before
    assert "which the study fixed before its first rating" in before
    path = rated / "study.yaml"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("session:")]
    path.write_text("\n".join([*lines, "session: {practice: 7, order: fixed, must_listen: false}"]), encoding="utf-8")
    assert methods() == before
    with sqlite3.connect(rated / "study.db") as db:
        db.execute("update session set rules = null")
    after = methods()
    assert "Each participant was to hear" not in after
    assert "which the study's configuration gives" in after
    assert "before its first rating" not in after


def test_clips_that_were_replaced_since_are_not_passed_off_as_the_rated_ones(rated, capsys):
    path = rated / "clips" / "manifest.json"
    manifest = read_manifest(path)
    first = replace(manifest.clips[0], sha256="0" * 64)
    write_manifest(path, replace(manifest, clips=(first, *manifest.clips[1:])))
    assert main(["analyze", str(rated), "--margin", "0.5"]) == 0
    text = (rated / "report" / "methods.txt").read_text(encoding="utf-8")
    assert "±0.5 points, which was given to this analysis" in text
    assert "1 of the 15 rated clips were replaced" in text
    assert capsys.readouterr().out.startswith("warning: 1 of the 15 rated clips are not in the study's list")


def test_both_questions_are_answered_in_print(tmp_path, capsys):
    ratings = (DATA / "paper_like" / "ratings.csv").read_text(encoding="utf-8")
    path = tmp_path / "ratings.csv"
    path.write_text(ratings.replace("rater,prompt,model", "participant,prompt,condition", 1), encoding="utf-8")
    assert main(["analyze", str(path), "--baseline", "fp32", "--all-pairs", "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split("  ")[0] == "condition"
    assert printed[1].startswith("fp32       3.67 (3.44 to 3.90)   the baseline")
    assert printed[3].startswith("sqs        3.62 (3.39 to 3.85)   −0.05, ")
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    kinds = [one["kind"] for one in content["verdicts"] if one["condition"] == "sqs"]
    assert printed[3].endswith(f"−0.05, {kinds[1]}")
    assert f"−0.05, {kinds[0]}  " in printed[3]
    assert {"paired_t_pairs", "lmm_pairs"} <= {row["test"] for row in content["comparisons"]}
    assert content["rater_model"] is None


def test_a_file_from_elsewhere_is_told_by_what_is_known_of_it(tmp_path, capsys):
    path = ratings_file(tmp_path / "theirs.csv", ["baseline", "w8"], "r9,p0,w8,3,warmup")
    assert main(["analyze", str(path), "-o", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "methods.txt").read_text(encoding="utf-8")
    assert "which is the default margin" in text
    assert "1 line of kind “warmup”" in text
    for claim in ("five grades", "one clip at a time", "practice", "eadphone", "beforehand", "fixed"):
        assert claim not in text, claim
    assert main(["analyze", str(path), "--margin", "0.3", "-o", str(tmp_path / "out")]) == 0
    assert "which was given to this analysis" in (tmp_path / "out" / "methods.txt").read_text(encoding="utf-8")


def test_no_more_than_twenty_lines_are_printed(tmp_path):
    path = ratings_file(tmp_path / "ratings.csv", ["baseline", "w8"], "r9,p0,baseline,3,trial")
    report = analysis.analyze(analysis.load_ratings(path).frame)
    assert [line.split()[0] for line in analyze.printed(report)][-3:] == ["condition", "baseline", "w8"]
    names = [f"system {number}" for number in range(1, 187)]
    many = replace(
        report,
        conditions=(report.conditions[0], *(replace(report.conditions[1], condition=name) for name in names)),
        verdicts=tuple(replace(report.verdicts[0], condition=name) for name in names),
        wide_verdicts=tuple(replace(report.wide_verdicts[0], condition=name) for name in names),
        comparisons=tuple(replace(row, condition=n) for row in report.rows("paired_t") for n in names),
    )
    lines = [*analyze.printed(many), "report: report.html"]
    assert len(lines) == 20
    assert lines[0].startswith("warning: Ratings are missing")
    assert max(map(len, lines)) <= 100
    rows = [line for line in lines if line.startswith("system")]
    assert [line.split("  ")[0] for line in rows] == names[: len(rows)]
    assert lines[-2] == f"... and {186 - len(rows)} more conditions; the rest is in the report"


def test_no_more_than_twenty_lines_are_printed_of_other_questions(tmp_path, capsys):
    names = [f"w{number}" for number in range(1, 25)]
    rows = [f"r{r},p,{name},base,{(r + len(name)) % 3 - 1},ab" for r in range(5) for name in names]
    path = tmp_path / "pairs.csv"
    path.write_text("\n".join(["participant,prompt,condition,reference,score,question", *rows]), encoding="utf-8")
    assert main(["analyze", str(path), "--baseline", "base", "-o", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 20
    assert lines[0].split() == ["condition", "against", "difference", "p,", "adjusted"]
    assert lines[1].startswith("w1 ")
    assert lines[2].startswith("w2 ")
    assert lines[-2].endswith("more lines; the rest is in the report")


@pytest.mark.parametrize(("file", "words"), [("abx/abx.csv", "Raters told"), ("pairs/ab.csv", "preferred")])
def test_other_types_of_question_are_analysed_too(tmp_path, capsys, file, words):
    assert main(["analyze", str(DATA / file), "--baseline", "base", "-o", str(tmp_path / "out")]) == 0
    assert len(capsys.readouterr().out.splitlines()) <= 20
    assert words in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Tests at the level 0.05" in (tmp_path / "out" / "methods.txt").read_text(encoding="utf-8")


def test_warnings_leave_room_for_results():
    remarks = [
        f"Something is odd with these ratings, and this is what follows from it, number {n}." * 2 for n in range(9)
    ]
    lines = analyze.printed_warnings(remarks)
    assert len(lines) <= analyze.WARNINGS
    assert lines[-1].startswith("warning: ")
    assert "more of these" in lines[-1]
    assert analyze.printed_warnings(remarks[:1])[0].startswith("warning: Something is odd")


def test_what_may_be_two_of_one_is_printed_and_stands_in_the_report(tmp_path, capsys):
    rows = [f"{name},p{p},{condition},{1 + (p + k) % 5},01/02/2026 10:00" for k in range(6) for p in range(4)
            for condition in ("baseline", "w8a8") for name in (f"r{k}" if p else f"R{k}",)]  # fmt: skip
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(["participant,prompt,condition,score,rated_at", *rows]), encoding="utf-8")
    assert main(["analyze", str(path), "-o", str(tmp_path / "out")]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "warning: participant: 6 names are written in more than one way: 'R0' (2 ratings) and 'r0' (6); " in printed
    assert "no day is after the 12th" in printed
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert content["provenance"]["participants"] == 12, "nothing is merged"
    assert content["sequential"] == []
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "6 names are written in more than one way" in page
    assert "the order in which raters finished is not known" in page
    assert "in the order they finished" not in page


def test_other_types_of_question_warn_of_names_too(tmp_path, capsys):
    path = tmp_path / "pairs.csv"
    rows = [f"ab,{name},p,x,{base},1" for name, base in (("a", "base"), ("b", "Base"), ("c", "base"))]
    path.write_text("\n".join(["question,participant,prompt,condition,reference,score", *rows]), encoding="utf-8")
    assert main(["analyze", str(path), "--baseline", "base", "-o", str(tmp_path / "out")]) == 0
    said = "condition: 1 name is written in more than one way"
    assert f"warning: {said}" in capsys.readouterr().out
    assert said in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def rated_study(tmp_path: Path, on_failure: str) -> Path:
    """A study of four, of whom the first failed the headphone check."""
    rules = f"session: {{practice: 0, headphone_check: antiphase, on_failure: {on_failure}}}\n"
    config = config_of(tmp_path, rules)
    cells = [(prompt, condition) for prompt in config.prompts for condition in config.conditions]
    clips = [
        Clip(f"{p.id}.{c}.1000", p.id, p.text, c, 1000, f"{p.id}.{c}.flac", f"{p.id}{c}".ljust(64, "0"),
             1.0, 44_100, 2, 0.0, -23.0)
        for p, c in cells
    ]  # fmt: skip
    engine = open_engine(database_url(tmp_path, None))
    store = Store(engine, config.name, config.session, config.recruitment, frozen=frozen(config))
    store.clips.sync(Manifest(config.name, "mini", "0.1.0", {}, {}, tuple(clips)))
    for person, right in (("a", 2), ("b", 5), ("c", 6), ("d", 6)):
        token = person * 32
        state = store.sessions.start(token)
        while state.stage != "done":
            if state.stage == "headphones":
                state = store.sessions.try_headphones(token, state.tries, right)
            elif state.trial is None:
                state = store.sessions.confirm(token, state.stage)
            else:
                score = 1 + (len(state.trial.sha256) + ord(person) + state.trial.position) % 5
                state = store.sessions.rate(token, Answer(state.trial.same, score, 1, 9.0, 4000))
    store.actions.run("anna", "close")
    store.close()
    return tmp_path


def test_a_study_is_screened_by_its_headphone_check(tmp_path):
    folder = rated_study(tmp_path, "flag")
    assert main(["analyze", str(folder), "-o", str(tmp_path / "out")]) == 0
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    rule = next(rule for rule in content["screening"]["rules"] if rule["rule"] == "headphones")
    assert rule["participants"] == ["P001"]
    assert rule["judged"] == rule["raters"] == content["provenance"]["participants"] == 4


def test_who_was_replaced_for_their_headphones_is_not_named(tmp_path):
    folder = rated_study(tmp_path, "replace")
    with Export(folder, load_config(folder / "study.yaml")) as study:
        study.for_analysis(tmp_path / "ratings.csv", None)
    answers = load_answers(tmp_path / "ratings.csv")
    assert sorted(answers.frame["participant"].unique()) == ["P002", "P003", "P004"]
    rule = next(rule for rule in screen(answers.frame, answers.checks) if rule.rule == "headphones")
    assert (rule.participants, rule.judged, rule.raters) == ((), 3, 3)
