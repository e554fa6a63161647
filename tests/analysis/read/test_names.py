"""Names written in more than one way: said, named, counted, and never merged in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.read.ratings import load_ratings

Write = Callable[..., Path]
HEAD = "participant,prompt,condition,score\n"
VARIANTS = {
    "capitals": ("p01", "P01"),
    "spaces": ("a dog", "a  dog"),
    "the way their letters are stored (Unicode form)": ("\u00e9glise", "e\u0301glise"),
    "invisible characters": ("w8a8", "w8\u200ba8"),
    "quotes and dashes": ("a dog's bark", "a dog\u2019s bark"),
    "zeros of a number": ("007", "7"),
}
MORE = {
    "full width": ("w8", "\uff578"),
    "no-break space inside": ("a dog", "a\u00a0dog"),
    "as a float": ("7", "7.0"),
    "zeros after letters": ("P7", "P007"),
    "byte order mark inside": ("w8", "\ufeffw8"),
    "dash": ("w8-a8", "w8\u2013a8"),
    "sharp s": ("stra\u00dfe", "STRASSE"),
    "two at once": ("P 01", "p\u00a01"),
}


@pytest.mark.parametrize("column", ["participant", "prompt", "condition", "seed", "prompt_id"])
@pytest.mark.parametrize("pair", [*VARIANTS.values(), *MORE.values()], ids=[*VARIANTS, *MORE])
def test_spellings_of_one_name_are_said_and_not_merged(write: Write, column: str, pair: tuple[str, str]) -> None:
    names = {"participant": "r", "prompt": "p", "condition": "x", "seed": "s", "score": "3"}
    rows = [names | {"participant": f"r{k}", column: name} for k, name in enumerate(pair)]
    ratings = load_ratings(write("\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)])))
    (remark,) = [said for said in ratings.source.remarks if said.startswith(f"{column}: 1 name is written")]
    assert "write them in one way in the file" in remark
    for way, own in VARIANTS.items():
        assert own != pair or f"They differ in {way}." in remark
    if column == "prompt_id":
        assert ratings.frame["prompt"].nunique() == 2
    else:
        assert sorted(ratings.frame[column]) == sorted(pair)


def test_names_that_are_apart_are_left_in_peace(write: Write) -> None:
    people = [
        "p1",
        "p10",
        "p100",
        "1.05",
        "1.5",
        "10",
        "a",
        "\u00e4",
        "a-b",
        "a b",
        "60e01",
        "60e1f",
        "\u72ac",
        "\u732b",
    ]
    rows = "".join(f"{name},p{name},c{name},3\n" for name in people)
    assert load_ratings(write(HEAD + rows)).source.remarks == ()


def test_a_few_spellings_are_named_and_the_rest_is_counted(write: Write) -> None:
    rows = "".join(f"p{k:02},a,x,3\nP{k:02},a,x,3\np{k:02},b,x,3\n" for k in range(12))
    (remark,) = load_ratings(write(HEAD + rows)).source.remarks
    assert remark.startswith(
        "participant: 12 names are written in more than one way: 'p00' (2 ratings) and 'P00' (1); "
    )
    assert "'p02' (2 ratings) and 'P02' (1); and 9 more. They differ in capitals." in remark


def test_what_is_not_seen_is_shown(write: Write) -> None:
    rows = "r,a  dog,w8,3\nr,a dog,w\u200b8,3\nr,e\u0301,w8,3\nr,\u00e9,w8,3\n"
    text = " ".join(load_ratings(write(HEAD + rows)).source.remarks)
    for shown in ("'a\u2423\u2423dog'", "'w<U+200B>8'", "'e<U+0301>'"):
        assert shown in text


def test_names_that_spaces_at_the_ends_held_apart_are_said(write: Write) -> None:
    ratings = load_ratings(write(HEAD + "r,p,w8,3\ns,p,w8 ,3\nt,p,\u00a0w8,3\nt,q , w4,3\nt,r, w4,3\n"))
    assert ratings.frame["condition"].tolist() == ["w8", "w8", "w8", "w4", "w4"]
    (remark,) = ratings.source.remarks
    assert "merged 'w8', 'w8\u2423' and '<U+00A0>w8' (2 lines with spaces) into one name." in remark
    assert "give them different names" in remark
    assert "w4" not in remark


def test_names_of_practice_are_not_compared(write: Write) -> None:
    text = "participant,prompt,condition,score,kind\nr,p,x,3,trial\nR,P,X,3,practice\n"
    assert load_ratings(write(text)).source.remarks == ()
