"""Preferences and comparison ratings: against R, by hand, and on poor data."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from answer_tables import DATA, answers_of, check_rows, check_sound, golden
from scipy import stats

from analysis.draw.answer_figures import answer_figures
from analysis.errors import ScoreError
from analysis.foreign.options import Options
from analysis.infer.bradley_terry import bradley_terry
from analysis.questions.dispatch import analyze_answers
from analysis.questions.pair import oriented
from analysis.questions.pairs import comparison_rating, preference
from analysis.read.answers import load_answers
from analysis.scale.rating_scale import RatingScale


def of(question: str) -> pd.DataFrame:
    return load_answers(DATA / "pairs" / f"{question}.csv").frame


@pytest.mark.parametrize("question", ["ab", "ccr"])
def test_agrees_with_r(question: str) -> None:
    answers = {key: value for key, value in golden("pairs").items() if key[0].startswith(f"{question}_")}
    assert len(answers) == {"ab": 4 * 6 + 3, "ccr": 5 * 6}[question]
    analyse = preference if question == "ab" else comparison_rating
    findings = analyse(of(question), "base")
    for (test, *_), fields in answers.items():  # R knows no ends of the scale
        reach = {"ab_t": 1, "ab_two_way": 1, "ab_order": 2, "ab_bradley_terry": 99}.get(test, 3)
        fields |= {end: min(max(fields[end], -reach), reach) for end in ("ci_low", "ci_high") if end in fields}
    check_rows(findings.rows, answers)
    check_sound(findings)


@pytest.mark.parametrize("question", ["ab", "ccr"])
def test_the_way_round_of_the_file_does_not_matter(question: str, seed: int) -> None:
    frame = of(question)
    chosen = np.random.default_rng(seed).random(len(frame)) < 0.5
    turned = frame.assign(
        condition=frame["condition"].where(~chosen, frame["reference"]),
        reference=frame["reference"].where(~chosen, frame["condition"]),
        score=frame["score"].where(~chosen, -frame["score"]),
    )
    analyse = preference if question == "ab" else comparison_rating
    for before, after in zip(
        [row for row in analyse(frame, "base").rows if row.reference == "base"],
        [row for row in analyse(turned, "base").rows if row.reference == "base"],
        strict=True,
    ):
        assert (after.test, after.condition) == (before.test, before.condition)
        assert after.estimate == pytest.approx(before.estimate, rel=1e-8, abs=1e-12)
        assert after.p == pytest.approx(before.p, rel=1e-6)


def test_orients_by_the_baseline_or_the_first_answer() -> None:
    frame = answers_of(
        [
            ("r", "p", "base", "x", "x", 1),
            ("r", "q", "x", "base", "x", 1),
            ("r", "p", "y", "x", "y", 1),
            ("s", "p", "x", "y", "y", 1),
        ]
    )
    found = oriented(frame, "base")[["condition", "reference", "score"]].to_numpy().tolist()
    assert found == [["x", "base", -1], ["x", "base", 1], ["y", "x", 1], ["y", "x", -1]]


def test_bradley_terry_recovers_abilities(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ability = {"base": 0.0, "x": 0.7, "y": -1.1}
    rows = []
    for r, (one, two) in product(range(150), [("x", "base"), ("y", "x")]):  # y is never heard against the baseline
        for p in range(12):
            chance = 1 / (1 + np.exp(ability[two] - ability[one]))
            rows.append((f"r{r}", f"p{p}", one, two, one, 1 if rng.random() < chance else -1))
    for row in bradley_terry(answers_of(rows), "base"):
        assert row.estimate is not None
        assert row.ci_high is not None
        error = (row.ci_high - row.estimate) / stats.t.ppf(0.975, 149)
        assert (row.p is None) == (row.condition == "y")  # by way of x alone: an ability, and no test
        assert abs(row.estimate - ability[row.condition or ""]) < 5 * error
        assert 0.02 < error < 0.12


def test_two_conditions_have_the_log_odds_of_the_wins() -> None:
    scores = [1, 1, 1, 0, -1, 1, -1, 0]
    rows = [(f"r{i % 4}", f"p{i}", "x", "base", "x", score) for i, score in enumerate(scores)]
    (row,) = bradley_terry(answers_of(rows), "base")
    assert row.estimate == pytest.approx(np.log(5 / 3), rel=1e-9)  # 4 wins and 2 halves of 8
    assert row.effect_size == pytest.approx(5 / 8, rel=1e-9)


def test_a_condition_always_preferred_has_no_finite_ability_and_spoils_no_other() -> None:
    rng = np.random.default_rng(5)
    rows = [(f"r{i % 6}", f"p{i}", "x", "base", "x", int(rng.integers(-1, 2))) for i in range(40)]
    alone = bradley_terry(answers_of(rows), "base")[0]
    always = [(f"r{i}", "p", "best", name, name, 1) for i in range(6) for name in ("x", "base")]
    best, x = bradley_terry(answers_of([*rows, *always]), "base")
    assert best.estimate is None
    assert "always or never prefer" in best.note
    assert (x.estimate, x.p) == (pytest.approx(alone.estimate), pytest.approx(alone.p))


def test_unanimous_raters_are_judged_by_sign_flips() -> None:
    frame = answers_of((f"r{r}", f"p{p}", "x", "base", "x", 1) for r, p in product(range(8), range(3)))
    findings = preference(frame, "base")
    (t,), (flips,) = findings.of("ab_t"), findings.of("ab_permutation")
    assert t.p is None
    assert flips.p == pytest.approx(2 / 2**8)
    assert findings.sentences[0].startswith("x is preferred to base: of 24 answers, 24 chose x")
    check_sound(findings)


def test_many_answers_of_few_raters_prove_less_than_the_binomial_says() -> None:
    # Three of four raters lean one way throughout; their 200 answers are four opinions.
    leaning = [1, 1, 1, -1]
    frame = answers_of((f"r{r}", f"p{p}", "x", "base", "x", leaning[r]) for r, p in product(range(4), range(50)))
    findings = preference(frame, "base")
    (t,), (binomial,) = findings.of("ab_t"), findings.of("ab_binomial")
    assert binomial.p is not None
    assert binomial.p < 1e-6
    assert t.p is not None
    assert t.p > 0.3
    assert findings.sentences[0].startswith("The answers do not show a preference between x and base")


def test_order_effect_is_found_and_its_share_of_the_mean_named(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = []
    for r, p in product(range(20), range(12)):
        first = "x" if (r + p) % 4 else "base"
        felt = (0.8 if first == "x" else -0.8) + rng.normal(0, 0.8)
        rows.append((f"r{r}", f"p{p}", "x", "base", first, int(np.clip(np.rint(felt), -3, 3))))
    findings = comparison_rating(answers_of(rows), "base")
    frame = answers_of(rows)
    (order,) = findings.of("ccr_order")
    early = frame["first"] == "x"
    difference = frame["score"][early].mean() - frame["score"][~early].mean()
    assert order.estimate == pytest.approx(difference)
    assert order.p is not None
    assert order.p < 1e-4
    sentence = findings.sentences[1]
    assert sentence.startswith("The order mattered for x against base")
    assert "180 times and second 60 times" in sentence
    shift = frame["score"].mean() - (frame["score"][early].mean() + frame["score"][~early].mean()) / 2
    told = re.search(r"of all scores by about ([+-]\d\.\d\d)\.$", sentence)
    assert told is not None
    assert float(told[1]) == pytest.approx(shift, abs=0.00501)  # a shift halfway between two is told as either


def test_an_order_that_never_changes_within_a_prompt_is_not_told_from_the_prompt(seed: int) -> None:
    """Half of the prompts are better under x, and there x is always first: nothing is known of the order."""
    rng = np.random.default_rng(seed)
    rows = []
    for r, p in product(range(12), range(10)):
        score = int(np.clip(np.rint((1.5 if p < 5 else -1.5) + rng.normal(0, 0.6)), -3, 3))
        rows.append((f"r{r}", f"p{p}", "x", "base", "x" if p < 5 else "base", score))
    findings = comparison_rating(answers_of(rows), "base")
    (order,) = findings.of("ccr_order")
    assert order.p is order.estimate is None
    assert "no prompt was heard in both orders" in order.note
    assert not any(sentence.startswith("The order mattered") for sentence in findings.sentences)


def test_cmos_within_the_margin_is_called_equivalent_and_no_other() -> None:
    rng = np.random.default_rng(2)
    rows = [(f"r{r}", f"p{p}", "x", "base", "x", int(rng.choice([-1, 0, 1]))) for r, p in product(range(40), range(20))]
    findings = comparison_rating(answers_of(rows), "base", margin=0.3)
    assert findings.sentences[0].startswith("x against base: equivalent. Its mean is within 0.3 points of base")
    narrow = comparison_rating(answers_of(rows), "base", margin=0.01)
    assert "equivalent." not in narrow.sentences[0]


def test_words_stand_after_holms_adjustment() -> None:
    findings = preference(of("ab"), "base")
    row = next(row for row in findings.of("ab_t") if row.condition == "w4" and row.reference == "base")
    assert row.p is not None
    assert row.p_adjusted is not None
    assert row.p < 0.05 < row.p_adjusted
    assert any(
        text.startswith("The answers do not show a preference between w4 and base") for text in findings.sentences
    )


def test_non_inferiority_rests_on_the_lower_test_alone_adjusted_over_the_pairs() -> None:
    scores = [0, 0, 1, 0, 0, 1, 2, 1, 0, -1, 0, 0, -2, 0, -1, 0, 0, 0, 1, 1]
    assert 0.05 / 4 < stats.ttest_1samp(scores, -0.3, alternative="greater").pvalue < 0.05
    assert stats.ttest_1samp(scores, 0.3, alternative="less").pvalue > 0.05

    def said(names: str) -> str:
        rows = [(f"r{r}", "p", name, "base", name, score) for name in names for r, score in enumerate(scores)]
        return comparison_rating(answers_of(rows), "base", margin=0.3).sentences[0]

    assert said("a").startswith("a against base: non-inferior. No worse than base by more than 0.3")
    assert said("abcd").startswith("a against base: not enough data.")
    assert "If no other condition had been compared, it would be shown to be no worse by more than 0.3 points" in said(
        "abcd"
    )
    assert "for this comparison alone" in said("abcd")
    assert "for this comparison alone" not in said("a")


def poor() -> dict[str, pd.DataFrame]:
    grid = list(product(["r1", "r2", "r3"], ["p1", "p2"]))
    mixed = [(r, p, "x", "base", "x" if p == "p1" else "base", (i % 3) - 1) for i, (r, p) in enumerate(grid)]
    return {
        "one rater": answers_of(row for row in mixed if row[0] == "r1"),
        "one answer": answers_of(mixed[:1]),
        "one prompt": answers_of(row for row in mixed if row[1] == "p1"),
        "all without a preference": answers_of((r, p, "x", "base", "x", 0) for r, p in grid),
        "all for one": answers_of((r, p, "x", "base", "x", 1) for r, p in grid),
        "one order": answers_of((r, p, "x", "base", "x", s) for r, p, _, _, _, s in mixed),
        "order unknown": answers_of((r, p, "x", "base", "", s) for r, p, _, _, _, s in mixed),
        "no column first": answers_of(mixed).drop(columns="first"),
        "baseline in no pair": answers_of((r, p, "x", "y", "x", s) for r, p, _, _, _, s in mixed),
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", list(poor()))
def test_poor_data_give_notes_and_no_nan(case: str) -> None:
    for analyse in (preference, comparison_rating):
        findings = analyse(poor()[case], "base")
        check_sound(findings)
        assert findings.sentences


def test_both_bad_is_counted_beside_neither_and_changes_no_test(tmp_path: Path) -> None:
    head = "question,participant,prompt,condition,reference,score,answer\n"
    given = [(r, p, (r + p) % 3 - 1) for r in range(6) for p in range(3)]
    zeros = [place for place, (*_, score) in enumerate(given) if score == 0]
    bad = zeros[: len(zeros) // 2]
    found = {}
    for name, chosen in (("with", bad), ("without", [])):
        rows = (
            f"ab,r{r},p{p},w8,baseline,{score},{'both_bad' if place in chosen else ''}\n"
            for place, (r, p, score) in enumerate(given)
        )
        (tmp_path / f"{name}.csv").write_text(head + "".join(rows))
        answers = load_answers(tmp_path / f"{name}.csv")
        found[name] = preference(answers.frame, "baseline")
    assert found["with"].rows == found["without"].rows
    (table,) = found["with"].tables
    cells = dict(zip(table.columns, table.rows[0], strict=True))
    assert (cells["neither"], cells["both bad"]) == (len(zeros), len(bad))
    assert f"{len(zeros)} neither ({len(bad)} of them said that both are bad)" in found["with"].sentences[0]
    assert "both bad" not in found["without"].tables[0].columns


def test_comparison_ratings_in_half_points_and_with_other_ends(tmp_path: Path) -> None:
    head = "question,participant,prompt,condition,reference,score\n"
    rows = "".join(f"ccr,r{r},p{p},w8,baseline,{(r - p) / 2}\n" for r in range(5) for p in range(4))
    (tmp_path / "r.csv").write_text(head + rows)
    answers = load_answers(tmp_path / "r.csv")
    assert answers.scale == RatingScale(-3, 3, 0.5)
    findings = analyze_answers(answers)
    cells = dict(zip(findings.tables[0].columns, findings.tables[0].rows[0], strict=True))
    scores = [(r - p) / 2 for r in range(5) for p in range(4)]
    assert {head: cells[head] for head in ("-0.5", "0", "+1.5")} == {
        "-0.5": scores.count(-0.5), "0": scores.count(0), "+1.5": scores.count(1.5)
    }  # fmt: skip
    assert answer_figures(findings, answers.frame)
    (tmp_path / "wide.csv").write_text(head + rows + "ccr,r9,p0,w8,baseline,5\n")
    with pytest.raises(ScoreError, match="line 22: score '5' is not a number from -3 to 3"):
        load_answers(tmp_path / "wide.csv")
    assert load_answers(tmp_path / "wide.csv", Options(scale=(-5, 5))).frame["score"].max() == 5
