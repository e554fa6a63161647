"""Clips that were rated twice, practice pages and missing scores: what counts, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis import analyze
from analysis.errors import BaselineError, DuplicateRatingError, MissingColumnError, RatingsError, ScoreError
from analysis.foreign.options import Options
from analysis.read.answers import Answers, load_answers, load_scales

Write = Callable[..., Path]
HEAD = "participant,prompt,condition,score"


def said(answers: Answers) -> str:
    return " ".join(answers.source.remarks)


def test_exact_copies_of_a_line_are_left_out_and_said(write: Write) -> None:
    answers = load_answers(write(f"{HEAD},note\nr,p,a,3,x\nr,q,a,4,x\nr,p,a,3,x\nr,q,a,4,x\ns,p,a,3,x\n"))
    assert answers.frame["score"].tolist() == [3, 4, 3]
    assert answers.source.left_out == {"copy": 2}
    assert "2 lines (4 and 5): exact copies of lines before them" in said(answers)
    with pytest.raises(DuplicateRatingError, match=r"--repeat COLUMN"):
        load_answers(write(f"{HEAD},note\nr,p,a,3,x\nr,p,a,3,y\n"))  # two ratings, as a note that differs shows


@pytest.mark.parametrize("column", ["take", "Take"])
def test_a_named_column_tells_showings_apart(write: Write, column: str) -> None:
    path = write(f"{HEAD},take\nr,p,a,2,10\nr,p,a,4,9\nr,q,a,5,1\ns,p,a,1,1\ns,p,a,3,2\n")
    answers = load_answers(path, Options(repeat=column))
    assert answers.frame["score"].tolist() == [4, 5, 1]  # 9 comes before 10
    assert answers.repeats is not None
    assert answers.repeats.to_numpy().tolist() == [["r", 4, 2], ["s", 1, 3]]
    assert answers.source.left_out == {"repeat": 2}
    assert "the column take tells the showings apart" in said(answers)
    with pytest.raises(MissingColumnError, match="no column 'tak', which --repeat names"):
        load_answers(path, Options(repeat="tak"))


def test_a_column_that_tells_nothing_apart_is_refused_as_such(write: Write) -> None:
    path = write(f"{HEAD},take\nr,p,a,2,1\nr,p,a,4,1\n")
    with pytest.raises(DuplicateRatingError, match="name another column than take with --repeat"):
        load_answers(path, Options(repeat="take"))


@pytest.mark.parametrize(
    ("column", "earlier", "later"),
    [("rated_at", "2026-01-02T10:00", "2026-01-02T11:00"), ("position", "9", "10"), ("repetition", "1", "2")],
)
def test_a_column_of_times_or_places_tells_showings_apart(write: Write, column: str, earlier: str, later: str) -> None:
    answers = load_answers(write(f"{HEAD},{column}\nr,p,a,2,{later}\nr,p,a,4,{earlier}\nr,q,a,5,{earlier}\n"))
    assert answers.frame["score"].tolist() == [4, 5]
    assert answers.repeats is not None
    assert answers.repeats.to_numpy().tolist() == [["r", 4, 2]]
    assert f"the column {column} tells the showings apart" in said(answers)


def test_repeats_of_our_own_export_and_of_others_are_described_alike(write: Write, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, again = rng.integers(1, 6, 30), rng.integers(1, 6, 30)
    cells = [(f"r{place % 5}", f"p{place // 5}", place) for place in range(30)]
    head = f"{HEAD},prompt_id,seed,kind,passed\n"
    ours = [f"{r},text,baseline,{first[k]},{p},1,trial,\n" for r, p, k in cells]
    ours += [f"{r},text,baseline,{again[k]},{p},1,repeat,{first[k] == again[k]}\n" for r, p, k in cells]
    theirs = [f"{r},{p},baseline,{first[k]},1\n{r},{p},baseline,{again[k]},2\n" for r, p, k in cells]
    own = load_answers(write(head + "".join(ours) + "r9,text,baseline,3,p0,1,repeat,True\n"))
    foreign = load_answers(write(f"{HEAD},showing\n" + "".join(theirs), "foreign.csv"), Options(repeat="showing"))
    found = [analyze(one.frame, repeats=one.repeats).reliability.retest for one in (own, foreign)]
    assert found[0] == found[1]
    assert found[0]
    assert (found[0].pairs, found[0].raters) == (30, 5)
    assert found[0].same == pytest.approx(float((first == again).mean()))
    assert found[0].correlation == pytest.approx(stats.pearsonr(first, again).statistic)
    # Of two ratings with the same error, the difference has twice its variance.
    assert found[0].error == pytest.approx(np.sqrt(((again - first) ** 2).mean() / 2))


def test_practice_pages_are_left_out_and_counted(write: Write) -> None:
    path = write(f"{HEAD}\nr,training,a,1\nr,training,b,\nr,p,a,4\nr,p,b,3\n")
    answers = load_answers(path, Options(practice=("training",)))
    assert answers.frame["prompt"].tolist() == ["p", "p"]
    assert answers.source.left_out == {"practice": 2}
    with pytest.raises(RatingsError, match="no page 'warmup', which --practice names; the pages are training, p"):
        load_answers(path, Options(practice=("warmup",)))


def test_missing_scores_are_refused_or_left_out_by_condition(write: Write) -> None:
    path = write(f"{HEAD}\nr,p,a,NA\nr,p,b,3\nr,q,a,\ns,p,a,4\ns,p,b,-\n")
    with pytest.raises(ScoreError, match=r"line 2: score is missing \(and 2 more such lines\)"):
        load_answers(path)
    answers = load_answers(path, Options(skip_missing=True))
    assert answers.frame["score"].tolist() == [3, 4]
    assert answers.source.left_out == {"missing": 3}
    assert "3 lines without a score left out: 2 of a and 1 of b" in said(answers)
    with pytest.raises(RatingsError, match="no line has a score"):
        load_answers(write(f"{HEAD}\nr,p,a,NA\n"), Options(skip_missing=True))


@pytest.mark.parametrize("name", ["asked", "what was asked"])
def test_repeats_that_may_be_ratings_on_two_scales_are_said(write: Write, name: str) -> None:
    rows = "".join(f"r,{p},x,3,{2 * n},quality\nr,{p},x,4,{2 * n + 1},match\n" for n, p in enumerate("pqs"))
    path = write(f"{HEAD},position,{name}\n{rows}")
    answers = load_answers(path)
    assert answers.source.left_out == {"repeat": 3}
    option = f"scale={name}" if " " not in name else f"'scale={name}'"
    assert f"analyse the file with --columns {option}" in said(answers)
    assert [one.name for one in load_scales(path, Options({"scale": name}))] == ["quality", "match"]
    plain = load_answers(write(f"{HEAD},position,note\n{rows.replace('match', 'quality')}"))
    assert "names scales" not in said(plain)


@pytest.mark.parametrize(
    ("given", "ends"),
    [("1,7", "1-7"), ("1,10", "0-10"), ("2,9", "0-10"), ("0.2,0.9", "0-1"), ("-2,3", "-3-3"), ("0,40", "0-100")],
)
def test_the_scale_that_is_advised_holds_the_scores(write: Write, given: str, ends: str) -> None:
    one, other = given.split(",")
    path = write(f"{HEAD}\nr,p,a,{one}\nr,p,b,{other}\n")
    with pytest.raises(ScoreError, match=rf"such as --scale[ =]{ends} \(the scores go"):
        load_answers(path)
    low, _, high = ends.rpartition("-")
    assert load_answers(path, Options(scale=(float(low), float(high)))).frame["score"].tolist() == [
        float(one),
        float(other),
    ]


def test_a_scale_that_is_given_counts_and_a_score_beyond_it_has_its_line(write: Write) -> None:
    path = write(f"{HEAD}\nr,p,a,2\nr,p,b,7.5\ns,p,a,0\n")
    with pytest.raises(ScoreError, match=r"line 3: score '7.5' is not a whole .* such as --scale 0-10 \(the scores go"):
        load_answers(path)
    answers = load_answers(path, Options(scale=(0, 10)))
    assert answers.scale
    assert (answers.scale.ends, answers.scale.step, answers.frame["score"].tolist()) == ((0, 10), 0.5, [2, 7.5, 0])
    with pytest.raises(ScoreError, match=r"line 3: score '7\.5' is not a number from 0 to 7, the scale that"):
        load_answers(path, Options(scale=(0, 7)))


def test_ends_beside_the_scores_are_the_scale(write: Write) -> None:
    head = "question,participant,prompt,condition,score,low,high\n"
    answers = load_answers(write(head + "slider,r,p,a,7.25,0,10\nslider,r,q,a,3,0,10\n"))
    assert answers.scale
    assert (answers.scale.ends, answers.scale.step) == ((0, 10), 0.25)
    with pytest.raises(ScoreError, match="line 2: score '11' is not a number from 0 to 10, the scale that the columns"):
        load_answers(write(head + "slider,r,p,a,11,0,10\n"))
    with pytest.raises(RatingsError, match=r"the ends of a scale differ from line to line \(0 to 10, 0 to 100\)"):
        load_answers(write(head + "slider,r,p,a,7,0,10\nslider,r,q,a,3,0,100\n"))
    foreign = load_answers(write(f"{HEAD},low,high\nr,p,a,3,2.5,3.5\nr,q,a,4,3.1,4.9\n"))  # intervals, say
    assert foreign.scale
    assert foreign.scale.is_five


def test_an_anchor_that_nobody_rated_is_refused(write: Write) -> None:
    with pytest.raises(BaselineError, match=r"anchor 'c': not among the conditions \(a, b\)"):
        load_answers(write(f"{HEAD}\nr,p,a,2\nr,p,b,3\n"), Options(anchors=("c",)))
