"""The report: true JSON, a page that needs nothing beside it, and a word on everything peculiar."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pages import Page
from rating_tables import Golden, table

from analysis import AnalysisError, Report, StudyFacts, analyze, load_ratings, write_report
from analysis.describe.screening import at_most
from analysis.errors import BaselineError, MissingColumnError, NoRatingsError, ReportError, SettingError
from analysis.infer.compare import COLUMNS

KEYS = {
    *("question", "scale", "anchors"),
    *("conditions", "comparisons", "verdicts", "reliability", "screening", "sequential", "rater_model", "methods"),
    *("components", "model_notes", "prompt_means", "rater_means", "provenance", "metrics", "agreements"),
}
CONDITION = [
    *("condition", "n", "participants", "prompts", "mean", "sd", "ci_low", "ci_high", "histogram"),
    *("pooled_low", "pooled_high", "wide_low", "wide_high", "note"),
]
TESTS = {
    *("paired_t", "wilcoxon", "permutation", "friedman", "tost"),
    *("lmm", "lmm_tost", "lmm_anova", "two_way", "lmm_additive", "clmm"),
}
FIGURES = ("means", "scores", "prompts", "raters", "lines", "differences")
BOTH = ("baseline", "x")
EVIL = '<script>alert(1)</script>"><img src=http://evil/x onerror=alert(2)>{{ 7*7 }}'


def strict(path: Path) -> dict[str, Any]:
    """Read JSON as the standard has it, without NaN and Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    return content


def report_of(paper_like: pd.DataFrame, **changes: Any) -> Report:
    settings: dict[str, Any] = {"baseline": "fp32", "facts": StudyFacts("bells", earmark="1.2.3")}
    return analyze(paper_like, **(settings | changes))


def test_json_has_the_fixed_shape(paper_like: pd.DataFrame, tmp_path: Path) -> None:
    paths = write_report(report_of(paper_like), tmp_path / "out")
    content = strict(paths.json)
    assert set(content) == KEYS
    assert all(list(row) == CONDITION for row in content["conditions"])
    assert [row["condition"] for row in content["conditions"]] == ["fp32", "sqdl", "sqs"]
    assert all(list(row) == list(COLUMNS) for row in content["comparisons"])
    assert {row["test"] for row in content["comparisons"]} == TESTS
    assert [(one["scope"], one["condition"]) for one in content["verdicts"]] == [
        (scope, condition) for scope in ("these prompts", "prompts like these") for condition in ("sqdl", "sqs")
    ]
    assert content["provenance"]["earmark"] == "1.2.3"
    assert content["provenance"]["ratings"] == 300
    assert {path.name for path in paths.figures} == {f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "figures",
        "methods.txt",
        "report.html",
        "report.json",
        "table.tex",
    ]


def test_page_shows_the_numbers_of_the_json(golden: Golden, tmp_path: Path) -> None:
    report = analyze(golden.ratings, baseline=golden.baseline)
    paths = write_report(report, tmp_path)
    words = Page(paths.html.read_text(encoding="utf-8")).words.replace("−", "-")
    content = strict(paths.json)
    for name in ("prompt_means", "rater_means"):
        assert content[name]["conditions"] == [row["condition"] for row in content["conditions"]]
        assert all(value is None or f"{value:.2f}" in words for row in content[name]["means"].values() for value in row)
    for row in content["conditions"]:
        assert f"{row['mean']:.2f}" in words
        assert f"{row['ci_low']:.2f} to {row['ci_high']:.2f}" in words
    for row in content["comparisons"]:
        assert row["statistic"] is None or f"{row['statistic']:.2f}" in words
        assert ("< 0.001" if row["p"] < 0.001 else f"{row['p']:.3f}") in words
    for verdict in (*report.verdicts, *report.wide_verdicts):
        assert verdict.words.replace("−", "-") in words
    assert "indistinguishable" not in words


def test_page_loads_nothing(paper_like: pd.DataFrame, tmp_path: Path) -> None:
    text = write_report(report_of(paper_like), tmp_path).html.read_text(encoding="utf-8")
    page = Page(text)
    assert all(load.startswith("#") for load in page.loads)
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert not re.search(r"@import|url\((?!#)", text)
    assert page.tags.count("svg") == len(FIGURES)
    assert page.tags.count("h1") == 1
    assert page.tags.count("table") >= page.tags.count("figure")
    assert len(page.ids) == len(set(page.ids))


def test_page_escapes_what_people_wrote(tmp_path: Path) -> None:
    conditions = ["baseline", EVIL, "x"]
    ratings = table(
        (f"{EVIL}{r}", EVIL + str(p), c, 1 + (r + p + len(c)) % 5)
        for r in range(4)
        for p in range(3)
        for c in conditions
    )
    ratings.loc[ratings["participant"] == f"{EVIL}0", "score"] = 3
    source = replace(load_source(tmp_path), file=EVIL, left_out={EVIL: 2})
    report = analyze(ratings, facts=StudyFacts(EVIL, question=EVIL, earmark=EVIL), source=source)
    page = Page(write_report(report, tmp_path / "out").html.read_text(encoding="utf-8"))
    assert not {"script", "img"} & set(page.tags)
    assert all(load.startswith("#") for load in page.loads)
    assert EVIL in page.words


def load_source(tmp_path: Path) -> Any:
    path = tmp_path / "ratings.csv"
    path.write_text("participant,prompt,condition,score\nr,p,baseline,3\n", encoding="utf-8")
    return load_ratings(path).source


def test_says_where_the_ratings_came_from(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    rows = "".join(f"r{r},p,{c},{1 + (r + len(c)) % 5},trial\n" for r in range(5) for c in ("baseline", "x"))
    path.write_text(f"participant,prompt,condition,score,kind\nr1,p,x,2,practice\n{rows}", encoding="utf-8")
    ratings = load_ratings(path)
    paths = write_report(analyze(ratings.frame, source=ratings.source), tmp_path / "out")
    provenance = strict(paths.json)["provenance"]
    assert provenance["file"] == "mine.csv"
    assert provenance["sha256"] == ratings.source.sha256
    assert provenance["left_out"] == {"practice": 1}
    words = Page(paths.html.read_text(encoding="utf-8")).words
    assert ratings.source.sha256 in words
    assert "1 line of kind “practice”" in words


def test_verdict_stands_in_the_note_of_its_tost_row(paper_like: pd.DataFrame) -> None:
    report = report_of(paper_like)
    notes = [row["note"] for row in report.as_dict()["comparisons"] if row["test"] == "tost"]
    assert [note.split(":")[0] for note in notes] == [verdict.kind for verdict in report.verdicts]
    assert {verdict.condition: verdict.kind for verdict in report.verdicts} == {
        "sqs": "not enough data",  # alone it would be equivalent
        "sqdl": "not enough data",
    }


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("r", p, c, 3 + (c == "x")) for p in "ab" for c in ("baseline", "x", "y")], "There is only one rater"),
        ([(r, "p", c, int(r)) for r in "1234" for c in ("baseline", "x", "y")], "There is only one prompt"),
        ([(r, p, c, 4) for r in "12" for p in "ab" for c in ("baseline", "x", "y")], "Every rating is 4"),
        ([(r, p, "baseline", 4) for r in "12" for p in "ab"], "There is only one condition"),
        ([("r", "p", "baseline", 2)], "There is only one condition"),
        ([(r, p, c, 3) for r, p, c in zip("1234", "abab", ["baseline", "x"] * 2, strict=True)], "Ratings are missing"),
    ],
    ids=["one rater", "one prompt", "all the same", "one condition", "one rating", "nobody rated both"],
)
def test_poor_data_are_reported_with_their_consequence(
    rows: list[tuple[str, str, str, int]], says: str, tmp_path: Path
) -> None:
    paths = write_report(analyze(table(rows)), tmp_path)
    strict(paths.json)
    assert says in Page(paths.html.read_text(encoding="utf-8")).words


def test_a_condition_without_ratings_is_reported(paper_like: pd.DataFrame, tmp_path: Path) -> None:
    report = report_of(paper_like, facts=StudyFacts(conditions=("fp32", "sqs", "sqdl", "w4")))
    content = strict(write_report(report, tmp_path).json)
    assert content["conditions"][-1]["n"] == 0
    assert content["conditions"][-1]["mean"] is None
    assert any("Nobody rated w4" in remark for remark in report.remarks)
    assert next(row for row in content["comparisons"] if row["test"] == "friedman")["p"] == pytest.approx(
        0.10085, abs=1e-5
    )


def test_baseline_defaults_to_its_name_or_lists_what_there_is(paper_like: pd.DataFrame) -> None:
    named = paper_like.replace({"condition": {"fp32": "baseline"}})
    assert analyze(named).baseline == "baseline"
    for asked in (None, "fp16"):
        with pytest.raises(BaselineError, match=r"fp32, sqdl, sqs.*--baseline"):
            analyze(paper_like, baseline=asked)


@pytest.mark.parametrize(
    "settings",
    [{"margin": 0}, {"margin": -0.3}, {"margin": float("nan")}, {"margin": 4}, {"alpha": 0}, {"alpha": 0.5}],
)
def test_refuses_impossible_settings(paper_like: pd.DataFrame, settings: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        analyze(paper_like, baseline="fp32", **settings)


def test_refuses_other_tables(paper_like: pd.DataFrame) -> None:
    with pytest.raises(NoRatingsError):
        analyze(paper_like.iloc[:0], baseline="fp32")
    with pytest.raises(MissingColumnError, match="no column score"):
        analyze(paper_like.drop(columns="score"), baseline="fp32")


def test_refuses_a_folder_that_is_a_file(paper_like: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(ReportError, match="cannot be written"):
        write_report(report_of(paper_like), tmp_path / "out")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_conditions_prompts_and_raters_stand_as_people_count(tmp_path: Path) -> None:
    names = ["w16", "x10", "w4", "x2", "base"]
    ratings = table(
        (f"r{r}", f"p{p}", c, 1 + (r + 2 * p + len(c) * r) % 5) for r in range(9, 12) for p in (10, 9) for c in names
    )
    ordered = ["base", "w4", "w16", "x2", "x10"]
    report = analyze(ratings, baseline="base")
    assert [score.condition for score in report.conditions] == ordered
    for test in ("paired_t", "tost", "lmm", "two_way", "clmm"):
        assert [row.condition for row in report.rows(test)] == ordered[1:], test
    assert list(report.prompt_means.index) == ["p9", "p10"]
    assert list(report.means.index) == ["r9", "r10", "r11"]
    paths = write_report(report, tmp_path)
    lines = (tmp_path / "table.tex").read_text(encoding="utf-8").splitlines()
    assert [line.split(" & ")[0].strip() for line in lines if line.endswith(r"\\")][1:] == ordered
    figure = (tmp_path / "figures" / "means.svg").read_text(encoding="utf-8")
    assert sorted(ordered, key=lambda name: figure.index(f">{name}<")) == ordered
    assert [row["condition"] for row in strict(paths.json)["conditions"]] == ordered
    known = analyze(ratings, baseline="base", facts=StudyFacts(conditions=("w16", "base", "x10", "w4", "x2")))
    assert [score.condition for score in known.conditions] == ["base", "w16", "x10", "w4", "x2"], (
        "the study's own order"
    )


def test_a_file_from_elsewhere_is_not_said_to_be_a_study(paper_like: pd.DataFrame, tmp_path: Path) -> None:
    write_report(report_of(paper_like), tmp_path)
    claims = ("five grades", "one clip at a time", "beforehand", "practice trial", "eadphones were", "stated")
    for file in ("report.html", "report.json", "table.tex", "methods.txt"):
        text = (tmp_path / file).read_text(encoding="utf-8")
        for claim in claims:
            assert claim not in text, f"{file}: {claim}"
    assert "Not recorded: this report was made from a file of answers alone" in (
        Page((tmp_path / "report.html").read_text(encoding="utf-8")).words
    )


def test_writing_again_replaces_and_leaves_no_litter(paper_like: pd.DataFrame, tmp_path: Path) -> None:
    write_report(report_of(paper_like), tmp_path)
    write_report(report_of(paper_like, margin=0.5), tmp_path)
    assert strict(tmp_path / "report.json")["provenance"]["margin"] == 0.5
    assert sorted(path.name for path in tmp_path.rglob(".*")) == []


def test_alpha_reaches_every_interval(paper_like: pd.DataFrame, tmp_path: Path) -> None:
    words = Page(write_report(report_of(paper_like, alpha=0.01), tmp_path).html.read_text(encoding="utf-8")).words
    assert "99 % interval" in words
    assert "98 % interval" in words
    assert "95 %" not in words


def test_importing_the_package_loads_no_library() -> None:
    code = "import sys, analysis; sys.exit(bool({'pandas', 'scipy', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0
    assert issubclass(BaselineError, AnalysisError)


def test_nobody_who_is_not_analysed_is_named_anywhere(tmp_path: Path) -> None:
    rows = [f"r{r},p{p},{c},{1 + (r * p + len(c)) % 5},trial,," for r in range(4) for p in range(5) for c in BOTH]
    rows += [f"gone,p{p},{c},3,uncounted,,failed" for p in range(5) for c in BOTH]
    rows += ["gone,p1,x,5,attention,False,failed", "r1,p1,x,5,attention,False,", "gone,p1,x,5,repeat,False,failed"]
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(["participant,prompt,condition,score,kind,passed,headphones", *rows]), encoding="utf-8")
    ratings = load_ratings(path)
    paths = write_report(analyze(ratings.frame, source=ratings.source, checks=ratings.checks), tmp_path / "out")
    page = Page(paths.html.read_text(encoding="utf-8")).words
    assert "gone" not in paths.json.read_text(encoding="utf-8")
    assert "gone" not in page
    rules = {rule["rule"]: rule for rule in strict(paths.json)["screening"]["rules"]}
    assert (rules["gold"]["participants"], rules["gold"]["judged"], rules["gold"]["raters"]) == (["r1"], 1, 4)
    assert (rules["repeats"]["judged"], rules["headphones"]["judged"]) == (0, 0)
    assert "1 of 1 rater who could be judged (of 4) gave a wrong answer to an attention check" in page
    for not_judged in ("a different answer when a clip was repeated", "too few right answers to the headphone check"):
        assert f"Not judged: which raters gave {not_judged}" in page
    assert "Nobody was left out of the analysis because of these rules" in page


@pytest.mark.parametrize(("flat", "many"), [(2, False), (3, True), (6, True)])
def test_a_rule_that_points_at_most_raters_is_said_and_shows_nothing_without_them(
    flat: int, many: bool, tmp_path: Path
) -> None:
    ratings = table(
        (f"r{r}", f"p{p}", c, 4 if r < flat else 1 + (r + p + len(c)) % 5)
        for r in range(6)
        for p in range(5)
        for c in BOTH
    )
    report = analyze(ratings)
    content = strict(write_report(report, tmp_path).json)
    shown = [one["rule"] for one in content["screening"]["without"]]
    said = [remark for remark in at_most(report.screens) if f"traight lining points at {flat}" in remark]
    assert ("straight_lining" in shown) == (not many)
    assert len(said) == many
    words = Page((tmp_path / "report.html").read_text(encoding="utf-8")).words
    sentence = report.screens[0].sentence
    assert sentence in words
    assert sentence.endswith("half of all raters or more, so no results without them are shown.") == many
    for remark in said:
        assert "The results include everybody" in remark
        assert remark in words
