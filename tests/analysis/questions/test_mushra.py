"""MUSHRA: post-screening by its rule, the numbers against R, and nobody left out in silence."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from answer_tables import DATA, check_rows, check_sound, golden
from rating_tables import table

from analysis.foreign.options import Options
from analysis.questions.findings import Findings
from analysis.questions.mushra import box, mushra, post_screening
from analysis.read.answers import load_answers


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    return load_answers(DATA / "mushra" / "mushra.csv").frame


def boxes(findings: Findings) -> dict[tuple[str, str], dict[str, object]]:
    ends = ("", "_all") if len(findings.tables) == 2 else ("_all",)
    return {
        (f"box{end}", str(row[0])): dict(zip(table.columns, row, strict=True))
        for end, table in zip(ends, findings.tables, strict=True)
        for row in table.rows
    }


def test_agrees_with_r(ratings: pd.DataFrame) -> None:
    findings = mushra(ratings, "reference")
    answers = golden("mushra")
    with (DATA / "mushra" / "golden.csv").open(encoding="utf-8") as file:
        excluded = next(row["condition"] for row in csv.DictReader(file) if row["test"] == "excluded")
    assert post_screening(ratings, "reference")[0].participants == tuple(excluded.split())
    described = boxes(findings)
    checked = 0
    for (test, condition, _), fields in answers.items():
        for field, value in fields.items() if test.startswith("box") else ():
            assert described[test, condition][field] == pytest.approx(value, rel=1e-9), (test, condition, field)
            checked += 1
    assert checked == 2 * 4 * 10
    check_rows(findings.rows, {key: of for key, of in answers.items() if key[0].startswith("mushra")})
    check_sound(findings)


def sliders(hidden: dict[str, list[int]], **others: list[int]) -> pd.DataFrame:
    """One trial a number; every rater gives the other conditions the same."""
    rows = []
    for rater, scores in hidden.items():
        for trial, score in enumerate(scores):
            rows.append((rater, f"p{trial}", "reference", score))
            rows += [(rater, f"p{trial}", name, given[trial]) for name, given in others.items()]
    return table(rows)


def test_leaves_out_more_than_fifteen_percent_below_ninety() -> None:
    # Of 20 trials, 3 misses are 15 %, which is not more; 90 itself is no miss.
    hidden = {
        "three": [89] * 3 + [100] * 17,
        "four": [89] * 4 + [100] * 16,
        "ninety": [90] * 20,
    }
    (screen,) = post_screening(sliders(hidden), "reference")
    assert screen.participants == ("four",)
    assert "below 90 in more than 15 %" in screen.words


def test_mid_anchor_rule_skips_trials_most_raters_put_high() -> None:
    rows = []
    for rater, trial in product(range(8), range(10)):
        rows.append((f"r{rater}", f"p{trial}", "reference", 100))
        high = (rater == 0 and trial < 3) or (trial >= 8 and rater < 4)  # half of the raters: 8 and 9 do not count
        rows.append((f"r{rater}", f"p{trial}", "anchor", 95 if high else 40))
    frame = table(rows)
    assert [screen.rule for screen in post_screening(frame, "reference")] == ["hidden_reference"]
    screens = post_screening(frame, "reference", anchor="anchor")
    assert screens[1].participants == ("r0",)
    assert [screen.judged for screen in screens] == [8, 8]
    assert mushra(frame, "reference").of("mushra_t_all") == ()
    assert "r0" in " ".join(mushra(frame, "reference", mid_anchor=True).sentences)


def test_names_who_is_left_out_and_gives_both_results(ratings: pd.DataFrame) -> None:
    findings = mushra(ratings, "reference")
    assert findings.sentences[0].endswith("leaves out 2 of 12 raters: r03, r08.")
    kept, everyone = findings.of("mushra_t"), findings.of("mushra_t_all")
    assert [row.n for row in kept] == [10, 10, 10]
    assert [row.n for row in everyone] == [12, 12, 12]
    assert all("2 left out by post-screening" in row.note for row in kept)


def test_says_when_leaving_raters_out_makes_the_result() -> None:
    rng = np.random.default_rng(6)
    rows = []
    for rater, trial in product(range(10), range(8)):
        careless = rater < 3
        rows.append((f"r{rater}", f"p{trial}", "reference", 40 if careless else 98))
        score = 99 if careless else int(90 + rng.integers(0, 8))
        rows.append((f"r{rater}", f"p{trial}", "x", score))
    findings = mushra(table(rows), "reference")
    assert any(sentence.startswith("x is rated lower than reference") for sentence in findings.sentences)
    assert any(sentence.startswith("With all raters the result is different: ") for sentence in findings.sentences)


def test_if_nobody_would_be_left_the_results_are_of_all() -> None:
    findings = mushra(sliders({"a": [10, 20], "b": [30, 60]}, x=[40, 50]), "reference")
    assert {row.test.removesuffix("_all") for row in findings.rows} == {
        "mushra_t",
        "mushra_wilcoxon",
        "mushra_friedman",
    }
    assert all(row.test.endswith("_all") for row in findings.rows)
    assert findings.sentences[0].endswith("would leave out 2 of 2 raters: a, b.")
    assert findings.sentences[1].startswith("That would leave 0 of 2 raters, ")


@pytest.mark.parametrize(
    ("careful", "careless", "why"),
    [
        (2, 16, "That would leave 2 of 18 raters, half of them or fewer."),
        (9, 9, "That would leave 9 of 18 raters, half of them or fewer."),
        (2, 1, "That would leave 2 of 3 raters, too few for a useful interval"),
        (10, 8, ""),
        (3, 1, ""),
    ],
)
def test_results_of_all_raters_lead_where_most_would_be_left_out(
    careful: int, careless: int, why: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    everyone = careful + careless
    rows = []
    for rater, trial in product(range(everyone), range(6)):
        hidden = 97 if rater < careful else 60
        rows += [(f"r{rater:02d}", f"p{trial}", "reference", hidden + int(rng.integers(0, 3)))]
        rows += [(f"r{rater:02d}", f"p{trial}", "x", int(rng.integers(30, 60)))]
    findings = mushra(table(rows), "reference")
    text = " ".join(findings.sentences)
    if not why:
        assert [row.n for row in findings.of("mushra_t")] == [careful]
        assert f"leaves out {careless} of {everyone} raters" in text
        assert "not followed" not in text
        return
    assert all(row.test.endswith("_all") for row in findings.rows)
    assert [row.n for row in findings.of("mushra_t_all")] == [everyone]
    assert [table.title for table in findings.tables] == ["Scores, all raters"]
    assert f"would leave out {careless} of {everyone} raters" in text
    assert why in text
    assert "the results include all raters" in text


def test_a_rater_who_never_rated_the_reference_is_not_judged() -> None:
    frame = sliders({"a": [95, 99], "b": [97, 98]}, x=[40, 50])
    frame = frame[~((frame["participant"] == "b") & (frame["condition"] == "reference"))]
    (screen,) = post_screening(frame, "reference")
    assert (screen.judged, screen.raters) == (1, 2)
    first, second, *_ = mushra(frame, "reference").sentences
    assert first.endswith("leaves out none of 1 rater.")
    assert second == "It could not judge everybody: 1 rater never rated the hidden reference (reference)."


def test_post_screening_that_can_judge_nobody_says_so() -> None:
    frame = sliders({"a": [95, 99], "b": [97, 98]}, x=[40, 50])
    alone = mushra(frame[frame["condition"] == "x"], "reference").sentences[0]
    assert "could judge nobody: 2 raters never rated the hidden reference" in alone
    assert "leaves out nobody" not in alone
    # Of two raters one is half, so no trial of theirs can count against a rater's mid-range anchor.
    for others in ({"anchor": [40, 50]}, {}):
        hidden, middle = post_screening(sliders({"a": [95, 99], "b": [97, 98]}, **others), "reference", anchor="anchor")
        assert (hidden.judged, middle.judged, middle.count) == (2, 0, 0)


def test_box_by_hand() -> None:
    # Quartiles 2.25 and 4.75 reach to -1.5 and 8.5: 30 is outside.
    scores = np.array([1.0, 2, 3, 4, 5, 30])
    assert box(scores) == (1.0, 2.25, 3.5, 4.75, 5.0, 1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "frame",
    [
        table([("r", "p", "reference", 100)]),
        table([("r", "p", "reference", 100), ("r", "p", "x", 50)]),
        table([(r, p, c, 100) for r, p, c in product("rst", "pq", ["reference", "x", "y"])]),
        table([(r, p, c, 50) for r, p, c in product("rst", "pq", ["x", "y", "anchor"])]),
    ],
    ids=["one slider", "one rater", "all the same", "no reference"],
)
def test_poor_data_give_notes_and_no_nan(frame: pd.DataFrame) -> None:
    for mid_anchor in (False, True):
        check_sound(mushra(frame, "reference", mid_anchor=mid_anchor))


def test_named_anchors_are_described_and_compared_with_nothing(ratings: pd.DataFrame) -> None:
    lower = ratings[ratings["condition"] == "anchor"].assign(condition="low")
    lower["score"] //= 2
    both = pd.concat([ratings, lower])
    plain = ratings[ratings["condition"] != "anchor"]
    for one, other in zip(
        mushra(plain, "reference").rows, mushra(both, "reference", anchors=("low", "anchor")).rows, strict=True
    ):
        assert (one.test, one.condition, one.estimate, one.p_adjusted) == (
            other.test,
            other.condition,
            other.estimate,
            other.p_adjusted,
        )
    named = mushra(both, "reference", anchors=("low", "anchor"))
    assert {str(row[0]) for row in named.tables[0].rows} == set(both["condition"])
    assert any("mid-range anchor above 90" in sentence for sentence in named.sentences)


def test_the_anchor_with_the_highest_mean_screens(ratings: pd.DataFrame) -> None:
    fooled = ratings["participant"].iloc[0]
    middle = ratings[ratings["condition"] == "anchor"].assign(condition="mid", score=60)
    middle.loc[middle["participant"] == fooled, "score"] = 95
    low = ratings[ratings["condition"] == "anchor"].assign(score=5)
    rest = ratings[ratings["condition"] != "anchor"]
    findings = mushra(pd.concat([rest, middle, low]), "reference", anchors=("anchor", "mid"))
    assert fooled in findings.left_out
    assert set(findings.left_out) == {fooled, *mushra(ratings, "reference").left_out}


def test_sliders_of_other_ends_are_carried_over(tmp_path: Path) -> None:
    head = "question,participant,prompt,condition,score\n"
    path = tmp_path / "r.csv"
    for cells, scale in ((("0.25", "1"), None), (("2.5", "10"), (0.0, 10.0)), (("25", "100"), None)):
        path.write_text(head + "".join(f"mushra,r,p,{c},{s}\n" for c, s in zip("xy", cells, strict=True)))
        answers = load_answers(path, Options(scale=scale))
        assert answers.frame["score"].tolist() == [25, 100]
        assert any("carried over" in said for said in answers.source.notices) == (cells[1] != "100")
    path.write_text(head + "mushra,r,p,x,0\nmushra,r,p,y,1\n")  # two low scores, or 0 to 1: nothing says so
    assert load_answers(path).frame["score"].tolist() == [0, 1]
