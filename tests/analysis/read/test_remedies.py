"""Remedies: what a refusal advises is done to the file, and it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.errors import RatingsError
from analysis.read.answers import load_answers

Write = Callable[..., Path]
HEAD = "participant,prompt,condition,score"
TWO = "a,p,x,3{}\na,p,y,4{}\n"
CASES = {
    "a column twice": (f"{HEAD},score\n{TWO}".format(",3", ",4"), "keep one of them", f"{HEAD}\n{TWO}".format("", "")),
    "revisions": (
        f"{HEAD},revision\n{TWO}".format(",1", ",2"),
        "or delete the column revision to pool them",
        f"{HEAD}\n{TWO}".format("", ""),
    ),
    "studies": (
        f"{HEAD},study,prompt_id\n{TWO}".format(",s,1", ",t,1"),
        "or delete the column study to pool them",
        f"{HEAD},prompt_id\n{TWO}".format(",1", ",1"),
    ),
    "no trials": (
        f"{HEAD},kind\n{TWO}".format(",practice", ",practice"),
        "mark them kind=trial",
        f"{HEAD},kind\n{TWO}".format(",trial", ",trial"),
    ),
    "an empty name, deleted": (f"{HEAD}\n,p,x,3\na,p,y,4\n", "or delete the line", f"{HEAD}\na,p,y,4\n"),
    "an empty name, filled in": (f"{HEAD}\na,p,,3\na,p,y,4\n", "fill it in", f"{HEAD}\n{TWO}".format("", "")),
    "ids in some rows, filled in": (
        f"{HEAD},prompt_id\n{TWO}".format(",1", ","),
        "fill it in",
        f"{HEAD},prompt_id\n{TWO}".format(",1", ",1"),
    ),
    "ids in some rows, deleted": (
        f"{HEAD},prompt_id\n{TWO}".format(",1", ","),
        "or delete the column",
        f"{HEAD}\n{TWO}".format("", ""),
    ),
    "no score at all": (f"{HEAD}\na,p,x,good?\na,p,y,4\n", "correct it", f"{HEAD}\n{TWO}".format("", "")),
    "words of no known scale": (
        f"{HEAD}\na,p,x,agree\na,p,y,disagree\n",
        "write the number of each word in its place",
        f"{HEAD}\na,p,x,2\na,p,y,1\n",
    ),
    "a pair of one": (
        f"{HEAD},reference,question\na,p,x,1,x,ab\na,q,x,1,y,ab\n",
        "correct one",
        f"{HEAD},reference,question\na,p,x,1,y,ab\na,q,x,1,y,ab\n",
    ),
    "a first that is neither": (
        f"{HEAD},reference,question,first\na,p,x,1,y,ab,z\n",
        "or leave it empty",
        f"{HEAD},reference,question,first\na,p,x,1,y,ab,\n",
    ),
    "pairs without a reference": (
        f"{HEAD},question\na,p,x,1,ab\n",
        "no column reference, which question type ab needs; add it",
        f"{HEAD},question,reference\na,p,x,1,ab,y\n",
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_what_is_advised_works(write: Write, case: str) -> None:
    broken, remedy, mended = CASES[case]
    with pytest.raises(RatingsError) as caught:
        load_answers(write(broken))
    assert remedy in str(caught.value)
    assert str(caught.value).startswith("ratings.csv: ")
    assert len(load_answers(write(mended)).frame) == mended.count("\n") - 1
