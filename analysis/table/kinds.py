"""Kinds: what a file is by its first bytes, whatever it is called; and what to do with one that is no table."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from analysis.errors import RatingsError, TableError

OPEN: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
PACKED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"))
LARGEST = 1 << 29  # bytes of a file unpacked; ratings are a hundredth of it
SAVE = "open it in the program that wrote it and save it as 'CSV UTF-8' or XLSX"
OTHERS = (
    (b"%PDF", "a PDF", "give the file of ratings that it was made from, as CSV"),
    (b"$FL2", "an SPSS file", "save it as CSV in SPSS, or with write.csv(haven::read_sav(...)) in R"),
    (b"$FL3", "an SPSS file", "save it as CSV in SPSS, or with write.csv(haven::read_sav(...)) in R"),
    (b"<stata_dta>", "a Stata file", "write it with export delimited in Stata"),
    (b"RDX", "an R data file", "write the table with write.csv in R"),
    (b"RDA", "an R data file", "write the table with write.csv in R"),
    (b"X\n\0\0", "an R data file", "write the table with write.csv in R"),
    (b"SQLite format 3\0", "a database (SQLite)", "give the study's folder, or the table of ratings as CSV"),
    (b"\x89HDF", "an HDF5 file", "write the table with to_csv in pandas"),
    (b"ARROW1", "an Arrow file", "write it as Parquet or CSV"),
    (b"FEA1", "a Feather file", "write it as Parquet or CSV"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it and give the file in it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and give the file of ratings in it"),
    (b"Rar!", "a RAR archive", "unpack it and give the file of ratings in it"),
    (b"{\\rtf", "a text document (RTF)", SAVE),
    (b"\x89PNG", "a picture", "give the file of ratings, as CSV or XLSX"),
    (b"\xff\xd8\xff", "a picture", "give the file of ratings, as CSV or XLSX"),
    (b"RIFF", "a sound file", "give the file of ratings, as CSV or XLSX"),
    (b"fLaC", "a sound file", "give the file of ratings, as CSV or XLSX"),
)  # fmt: skip
MEMBERS = (
    ("xl/workbook.bin", "an Excel workbook in binary form (.xlsb)", "save it as XLSX in Excel"),
    ("word/document.xml", "a Word document", "copy the table to a spreadsheet and save that as XLSX"),
    ("ppt/presentation.xml", "a presentation", "copy the table to a spreadsheet and save that as XLSX"),
    ("Index/Document.iwa", "a Numbers document", "export it as CSV or Excel in Numbers (File, Export To)"),
    ("Index.zip", "a Numbers document", "export it as CSV or Excel in Numbers (File, Export To)"),
)
_WORKBOOK, _MIMETYPE = "xl/workbook.xml", b"application/vnd.oasis.opendocument."


def unpacked(data: bytes, name: str) -> tuple[bytes, str]:
    """Unpack a file that is packed with gzip, bzip2 or xz; say with which, or nothing.

    Raises
    ------
    TableError
        If it is damaged.
    """
    for mark, packer in PACKED:
        if data.startswith(mark):
            try:
                with OPEN[packer](io.BytesIO(data)) as file:
                    held = file.read(LARGEST + 1)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise TableError(
                    f"{name}: is packed with {packer} and damaged ({_why(error)}); copy it again, or give it unpacked"
                ) from None
            _refuse_huge(len(held), name)
            return held, packer
    return data, ""


def _refuse_huge(size: int, name: str) -> None:
    """Refuse a file that is small only as long as it is packed, before it fills the memory."""
    if size > LARGEST:
        raise TableError(
            f"{name}: holds more than {LARGEST >> 20} MiB when unpacked; give a table of the ratings alone"
        )


def kind_of(data: bytes, name: str) -> str:
    """Say how a file is to be read: `xlsx`, `ods`, `parquet` or `text`.

    Raises
    ------
    RatingsError
        If it is something else, with what to do.
    """
    if data.startswith(b"PAR1"):
        return "parquet"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(data, name)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise RatingsError(f"{name}: is a workbook with a password; save it without one")
        raise RatingsError(
            f"{name}: is an old Excel or Word file (.xls, .doc); save it as XLSX or 'CSV UTF-8' in Excel"
        )
    for mark, what, remedy in OTHERS:
        if data.startswith(mark):
            raise RatingsError(f"{name}: is {what}, not a table of ratings; {remedy}")
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype", b"<html", b"<table", b"<?xml", b"<meta")):
        raise RatingsError(
            f"{name}: is a page (HTML or XML), not a table; open it in a spreadsheet and save it as XLSX"
        )
    return "text"


def _zipped(data: bytes, name: str) -> str:
    """Say what is in a ZIP file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members, size = archive.namelist(), sum(member.file_size for member in archive.infolist())
            _refuse_huge(size, name)
            mimetype = archive.read("mimetype") if "mimetype" in members else b""
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError, zlib.error, EOFError) as error:
        raise TableError(f"{name}: is a workbook or an archive, and damaged ({_why(error)}); copy it again") from None
    if _WORKBOOK in members:
        return "xlsx"
    if mimetype.startswith(_MIMETYPE):
        if mimetype.removeprefix(_MIMETYPE).startswith(b"spreadsheet"):
            return "ods"
        raise RatingsError(f"{name}: is an OpenDocument file, but no spreadsheet; {SAVE}")
    for member, what, remedy in MEMBERS:
        if member in members:
            raise RatingsError(f"{name}: is {what}, not a table of ratings; {remedy}")
    held = ", ".join(one for one in members if not one.endswith("/"))
    raise RatingsError(
        f"{name}: is a ZIP archive ({held[:80] or 'empty'}); unpack it and give the file of ratings in it"
    )


def _why(error: Exception) -> str:
    """Return the words of an error that may quote a damaged name of any length."""
    words = " ".join(str(error).split())
    return words if len(words) <= 200 else f"{words[:200]}..."
