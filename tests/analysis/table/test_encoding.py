"""Encodings: what a file does not say of itself is guessed, said, or refused with a remedy that works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fresh_tables import fresh, notices, read, written

from analysis.errors import EncodingError
from analysis.read.answers import load_answers

Write = Callable[..., Path]
LATIN = ("une cloche d'église", "Vögel über der Straße", "el niño ríe", "“quoted” – really", "it’s raining à Paris")
TEXTS = {
    "cp1252": ("Windows-1252", LATIN),
    "latin-1": ("Windows-1252", LATIN[:3]),
    "mac_roman": ("Mac Roman", LATIN),
    "cp932": ("Shift-JIS", ("犬が吠える", "雨と雷の音", "カフェの中", "電車が通る", "鐘が鳴る")),
    "gb18030": ("GB18030", ("狗在叫", "下雨和打雷的声音", "教堂的钟声响了", "火车开过去", "有人在说话")),
    "big5": ("Big5", ("狗在叫", "下雨和打雷的聲音", "教堂的鐘聲響了", "火車開過去", "有人在說話")),
    "euc_kr": ("EUC-KR", ("개가 짖는다", "비와 천둥 소리", "교회 종소리", "기차가 지나간다", "파도")),
    "cp1250": ("Windows-1250", ("dzwon kościoła", "pada deszcz i błyskawica", "žluťoučký kůň", "ściana", "łąka")),
    "cp1251": ("Windows-1251", ("собака лает", "дождь и гром", "колокол", "поезд идёт", "волны")),
}


@pytest.mark.parametrize("encoding", list(TEXTS))
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_an_encoding_is_guessed_and_said(write: Write, seed: int, encoding: str, separator: str) -> None:
    title, texts = TEXTS[encoding]
    rows = fresh(seed, texts)
    path = write(written(rows, separator, end="\r\n").encode(encoding))
    assert read(path) == rows
    assert f"It is not UTF-8: read as {title} (" in notices(path)
    assert f"CSV in {title}, " in load_answers(path).source.form
    mended = write(written(rows, separator).encode("utf-8-sig"))
    assert read(mended) == rows
    assert notices(mended) == "", "what the notice advises"


def test_one_letter_is_enough(write: Write, seed: int) -> None:
    rows = fresh(seed, ("a dog", "a café"))
    assert read(write(written(rows).encode("cp1252"))) == rows
    assert read(write(written(rows).encode("mac_roman"))) == rows


def test_two_encodings_in_one_file_are_refused(write: Write, seed: int) -> None:
    rows = fresh(seed, LATIN[:3])
    lines = written(rows, end="\n").split("\n")
    mixed = b"\n".join(line.encode("cp1252" if number == 9 else "utf-8") for number, line in enumerate(lines))
    with pytest.raises(EncodingError, match="line 10 is not UTF-8, and other lines are; save the file as 'CSV UTF-8'"):
        load_answers(write(mixed))
    assert read(write("\n".join(lines).encode())) == rows


def test_what_makes_sense_in_no_encoding_is_refused(write: Write, seed: int) -> None:
    content = written(fresh(seed, ("a", "b"))).encode() + b"p,a\xa41b\xb82c\xa63d,base,4\n"
    with pytest.raises(EncodingError, match=r"not UTF-8 .*, nor anything that makes sense; save the file"):
        load_answers(write(content))


def test_utf16_that_is_cut_is_refused_with_the_byte(write: Write, seed: int) -> None:
    content = written(fresh(seed)).encode("utf-16")[:-1]
    with pytest.raises(EncodingError, match=f"byte {len(content) - 2} is not UTF-16"):
        load_answers(write(content))
