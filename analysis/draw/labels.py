"""Labels: names of any length and script, cut to fit beside a figure so that no two of one figure look the same."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

GAP = "…"
# Marks of direction would go astray where a line is cut; the letters themselves say which way they run.
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FLAGS = re.compile("[\U0001f1e6-\U0001f1ff]")
_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")


def fitted(names: Sequence[str], width: int, lines: int) -> list[str]:
    """Cut names to at most so many lines of so many columns; two that differ get labels that differ.

    A name that is too long loses its middle. Where that would leave two alike, the cut keeps the place where they
    first differ in sight, too; where even that does not tell them apart (spaces, marks that are not seen), they
    are numbered. A letter of Chinese, Japanese or Korean takes two columns.
    """
    texts = [_letters(name) for name in names]
    made = [_fit(text, width, lines) for text in texts]
    open_groups: list[tuple[list[int], tuple[int, ...]]] = [(group, ()) for group in _alike(made, range(len(made)))]
    while open_groups:
        group, places = open_groups.pop()
        places = (*places, _shared([texts[i] for i in group]))
        for i in group:
            made[i] = _fit(texts[i], width, lines, places)
        open_groups += [(smaller, places) for smaller in _alike(made, group) if len(smaller) < len(group)]
    for group in _alike(made, range(len(made))):
        for number, i in enumerate(group, 1):
            made[i] = _numbered(texts[i], number, width, lines, made)
    return made


def columns(text: str) -> int:
    """Count the columns that a line takes: two for a wide letter, none for a mark on another."""
    return sum(_width(letter) for letter in _letters(text))


def _letters(name: str) -> tuple[str, ...]:
    """Take a name apart into letters as readers count them, without what cannot be drawn and with single spaces."""
    shown = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") or c in "\ufffe\uffff" else c for c in name)
    text = " ".join(_DIRECTIONS.sub("", unicodedata.normalize("NFC", shown)).split())
    letters: list[str] = []
    for c in text:
        joined = letters and (
            unicodedata.category(c) in ("Mn", "Mc", "Me", "Cf")
            or _TONES.match(c)
            or letters[-1].endswith("\u200d")
            or (_FLAGS.match(c) and len(letters[-1]) == 1 and _FLAGS.match(letters[-1]))
        )
        if joined:
            letters[-1] += c
        else:
            letters.append(c)
    return tuple(letters)


def _width(letter: str) -> int:
    """Count the columns of one letter with its marks."""
    return 2 if unicodedata.east_asian_width(letter[0]) in "WF" else 1


def _shared(texts: Sequence[Sequence[str]]) -> int:
    """Count the letters with which all of some texts begin."""
    shortest = min(map(len, texts))
    return next((i for i in range(shortest) if len({text[i] for text in texts}) > 1), shortest)


def _fit(text: Sequence[str], width: int, lines: int, places: Sequence[int] = ()) -> str:
    """Cut a text until it fits; `places` are letters to keep in sight."""
    room = width * lines
    while True:
        made = _wrapped(_cut(text, room, places), width)
        if len(made) <= lines or room <= width:
            return "\n".join(made[:lines])
        room -= 1  # words that do not fill their lines take more of them


def _cut(text: Sequence[str], room: int, places: Sequence[int]) -> list[str]:
    """Keep the beginning, the end and what is around `places`, and a gap for what is between."""
    if sum(map(_width, text)) <= room:
        return list(text)
    start, end = (room * 3 // 5, room * 2 // 5 - 1) if not places else (room // 4, room // 4)
    kept = {*_some(text, range(len(text)), start), *_some(text, reversed(range(len(text))), end)}
    window = (room - start - end - 1) // max(1, len(places)) - 1
    for place in places:
        kept.update(_some(text, range(max(0, place - window // 3), len(text)), window))
    made: list[str] = []
    for i, letter in enumerate(text):
        if i in kept:
            made.append(letter)
        elif made and made[-1] != GAP:
            made.append(GAP)
    return made


def _some(text: Sequence[str], order: Iterable[int], room: int) -> list[int]:
    """Take letters in an order while there is room for them."""
    taken = []
    for i in order:
        room -= _width(text[i])
        if room < 0:
            break
        taken.append(i)
    return taken


def _wrapped(text: Sequence[str], width: int) -> list[str]:
    """Break a text into lines: after spaces and joints of a name, between wide letters, elsewhere where it must be."""
    words: list[list[str]] = [[]]
    for letter in text:
        if words[-1] and (words[-1][-1] in (" ", "-", "_", "/", GAP) or 2 in (_width(letter), _width(words[-1][-1]))):
            words.append([])
        words[-1].append(letter)
    lines: list[list[str]] = [[]]
    for word in words:
        bare = [letter for letter in word if letter != " "]
        if lines[-1] and sum(map(_width, lines[-1])) + sum(map(_width, bare)) > width:
            lines.append([])
        for letter in word:
            if lines[-1] and letter != " " and sum(map(_width, lines[-1])) + _width(letter) > width:
                lines.append([])
            lines[-1].append(letter)
    return [line for line in ("".join(line).strip() for line in lines) if line] or [GAP]


def _alike(made: Sequence[str], group: Iterable[int]) -> list[list[int]]:
    """Find those of a group whose labels are the same, wherever the lines break."""
    same = defaultdict(list)
    for i in group:
        same[made[i].replace("\n", "").replace(" ", "")].append(i)
    return [places for places in same.values() if len(places) > 1]


def _numbered(text: Sequence[str], number: int, width: int, lines: int, made: Sequence[str]) -> str:
    """Put a number before a label that is not told apart otherwise."""
    held = Counter(made)
    while True:
        mark = f"({number}) "
        label = _fit([*mark, *text], width, lines)
        if not held[label]:
            return label
        number += 1
