"""Lists without a header, as the VoiceMOS Challenge has them, and SOMOS."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_ratings import cells, drawn, read, said

from analysis.errors import MissingColumnError
from analysis.foreign.tools.voicemos import recognised
from analysis.table.table import Table


def test_a_list_of_bvcc(tmp_path: Path) -> None:
    systems = ("sys64e2f", "sys1a2b3", "sysffe01")
    ratings = drawn(prompts=("utt9c183cd", "utt0000aa1", "uttbbbbbb2"), conditions=systems, people=6)
    about = {who: f"{{}}_{20 + number % 3}-39_{who}_Female_Valid_1_No" for number, who in enumerate(ratings.people)}
    lines = [
        (c, f"{c}-{p}.wav", score, f"VDP1ovyrBzg8_{int(ratings.rng.integers(9))}", about[who])
        for (who, p, c), score in ratings.mixed()
    ]
    table = read(tmp_path, list(map(str, lines[0])), lines[1:])
    assert cells(table) == ratings.scores
    assert table.lines[:2] == [1, 2]
    assert "list without a header" in said(table)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_list_of_files_scores_and_listeners_in_any_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    ratings = drawn()
    lines = [(f"/data/{c}/{p}.wav", score, who) for (who, p, c), score in ratings.mixed()]
    turned = [[str(line[place]) for place in order] for line in lines]
    assert cells(read(tmp_path, turned[0], turned[1:])) == ratings.scores


def test_a_list_of_means_has_no_raters(tmp_path: Path) -> None:
    lines = [(f"{c}-{p}.wav", "4.25") for c in ("sysa1", "sysb2") for p in ("u1", "u2")]
    with pytest.raises(MissingColumnError, match="without a header that does not say the participant: a list of means"):
        read(tmp_path, lines[0], lines[1:])


def test_raw_scores_of_somos(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [(f"{p}_{c}", score, p, c, f"m-{c}", "01", who, 1) for (who, p, c), score in ratings.mixed()]
    head = ("utteranceId", "choice", "sentenceId", "systemId", "modelId", "testpageId", "listenerId", "isnative")
    assert cells(read(tmp_path, head, rows)) == ratings.scores


def test_a_file_with_a_header_is_no_list() -> None:
    columns = (["a.wav", "b.wav"], ["4", "3"], ["x", "y"])
    assert recognised(Table("a.csv", "", ("wav", "score", "listener"), columns, [2, 3])) is None
    assert recognised(Table("a.csv", "", ("4", "3"), (["4"], ["3"]), [2])) is None
