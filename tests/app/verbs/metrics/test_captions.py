"""Captions as AudioCaps' CSV has them: read, sampled, and refused with the file and the line."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from app.errors import UsageError
from app.verbs.metrics.captions import Caption, read_captions, spread

HEAD = "audiocap_id,youtube_id,start_time,caption\n"


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "captions.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_columns_of_audiocaps_are_read_and_its_ids_kept(tmp_path: Path) -> None:
    rows = 'audiocap_id,youtube_id,start_time,caption\r\n103541,-7fmOlUlwoNg,30,"A dog barks, and  rain falls"\r\n'
    assert read_captions(written(tmp_path, b"\xef\xbb\xbf" + rows.encode())) == [
        Caption("103541", "-7fmOlUlwoNg", "30", "A dog barks, and rain falls")
    ]


def test_rows_without_an_id_are_called_by_their_number(tmp_path: Path) -> None:
    found = read_captions(written(tmp_path, "caption,youtube_id\nrain,a\n\nwind,b\n"))
    assert [(one.id, one.start, one.text) for one in found] == [("row1", "", "rain"), ("row2", "", "wind")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", r"captions\.csv: is empty; give a CSV file with the columns youtube_id, caption"),
        (HEAD, r"captions\.csv: has no captions below its header"),
        ("id,text\n1,rain\n", r"line 1: has no column youtube_id and no column caption; its header is id, text;"),
        ("youtube_id,caption,caption\na,b,c\n", r"line 1: has 2 columns named caption"),
        (f"{HEAD}1,a,0,rain\n2,b,0,\n", r"line 3: has no caption;"),
        (f"{HEAD}1,a,0,rain\n2,b,0\n", r"line 3: has no caption;"),
        (f"{HEAD}1,,0,rain\n", r"line 2: has no youtube_id;"),
        (f"{HEAD},a,0,rain\n", r"line 2: has no audiocap_id;"),
        (f'{HEAD}1,a,0,"rain\nand wind"\n1,b,0,fog\n', r"line 4: audiocap_id 1 is that of line 3, too;"),
        (f"{HEAD}1,a,0,rain, and wind\n", r"line 2: has more fields than the header; put quotes around"),
        (f'{HEAD}1,a,0,"rain\n', r"line 2: not CSV \(unexpected end of data\)"),
        (f"{HEAD}1,a,0,{'x' * 1001}\n", r"line 2: caption: has 1,001 characters; at most 1,000 are allowed"),
        (HEAD.encode() + b"1,a,0,rain\n2,b,0,caf\xe9\n", r"line 3: not UTF-8; save the file as UTF-8"),
        (HEAD.encode() + b"1,a,0,ra\0in\n", r"line 2: "),
    ],
)
def test_what_is_no_file_of_captions_is_named(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        read_captions(written(tmp_path, content))
    assert "\n" not in str(refused.value)


def test_a_folder_and_a_missing_file_are_no_captions(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\)"):
        read_captions(tmp_path)
    with pytest.raises(UsageError, match=r"gone\.csv: cannot be read \(No such file"):
        read_captions(tmp_path / "gone.csv")


def test_a_sample_is_of_many_pieces_and_grows_without_changing(seed: int) -> None:
    rng = random.Random(seed)
    pieces = [f"piece{rng.random()}" for _ in range(30)]
    captions = [Caption(f"{p}{n}", p, "0", f"{p} caption {n}") for p in pieces for n in range(5)]
    whole = spread(captions, None)
    assert Counter(whole) == Counter(captions)
    assert len({one.youtube_id for one in spread(captions, 30)}) == 30
    shuffled = rng.sample(captions, len(captions))
    for limit in (1, 7, 30, 31, 150, 1000):
        assert spread(shuffled, limit) == whole[:limit]
    # The order of the file tells nothing of the order of the sample.
    places = [pieces.index(one.youtube_id) for one in whole[:30]]
    assert places != sorted(places)
