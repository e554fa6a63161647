"""What a file is, is told by what is in it: read whatever it is called, or refused by what it is."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from fresh_tables import HEADER, Rows, fresh, read, written

from analysis.errors import RatingsError
from analysis.read.answers import load_answers
from analysis.table.kinds import LARGEST

Write = Callable[..., Path]


def archive(**members: str) -> bytes:
    """Make a ZIP file; two underscores in a name are a slash, one a dot."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in members.items():
            made.writestr(name.replace("__", "/").replace("_", "."), content)
    return file.getvalue()


def workbook(rows: Rows, engine: str) -> bytes:
    file = io.BytesIO()
    pd.DataFrame(rows, columns=HEADER).to_excel(file, engine=engine, index=False)
    return file.getvalue()


READ: dict[str, Callable[[Rows], bytes]] = {
    "csv": lambda rows: written(rows).encode(),
    "gzip": lambda rows: gzip.compress(written(rows, ";").encode()),
    "bzip2": lambda rows: bz2.compress(written(rows, "\t").encode("utf-16")),
    "xz": lambda rows: lzma.compress(json.dumps([dict(zip(HEADER, row, strict=True)) for row in rows]).encode()),
    "xlsx": lambda rows: workbook(rows, "openpyxl"),
    "ods": lambda rows: workbook(rows, "odf"),
    "packed xlsx": lambda rows: gzip.compress(workbook(rows, "openpyxl")),
}


@pytest.mark.parametrize("kind", list(READ))
@pytest.mark.parametrize("name", ["ratings", "ratings.csv", "ratings.dat", "my ratings (2).XLSX", "a#b.txt"])
def test_a_file_is_read_by_what_it_is_and_not_by_its_name(write: Write, seed: int, kind: str, name: str) -> None:
    rows = fresh(seed)
    assert read(write(READ[kind](rows), name)) == rows


REFUSED = {
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"old Excel or Word file .* save it as XLSX"),
    "a workbook with a password": (
        b"\xd0\xcf\x11\xe0" + bytes(99) + "EncryptedPackage".encode("utf-16-le"),
        "is a workbook with a password; save it without one",
    ),
    "a binary workbook": (archive(xl__workbook_bin=""), r"binary form .* save it as XLSX in Excel"),
    "a Word document": (archive(word__document_xml=""), "a Word document, not a table of ratings; copy the table"),
    "a Numbers document": (archive(Index__Document_iwa=""), "a Numbers document, .* export it as CSV or Excel"),
    "an OpenDocument text": (archive(mimetype="application/vnd.oasis.opendocument.text"), "but no spreadsheet"),
    "an archive": (archive(ratings_csv="a,b"), r"is a ZIP archive \(ratings\.csv\); unpack it"),
    "a damaged archive": (archive(a="b")[:30], "is a workbook or an archive, and damaged"),
    "a PDF": (b"%PDF-1.7\n", "is a PDF, not a table"),
    "SPSS": (b"$FL2@(#) SPSS DATA FILE", r"is an SPSS file, .* save it as CSV in SPSS"),
    "Stata": (b"<stata_dta><header>", "is a Stata file"),
    "R": (gzip.compress(b"X\n\0\0\0\3\0\4"), "is an R data file, .* write.csv in R"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    "Feather": (b"ARROW1\0\0", "is an Arrow file"),
    "a web page": (b"\xef\xbb\xbf\n<!DOCTYPE html><table>", "is a page"),
    "a sound": (b"RIFF\0\0\0\0WAVE", "is a sound file"),
    "a cut gzip": (gzip.compress(b"a,b\n" * 99)[:-9], "is packed with gzip and damaged"),
    "a cut xz": (lzma.compress(b"a,b\n" * 99)[:-9], "is packed with xz and damaged"),
    "a pickle": (pickle.dumps({"a": bytes(9)}), "not text|not UTF-8"),
    "noise": (b"\0\xff" + os.urandom(3000), "not text|not UTF-8|not UTF-16"),
}


@pytest.mark.parametrize("kind", list(REFUSED))
def test_what_is_no_table_is_refused_by_what_it_is(write: Write, kind: str) -> None:
    content, says = REFUSED[kind]
    with pytest.raises(RatingsError, match=says) as caught:
        load_answers(write(content, "ratings.csv"))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("ratings.csv: ")


def packed_workbook(piece: bytes, count: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        made.writestr("xl/workbook.xml", "")
        with made.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(count):
                sheet.write(piece)
    return file.getvalue()


@pytest.mark.parametrize("make", [packed_workbook, lambda piece, count: gzip.compress(piece, 1) * count])
def test_what_is_small_only_as_long_as_it_is_packed_is_refused_before_it_fills_the_memory(
    write: Write, make: Callable[[bytes, int], bytes]
) -> None:
    piece = bytes(1 << 24)
    packed = make(piece, 1 + LARGEST // len(piece))
    assert len(packed) < 20_000_000
    with pytest.raises(RatingsError, match=r"^ratings\.csv: holds more than 512 MiB when unpacked; give a table"):
        load_answers(write(packed, "ratings.csv"))


def test_a_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    with sqlite3.connect(path) as made:
        made.execute("create table ratings (score)")
    with pytest.raises(RatingsError, match=r"is a database \(SQLite\), .* give the study's folder"):
        load_answers(path)


def test_a_sheet_of_what_has_none_is_refused(write: Write, seed: int) -> None:
    rows = fresh(seed)
    path = write(written(rows))
    with pytest.raises(RatingsError, match="has no sheets, as it is no workbook; leave out #Sheet1"):
        load_answers(path.with_name("ratings.csv#Sheet1"))
    assert read(path) == rows
