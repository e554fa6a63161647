"""Labels fit their place, and no two of one figure look the same."""

from __future__ import annotations

import random

import pytest

from analysis.draw.labels import columns, fitted

ALPHABETS = ("abcdefgh    -_", "一只狗在雨中叫远处有雷声", "كلب ينبح في المطر", "हिन्दीमेंकुत्ता ", "👩‍👩‍👧🐶❤️ ab")


def bare(label: str) -> str:
    return label.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize(("width", "lines"), [(18, 3), (24, 3), (16, 1)])
def test_names_of_a_thousand_letters_that_differ_in_one_fit_and_stay_apart(
    alphabet: str, width: int, lines: int, seed: int
) -> None:
    draw = random.Random(seed)
    base = "".join(draw.choice(alphabet) for _ in range(1000))
    places = [0, 999, *draw.sample(range(1, 999), 5)]
    names = [base, *(base[:place] + "X" + base[place + 1 :] for place in places)]
    names.append(names[3][: places[4]] + "X" + names[3][places[4] + 1 :])  # differs in two places
    labels = fitted(names, width, lines)
    assert len({bare(label) for label in labels}) == len(names)
    for label in labels:
        assert label.count("\n") < lines
        assert all(0 < columns(line) <= width for line in label.split("\n"))


def test_a_name_that_fits_is_left_as_it_is() -> None:
    names = ["baseline", "$x_1$ & <b>", "量化", "sqd-lora-w8a8"]
    assert fitted(names, 18, 3) == names


def test_the_middle_goes_and_the_ends_stay() -> None:
    name = "diffusion-transformer-quantized-to-eight-bits-with-a-low-rank-branch-step-100000-ema"
    label = bare(fitted([name, "baseline"], 18, 3)[0])
    head, tail = label.split("…")
    assert name.startswith(head)
    assert name.endswith(tail)
    assert min(len(head), len(tail)) > 10


def test_the_place_where_two_long_names_differ_is_in_sight() -> None:
    start, end = "a very long beginning of a name " * 8, " and its very long end" * 8
    first, second = fitted([f"{start}eight{end}", f"{start}four{end}"], 18, 3)
    assert "eight" in bare(first)
    assert "four" in bare(second)


def test_names_that_differ_in_what_is_not_seen_are_numbered() -> None:
    names = ["a b", "a  b", "a b ", "a\u200fb", "ab", "é", "e\u0301", "", " "]
    labels = fitted(names, 18, 1)
    assert len({bare(label) for label in labels}) == len(names)
    assert labels[0] == "(1) a b"


def test_letters_are_never_torn_from_their_marks() -> None:
    family = "👩‍👩‍👧"
    for label in fitted([family * 40, "कु" * 40], 16, 2):
        assert label.replace("\n", "").replace("…", "") in (family * n for n in range(1, 40)) or set(
            label.replace("\n", "").replace("…", "").split("कु")
        ) == {""}


def test_what_no_page_may_hold_is_not_in_a_label() -> None:
    assert fitted(["a\x00b\x1bc\ufffe", "tab\there"], 18, 1) == ["a b c", "tab here"]
