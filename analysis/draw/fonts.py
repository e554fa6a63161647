"""Fonts: which of those installed hold the letters of a text, and which letters none of them holds.

Matplotlib (3.11 and later) joins and orders letters itself (Arabic, Hebrew, Devanagari, Thai) wherever a font has them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

from matplotlib.font_manager import FontEntry, findSystemFonts, fontManager
from matplotlib.ft2font import FT2Font

OURS = "DejaVu Sans"  # comes with matplotlib
# Taken first where two hold as many of the letters; any other installed font follows, plain ones before the rest.
PREFERRED = (
    *("Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", "Hiragino Sans", "Yu Gothic"),
    *("Malgun Gothic", "Apple SD Gothic Neo", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS"),
    *("Noto Emoji", "Symbola", "Segoe UI Emoji"),
)
BOXES = "Last Resort"  # a font whose every letter is a box
SCRIPTS = {"CJK": "Chinese or Japanese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}


def families(texts: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """Name the font families that together hold the letters of some texts, and the letters that none holds.

    Returns
    -------
    tuple
        Families for matplotlib's `font.family`, ours first; and the letters that will be boxes.
    """
    found, missing = _families(frozenset(letter for text in texts for letter in text))
    return list(found), missing


def scripts(letters: Iterable[str]) -> list[str]:
    """Name the scripts that letters belong to, as a reader would: "Arabic", "Thai", "emoji or symbols"."""
    return sorted({_script(letter) for letter in letters})


@lru_cache(maxsize=64)
def _families(letters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Take the font that holds most of what is missing, again and again."""
    missing = frozenset(letter for letter in letters if _visible(letter))
    missing -= _held(_entries()[OURS], missing)
    chosen = [OURS]
    while missing:
        entries = _entries()
        held = {name: _held(entries[name], missing) for name in sorted(entries, key=lambda name: _rank(name, missing))}
        best = max(held, key=lambda name: len(held[name]))
        if not held[best]:
            if _rescanned():  # matplotlib remembers the fonts of its first start
                continue
            break
        chosen.append(best)
        missing -= held[best]
    return tuple(chosen), missing


def _entries() -> dict[str, FontEntry]:
    """Give the upright, regular font of each family."""
    plain = [entry for entry in fontManager.ttflist if entry.style == "normal" and entry.weight in (400, "regular")]
    return {entry.name: entry for entry in reversed(plain) if not entry.name.startswith(BOXES)}


def _rank(name: str, letters: frozenset[str]) -> tuple[int, str]:
    """Order families: the preferred ones (Japanese and Korean forms where the text has their letters), then others."""
    held = {_script(letter) for letter in letters}
    for script, family in (("Japanese", "Noto Sans CJK JP"), ("Korean", "Noto Sans CJK KR")):
        if name == family and script in held:
            return -1, name
    if name in PREFERRED:
        return PREFERRED.index(name), name
    plain = "Sans" in name and not any(word in name for word in ("Mono", "Condensed", "Display", "UI", "Light"))
    return len(PREFERRED) + (0 if plain else 1), name


def _held(entry: FontEntry, letters: frozenset[str]) -> frozenset[str]:
    """Give those of the letters that a font can draw; one of fixed pixels (most coloured emoji) can draw none."""
    try:
        font = FT2Font(entry.fname, face_index=entry.index)
    except (OSError, RuntimeError):  # removed since, or damaged
        return frozenset()
    return frozenset(letter for letter in letters if font.get_char_index(ord(letter))) if font.scalable else frozenset()


@cache
def _rescanned() -> bool:
    """Tell matplotlib of fonts installed since it first looked, once; whether there were any."""
    known = {entry.fname for entry in fontManager.ttflist}
    added = False
    for path in sorted(set(findSystemFonts()) - known):
        try:
            fontManager.addfont(path)
        except (OSError, RuntimeError, NotImplementedError):  # damaged, or of fixed pixels
            continue
        added = True
    return added


def _visible(letter: str) -> bool:
    """Tell whether a letter is drawn at all: not blanks, marks of direction and joining, or selectors of a variant."""
    if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp"):
        return False
    return not ("\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef")


def _script(letter: str) -> str:
    """Name a letter's script; Unicode's names of letters begin with it."""
    if unicodedata.category(letter) in ("So", "Sk", "Cn", "Co"):
        return "emoji or symbols"
    first = unicodedata.name(letter, "OTHER").split(" ")[0].split("-")[0]
    return SCRIPTS.get(first, first.capitalize())
