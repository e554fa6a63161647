"""Names: which of them a file writes in more than one way, and what a prompt's own name is."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

NAMED = 3  # so many are named; the rest is counted
LONGEST = 60
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_QUOTES = {
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u02bc\u00b4`"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb"), '"'),
}
_TYPED = _DASHES | _QUOTES
_FLOAT = re.compile(r"(\d+)\.0+")
_LEADING = re.compile(r"(\D*)0+(\d+)")


def spellings(what: str, counts: Mapping[str, int]) -> str:
    """Say which names are one name if small differences mean nothing; nothing is merged.

    The differences: capitals, the Unicode form (NFC, NFD, full-width letters), spaces, invisible characters,
    typographic quotes and dashes, and zeros as spreadsheets drop and add them ("007", "7", "7.0").

    Parameters
    ----------
    what
        The column.
    counts
        The names, and how many ratings each has.
    """
    alike: dict[str, list[str]] = {}
    for name in counts:
        key = name
        for step in _STEPS.values():
            key = step(key)
        alike.setdefault(key, []).append(name)
    found = [names for names in alike.values() if len(names) > 1]
    if not found:
        return ""
    ways = list(dict.fromkeys(way for names in found for way in _differences(names)))
    return (
        f"{what}: {len(found)} {'names are' if len(found) > 1 else 'name is'} written in more than one way: "
        f"{_listed(_counted(names, counts) for names in found)}. They differ in {_joined(ways)}. Each spelling "
        f"counts as a different {what}; if they are the same, write them in one way in the file and analyse it again."
    )


def trimmed(what: str, padded: Mapping[str, int], counts: Mapping[str, int]) -> str:
    """Say where taking spaces off the ends of names made one name of two.

    Parameters
    ----------
    what
        The column.
    padded
        Cells that began or ended with a space, as they stand in the file, and how often.
    counts
        All cells without such spaces, and how often.
    """
    forms: dict[str, list[str]] = {}
    for raw in padded:
        forms.setdefault(raw.strip(), []).append(raw)
    found = []
    for name, raws in forms.items():
        bare = counts[name] > sum(padded[raw] for raw in raws)
        if bare or len(raws) > 1:
            lines = sum(padded[raw] for raw in raws)
            both = _joined([*([_shown(name)] if bare else []), *map(_shown, raws)])
            found.append(f"{both} ({lines} {'line' if lines == 1 else 'lines'} with spaces)")
    if not found:
        return ""
    return (
        f"{what}: spaces at the ends were removed, which merged {_listed(found)} into one name. "
        "If they are not the same, give them different names in the file and analyse it again."
    )


def prompts_of(texts: Sequence[str], ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Name the prompt of each row where prompts have ids: a prompt is its id.

    Its name is its text (the first one, where it has several), and the id behind it where another id has that text.

    Returns
    -------
    names, remarks
        One name a row; what a reader must know about the ids.
    """
    held: dict[str, dict[str, None]] = {}
    for one, text in zip(ids, texts, strict=True):
        held.setdefault(one, {})[text] = None
    first = {one: next(iter(own)) for one, own in held.items()}
    sharing = Counter(first.values())
    names = {one: text if sharing[text] == 1 else f"{text} [{one}]" for one, text in first.items()}
    if len(set(names.values())) < len(names):  # a text that ends as another one with its id does
        names = {one: f"{text} [{one}]" for one, text in first.items()}
    remarks = []
    several = [one for one, own in held.items() if len(own) > 1]
    if several:
        listed = _listed(f"{_shown(one)}: {_joined([_shown(text) for text in held[one]])}" for one in several)
        remarks.append(
            f"prompt_id: {len(several)} {'ids have' if len(several) > 1 else 'id has'} more than one text: {listed}. "
            "Each id is one prompt, shown with its first text; if they are different prompts, give them different ids."
        )
    shared = [text for text, count in sharing.items() if count > 1]
    if shared:
        remarks.append(
            f"prompt_id: {len(shared)} {'texts have' if len(shared) > 1 else 'text has'} more than one id: "
            f"{_listed(map(_shown, shared))}. Each id is a prompt of its own; if the text alone tells prompts apart, "
            "delete the column prompt_id."
        )
    return [names[one] for one in ids], remarks


def _visible(text: str) -> str:
    """Write a text so that a reader sees what is in it: invisible characters, accents of their own, doubled spaces."""
    text = re.sub(r"^ +| +$| {2,}", lambda found: "␣" * len(found[0]), text)
    odd = "".join(
        f"<U+{ord(mark):04X}>"
        if mark != " " and (mark.isspace() or unicodedata.category(mark) in ("Cc", "Cf") or unicodedata.combining(mark))
        else mark
        for mark in text
    )
    return odd if len(odd) <= LONGEST else f"{odd[: LONGEST - 21]}…{odd[-20:]}"


def _shown(name: str) -> str:
    """Quote a name."""
    return f"'{_visible(name)}'"


def _counted(names: Sequence[str], counts: Mapping[str, int]) -> str:
    """Write the spellings of one name with how many ratings each has."""
    first, *others = names
    ratings = f"{counts[first]} {'rating' if counts[first] == 1 else 'ratings'}"
    return _joined([f"{_shown(first)} ({ratings})", *(f"{_shown(name)} ({counts[name]})" for name in others)])


def _listed(found: Iterable[str]) -> str:
    """List the first few and count the rest."""
    found = list(found)
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return "; ".join(found[:NAMED]) + more


def _joined(words: Sequence[str]) -> str:
    """Write "a, b and c"."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def _differences(names: Sequence[str]) -> list[str]:
    """Say in what spellings of one name differ."""
    ways, left = [], set(names)
    for way, step in _STEPS.items():
        forms = {step(name) for name in left}
        if len(forms) < len(left):
            ways.append(way)
        left = forms
    return ways


def _without_invisible(text: str) -> str:
    """Take out what is not seen: zero-width characters, marks of direction, the choice of an emoji's look."""
    if text.isascii():
        return text
    return "".join(
        mark
        for mark in text
        if mark.isspace() or not (unicodedata.category(mark) in ("Cc", "Cf") or "\ufe00" <= mark <= "\ufe0f")
    )


def _without_zeros(text: str) -> str:
    """Take off the zeros that spreadsheets drop from a number, and the ones that they add."""
    whole = _FLOAT.fullmatch(text)
    text = whole[1] if whole else text
    number = _LEADING.fullmatch(text)
    return f"{number[1]}{number[2]}" if number else text


# In this order, so that each sees what is left of a difference.
_STEPS: dict[str, Callable[[str], str]] = {
    "invisible characters": _without_invisible,
    "spaces": lambda text: " ".join(text.split()),
    "quotes and dashes": lambda text: text if text.isascii() else text.translate(_TYPED),
    "the way their letters are stored (Unicode form)": lambda text: unicodedata.normalize("NFKC", text),
    "capitals": lambda text: unicodedata.normalize("NFKC", text.casefold()),
    "zeros of a number": _without_zeros,
}
