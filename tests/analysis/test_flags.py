"""Ratings that cannot have been heard as the page said: counted among those in use, said once, left out by nobody."""

import pytest

from analysis.questions.answers import load_answers
from analysis.read.ratings import load_ratings

HEAD = "participant,kind,prompt,condition,score,flags\n"
ROWS = (
    "P1,trial,rain,baseline,4,\n"
    "P1,trial,rain,w8,2,too_soon never_played\n"
    "P2,trial,rain,baseline,4,\n"
    "P2,trial,rain,w8,5,not_served\n"
    "P2,practice,rain,w8,5,not_served\n"
)
SAID = "2 of 4 ratings: the sounds cannot have been heard as the page said"


def remarks(path) -> list[str]:
    return [remark for remark in load_answers(path).source.remarks if "heard" in remark]


def test_they_are_counted_among_the_trials_and_stay(write):
    path = write(HEAD + ROWS)
    (said,) = remarks(path)
    assert said.startswith(SAID)
    assert said.endswith("They are included in these results.")
    assert load_ratings(path).source.remarks == load_answers(path).source.remarks
    assert len(load_answers(path).frame) == 4


def test_so_it_is_for_other_types_of_question(write):
    head = "question,participant,kind,prompt,condition,reference,score,flags\n"
    (said,) = remarks(write(head + "ab,P1,trial,rain,w8,baseline,1,heard_more_than_open\n"))
    assert said.startswith("1 of 1 ratings")


@pytest.mark.parametrize("word", ["", "outlier", "checked by Ann", "0"])
def test_a_column_of_other_peoples_words_says_nothing(write, word):
    flags = ("", "too_soon never_played", "not_served")
    text = ROWS
    for flag in flags[1:]:
        text = text.replace(flag, word)
    assert remarks(write(HEAD + text)) == []
    assert remarks(write((HEAD + text).replace(",flags", ",remark"))) == []
