"""Encoding: the bytes of a text become characters, and where that takes a guess, the guess is said."""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from textwrap import shorten
from typing import TextIO

from analysis.errors import EncodingError

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
# Those of one byte a letter, then those of Asia with the bytes of the characters in daily use.
LATIN = {"cp1252": "Windows-1252", "mac_roman": "Mac Roman", "cp1250": "Windows-1250", "cp1251": "Windows-1251"}
ASIAN = {
    "cp932": ("Shift-JIS", (b"\x88\x9f", b"\x98\x72"), (b"\x81\x41", b"\x83\x96")),
    "gb18030": ("GB18030", (b"\xb0\xa1", b"\xd7\xf9"), (b"\xa3\xa1", b"\xa3\xfe")),
    "big5": ("Big5", (b"\xa4\x40", b"\xc6\x7e"), (b"\xa1\x40", b"\xa1\x7e")),
    "euc_kr": ("EUC-KR", (b"\xb0\xa1", b"\xc8\xfe"), (b"\xa1\xa1", b"\xa1\xfe")),
}
COMMON = frozenset("éèêëàâäáåãçíìîïñóòôöõúùûüßæøœ")
QUOTES = frozenset("’‘“”„‚«»–—…•·\xa0¿¡")
SIGNS = frozenset("°€£§½¼¾²³×±µ©®™")
REMEDY = "save the file as 'CSV UTF-8'"
PLAIN = 0.6  # of 1: how much sense a reading must make
NEAR = 0.05  # readings this near to each other are both named
LOOKED_AT = 500  # lines
_ODD = re.compile(r"""[^\s,;|"]*[^\x00-\x7f][^\s,;|"]*""")


def opened(data: bytes, name: str) -> tuple[TextIO, str, list[str]]:
    """Open the bytes of a text: the characters, the encoding's name, and what must be said of it.

    UTF-8, UTF-16 and UTF-32 are known by their marks, or because nothing else reads so. Any other encoding is a guess:
    the one in which the letters that are not ASCII make most sense.

    Raises
    ------
    EncodingError
        If it is no text, holds two encodings, or makes sense in none.
    """
    for mark, encoding, title in MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding, title, name)
    start = 0
    while data.startswith(codecs.BOM_UTF8, start):  # some programs write it twice
        start += len(codecs.BOM_UTF8)
    if b"\0" in data:
        return _decoded(data, _without_mark(data, name), "UTF-16", name)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return _guessed(data, error.start, name)
    buffer = io.BytesIO(data)
    buffer.seek(start)
    # newline="" leaves line ends to the csv module, as its documentation asks.
    return io.TextIOWrapper(buffer, encoding="utf-8", newline=""), "UTF-8", []


def _decoded(data: bytes, encoding: str, title: str, name: str) -> tuple[TextIO, str, list[str]]:
    """Decode UTF-16 or UTF-32."""
    try:
        text = data.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise EncodingError(
            f"{name}: byte {error.start + 1} is not {title}, as the file is elsewhere; {REMEDY}"
        ) from None
    if "\0" in text:
        raise EncodingError(f"{name}: is not text (it holds bytes 0); give a table of text, or {REMEDY}")
    return io.StringIO(text, newline=""), title, []


def _without_mark(data: bytes, name: str) -> str:
    """Tell UTF-16 by the zeros beside the letters of ASCII, of which every table has some."""
    head = data[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if len(data) % 2 == 0 and max(even, odd) > max(4 * min(even, odd), len(head) // 20):
        return "utf-16-le" if odd > even else "utf-16-be"
    line = data.count(b"\n", 0, data.index(0)) + 1
    raise EncodingError(f"{name}: line {line} holds a byte 0, so it is not text; give a table of text, or {REMEDY}")


def _guessed(data: bytes, place: int, name: str) -> tuple[TextIO, str, list[str]]:
    """Read an encoding that does not say what it is as the one in which it makes most sense."""
    line = len(re.findall(rb"\r\n|\r|\n", data[:place])) + 1
    odd = [one for one in dict.fromkeys(data.splitlines()) if not one.isascii()][:LOOKED_AT]
    if 5 * sum(map(_is_utf8, odd)) > len(odd):
        raise EncodingError(
            f"{name}: line {line} is not UTF-8, and other lines are; {REMEDY}, of one encoding throughout"
        )
    senses: list[tuple[float, str, str]] = []
    for encoding in (*LATIN, *ASIAN):
        try:
            text = b"\n".join(odd).decode(encoding)
        except UnicodeDecodeError:
            continue
        senses.append((_sense(text, encoding), encoding, text))
    senses.sort(key=lambda sense: -sense[0])  # of equals the first stays first
    for number, (sense, encoding, text) in enumerate(senses):
        if sense < PLAIN:
            break
        try:
            whole = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        title, example = _title(encoding), shorten(_ODD.findall(text)[0], 40)
        near = [one for one in senses[number + 1 :] if one[0] > sense - NEAR and one[2] != text]
        also = f", or {_title(near[0][1])} ({shorten(_ODD.findall(near[0][2])[0], 40)!r})" if near else ""
        return (
            io.StringIO(whole, newline=""),
            title,
            [f"It is not UTF-8: read as {title} ({example!r}){also}. If that looks wrong, {REMEDY}."],
        )
    raise EncodingError(
        f"{name}: line {line} is not UTF-8 (byte 0x{data[place]:02x}), nor anything that makes sense; {REMEDY}"
    )


def _title(encoding: str) -> str:
    """Name an encoding for a reader."""
    return LATIN[encoding] if encoding in LATIN else ASIAN[encoding][0]


def _is_utf8(line: bytes) -> bool:
    """Whether a line can be UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sense(text: str, encoding: str) -> float:
    """Say how much sense the characters make that are not ASCII, from 0 to 1 each, on average."""
    weigh = _latin if encoding in LATIN else _asian
    marks = [
        weigh(f" {word} "[at : at + 3], encoding)
        for word in dict.fromkeys(_ODD.findall(text))
        for at, mark in enumerate(word)
        if not mark.isascii()
    ]
    return sum(marks) / len(marks)


def _asian(around: str, encoding: str) -> float:
    """Weigh a character of a script of Asia: those in daily use stand together, and seldom beside Latin letters."""
    before, mark, after = tuple(around)
    code, (_, daily, marks) = mark.encode(encoding), ASIAN[encoding]
    if any(one.isascii() and one.isalpha() for one in (before, after)):
        return 0.4
    if daily[0] <= code <= daily[1]:
        # Bytes that mean something in several of them speak for the one that has the fewest characters.
        if encoding == "big5":
            return 0.96 if code[1] > 0x80 else 0.9
        return 0.97 if encoding == "gb18030" and code < ASIAN["euc_kr"][1][1] else 1.0
    return 0.9 if marks[0] <= code <= marks[1] or "\u3000" <= mark <= "\u30ff" or "\uff01" <= mark <= "\uff5e" else 0.2


def _latin(around: str, encoding: str) -> float:
    """Weigh a character between its neighbours in a script of letters."""
    before, mark, after = tuple(around)
    within, alone = before.isalpha() and after.isalpha(), not before.isalpha() and not after.isalpha()
    if not mark.isalpha():
        if within and mark != "’":
            return 0.1
        if mark in QUOTES or (mark == "°" and not before.isalpha()):
            return 1.0
        return 0.9 if mark in SIGNS and not (before.isalpha() or after.isalpha()) else 0.5
    if mark.isupper() and before.islower():
        return 0.0
    if encoding == "cp1251":
        cyrillic = all(not one.isalpha() or unicodedata.name(one, "").startswith("CYRILLIC") for one in around)
        return 0.95 * cyrillic / (1 + alone)
    sense = 0.9 if encoding == "cp1250" else 1.0 if mark.lower() in COMMON else 0.5
    crowded = all(one.isalpha() and not one.isascii() for one in around)
    return (sense - 0.1 * mark.isupper()) / (1 + crowded) - 0.3 * (alone and mark not in "àÀÉ")
