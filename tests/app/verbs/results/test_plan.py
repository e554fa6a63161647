"""The verb plan: words, page and numbers that agree; a study's own settings; one line for what cannot be."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from analysis.draw import figures
from analysis.errors import SettingError
from analysis.plan.designs import Cost, plan
from analysis.plan.page import power_figure, write_plan
from analysis.plan.power import Claim, Design, power
from app.cli import main

STUDY = """
name: bells <b>
model: mini
conditions: [baseline, sqs-w8a8, sqd-w8a8, sqs-w4a8]
prompts: [rain, wind, a bell, a dog, a train, thunder]
sampling: {seconds: 7, seeds: [1, 2]}
recruitment: {target_participants: 33}
analysis: {equivalence_margin: 0.45, alpha: 0.02}
"""
SMALL = {"raters": (10, 20, 40), "prompts": (5, 20)}


class Page(HTMLParser):
    """Collects the tags, the addresses they load, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("analysis.plan.designs.PROMPTS", (10, 15, 20))  # a third of the grid, a third of the time
    return tmp_path


def pilot(folder: Path, seed: int, *, conditions: str = "abc") -> str:
    rng = np.random.default_rng(seed)
    lines = ["participant,prompt,condition,score"]
    for r in range(12):
        for p in range(8):
            level = 3.3 + 0.4 * rng.normal()
            lines += [f"r{r},p{p},{c},{int(np.clip(np.rint(level + 0.6 * rng.normal()), 1, 5))}" for c in conditions]
    (folder / "pilot.csv").write_text("\n".join(lines), encoding="utf-8")
    return str(folder / "pilot.csv")


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err.strip()
    assert text.startswith("earmark: ")
    assert "\n" not in text
    return text


def test_words_page_and_json_agree(here, capsys):
    assert main(["plan", "-o", "out"]) == 0
    said = capsys.readouterr().out
    content = json.loads((here / "out" / "plan.json").read_text(encoding="utf-8"))
    cheapest, own = content["cheapest"], content["own"]
    assert (own["raters"], own["prompts"], own["ratings"], own["minutes"]) == (20, 20, 1200, 15)
    assert 0.8 <= cheapest["power_alike"] < 0.84
    assert f"is {cheapest['raters']} raters x {cheapest['prompts']} prompts: power .8" in said
    assert f"{cheapest['ratings']:,} ratings in all" in said
    assert "20 raters x 20 prompts: power .8" in said
    assert "assumed, not measured" in said
    page = Page((here / "out" / "plan.html").read_text(encoding="utf-8"))
    assert all(sentence in page.words for sentence in content["words"])
    assert all(load.startswith("#") for load in page.loads)
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert page.tags.count("svg") == 1
    assert sorted(path.name for path in (here / "out").rglob("*")) == [
        "figures", "plan.html", "plan.json", "power.png", "power.svg",
    ]  # fmt: skip


def test_a_study_brings_its_own_settings(here, capsys):
    (here / "study.yaml").write_text(STUDY, encoding="utf-8")
    assert main(["plan"]) == 0
    said = capsys.readouterr().out
    content = json.loads((here / "plan" / "plan.json").read_text(encoding="utf-8"))
    assert (content["claim"]["margin"], content["claim"]["alpha"]) == (0.45, 0.02)
    assert (content["conditions"], content["claim"]["comparisons"]) == (4, 3)
    assert (content["own"]["raters"], content["own"]["prompts"]) == (33, 6)
    assert content["own"]["minutes"] == pytest.approx(6 * 4 * 12 / 60)
    assert "33 raters x 6 prompts" in said
    assert "the study has 2" in said
    page = Page((here / "plan" / "plan.html").read_text(encoding="utf-8"))
    assert "bells <b>" in page.words
    assert main(["plan", str(here), "--question", "these", "--margin", "0.25", "-o", "these"]) == 0
    asked = json.loads((here / "these" / "plan.json").read_text(encoding="utf-8"))
    assert {cell["prompts"] for cell in asked["cells"]} == {6}
    assert asked["claim"]["margin"] == 0.25


def test_what_a_plan_does_not_hold_for_stands_on_its_page_too(here, capsys):
    (here / "study.yaml").write_text(STUDY + "scale: {type: ab}\n", encoding="utf-8")
    assert main(["plan"]) == 0
    said = capsys.readouterr().out
    words = " ".join(Page((here / "plan" / "plan.html").read_text(encoding="utf-8")).words.split())
    for warning in ("ype ab gives single clips no points; this plan is of points, and not of it.", "the study has 2"):
        assert warning in said
        assert warning in words


def test_a_pilot_brings_its_spread(here, seed, capsys):
    assert main(["plan", "--pilot", pilot(here, seed, conditions="abcde"), "--conditions", "2"]) == 0
    content = json.loads((here / "plan" / "plan.json").read_text(encoding="utf-8"))
    assert content["conditions"] == 2
    assert "estimated from pilot.csv by moments: 480 ratings" in content["components"]["source"]
    assert content["components"]["residual"] == pytest.approx(0.66, abs=0.1)  # .6, and 1/12 for rounding
    assert "estimated from pilot.csv" in capsys.readouterr().out


def test_a_pilot_on_another_scale_brings_the_same_spread(here, seed, capsys):
    found = []
    for times in (1, 25):
        path = Path(pilot(here, seed))
        head, *rows = [line.rsplit(",", 1) for line in path.read_text(encoding="utf-8").splitlines()]
        text = "\n".join([",".join(head), *(f"{cell},{times * (int(score) - (times > 1))}" for cell, score in rows)])
        path.write_text(text, encoding="utf-8")
        assert main(["plan", "--pilot", str(path), "--conditions", "2"]) == 0
        found.append(json.loads((here / "plan" / "plan.json").read_text(encoding="utf-8"))["components"])
    assert found[0]["residual"] == pytest.approx(found[1]["residual"])
    assert found[0]["mean"] == pytest.approx(found[1]["mean"])
    assert "from 0 to 100 were carried over to 1 to 5" in capsys.readouterr().out


def test_the_cheapest_is_the_cheapest(seed):
    """No design with the same prompts and fewer raters suffices, and no other sufficient one costs less."""
    made = plan(Claim(margin=0.35), seed=seed)
    assert made.cheapest in made.enough
    assert all(made.cheapest.ratings <= cell.ratings for cell in made.enough if cell.minutes <= 30)
    for cell in made.enough:
        assert made.power_of(cell) >= 0.8
        fewer = power(Design(cell.raters - 1, cell.prompts), Claim(margin=0.35), seed=seed)
        assert fewer.alike < 0.8 or cell.raters == 6
    assert made.cheapest in made.cells


def test_money_and_time_change_what_is_cheapest():
    few = {"prompts": (10, 15, 30)}
    cheap_people = plan(Claim(), cost=Cost(per_rating=1.0), **few)
    dear_people = plan(Claim(), cost=Cost(per_rating=1.0, per_participant=200.0), **few)
    assert dear_people.cheapest.raters < cheap_people.cheapest.raters
    assert dear_people.cheapest.price == dear_people.cheapest.ratings + 200 * dear_people.cheapest.raters
    short = plan(Claim(), cost=Cost(longest=8), **few)
    assert short.cheapest.minutes <= 8
    none = plan(Claim(), cost=Cost(longest=1), **few)
    assert none.cheapest is None
    assert "in 1 minute per participant; the shortest design that reaches it" in none.sentences()[-1]


def test_says_when_no_design_suffices():
    made = plan(Claim(margin=0.05), **SMALL)
    assert made.cheapest is None
    assert "No design up to 40 raters x 20 prompts reaches .80" in made.sentences()[-1]
    assert "more prompts help most" in made.sentences()[-1]


def test_the_figure_holds_every_number_and_marks_the_designs():
    made = plan(Claim(margin=0.4), own=(13, 7), **SMALL)
    text = figures.svg(power_figure(made)).decode()
    shown = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    numbers = [word for word in shown if re.fullmatch(r"(&gt; |&lt; )?\.\d\d", word)]
    assert len(numbers) == len(made.cells)
    assert text.count("stroke: #d55e00") == 2
    assert "<image" not in text
    assert "13" in shown


def test_writing_into_a_file_is_refused(here, capsys):
    (here / "out").write_text("mine", encoding="utf-8")
    assert main(["plan", "-o", "out"]) == 2
    assert "cannot be written" in complaint(capsys)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["nowhere"], "no study here"),
        (["--pilot", "nowhere.csv"], "nowhere.csv: cannot be read"),
        (["--pilot", "bad.csv"], "bad.csv: no column prompt"),
        (["--pilot", "thin.csv"], "thin.csv: too little to estimate"),
        (["--margin", "0"], "margin 0: not between"),
        (["--alpha", "0.7"], "alpha 0.7: not between"),
        (["--power", "1"], "power 1: not between"),
        (["--power", "nan"], "power nan: not between"),
        (["--conditions", "1"], "conditions 1: must be 2 to 1000"),
        (["--raters", "1"], "raters 1: at least two"),
        (["--raters", "100000000"], "too large"),
        (["--prompts", "0"], "prompts 0"),
        (["--prompts-per-rater", "0"], "prompts per rater 0"),
        (["--seconds", "0"], "seconds per rating 0"),
        (["--per-rating", "-1"], "per rating -1"),
        (["--minutes", "nan"], "longest nan"),
        (["--difference", "0.3"], "outside the margin of 0.3"),
        (["--goal", "difference"], "--difference"),
        (["--goal", "noninferiority", "--difference", "-0.3"], "non-inferiority is false"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(options, says, here, capsys):
    (here / "bad.csv").write_text("participant,score\nr,3\n", encoding="utf-8")
    (here / "thin.csv").write_text("participant,prompt,condition,score\nr,p,a,3\nr,p,b,3\n", encoding="utf-8")
    assert main(["plan", *options]) == 2
    assert says in complaint(capsys)
    assert sorted(path.name for path in here.iterdir()) == ["bad.csv", "thin.csv"]


def test_the_library_refuses_questions_it_does_not_know(tmp_path):
    with pytest.raises(SettingError, match="these, alike"):
        plan(Claim(), question="those")
    paths = write_plan(plan(Claim(margin=0.5), **SMALL), tmp_path)
    assert json.loads(paths.json.read_text(encoding="utf-8"))["own"] is None
