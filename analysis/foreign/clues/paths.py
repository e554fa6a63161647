"""Paths: what the names of files say of the condition and the prompt of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from analysis.foreign.clues.headers import words

Pair = tuple[str, str]
_AUDIO = re.compile(r"\.(?:wav|wave|flac|mp3|ogg|oga|opus|m4a|aac|aiff?|au|webm|mp4|pcm)$", re.IGNORECASE)
_QUERY = re.compile(_AUDIO.pattern.removesuffix("$") + r"[?#].*$", re.IGNORECASE)
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://[^/]*/", re.IGNORECASE)
_SEPARATORS = (" - ", "__", ": ", "|", ":", "_", "-", " ", ".")
_SAYS_CONDITION = re.compile(
    r"^(?:hidden|open)?(?:ref(?:erence)?|anchor|base(?:line)?|original|groundtruth|gt|natural|clean|noisy|sys(?:tem)?|model|codec|"
    r"method|cond(?:ition)?|variant|fp\d+|bf\d+|int\d+|nf\d+|w\d+(?:a\d+)?|opus|mp3|aac|evs|amr|lp35|lp70|vocoder|hifigan|proposed)"
    r"[a-z]?\d*$|^sys[0-9a-f]{4,}$|^c0\d$"  # the P.808 toolkit counts its conditions c01, c02, ...
)
_SAYS_PROMPT = re.compile(
    r"^(?:utt(?:erance)?|item|prompt|clip|sample|sentence|sent|text|track|song|speech|music|stim(?:ulus)?|file)?"
    r"(?:\d+|(?=[0-9a-f]*\d)[0-9a-f]{4,})$"
)
_ENOUGH = 0.5  # of all pairs of condition and prompt that there could be


def is_audio(name: str) -> bool:
    r"""Say whether a text is the name of a sound file.

    Examples
    --------
    >>> is_audio("C:\\clips\\0.WAV"), is_audio("https://x.org/a.mp3?v=1"), is_audio("a dog")
    (True, True, False)
    """
    return _AUDIO.search(_bare(name)) is not None


def shortened(names: Sequence[str]) -> dict[str, str]:
    """Shorten file paths to the parts in which they differ; empty where they are none, or would not stay apart.

    Examples
    --------
    >>> shortened(["/run/base/x.wav", "/run/w8/x.wav"])
    {'/run/base/x.wav': 'base', '/run/w8/x.wav': 'w8'}
    >>> shortened(["a dog barking", "rain/wind"])
    {}
    """
    if not names or not all(is_audio(name) and re.search(r"[/\\]", name) for name in names):
        return {}
    parts = _varying([_components(name) for name in names])
    short = {name: "/".join(own) for name, own in zip(names, parts, strict=True)}
    return short if len(set(short.values())) == len(short) and all(short.values()) else {}


def parted(labels: Sequence[str]) -> dict[str, Pair]:
    """Part names of clips into condition and prompt; empty where nothing tells them apart.

    The parts are those of a path, or of a name with separators, of which every one occurs with (nearly) every other.
    A part called as conditions often are, such as reference, is the condition; else the part of fewer different names.
    Where a part of the names of files is called so, every condition may have prompts of its own.

    Parameters
    ----------
    labels
        Different names.

    Examples
    --------
    >>> parted(["ref/a.wav", "ref/b.wav", "sysA/a.wav", "sysA/b.wav"])["sysA/b.wav"]
    ('sysA', 'b')
    >>> parted(["rain_w8", "rain_w4", "dog_w8", "dog_w4", "sea_w8", "sea_w4"])["sea_w4"]
    ('w4', 'sea')
    """
    labels = list(dict.fromkeys(labels))
    files = all(is_audio(label) or re.search(r"[/\\]", label) for label in labels)
    best, found = (0.0, False), list[Pair]()
    for pairs in _splits(labels) if labels else ():
        rank = _worth(pairs, files=files)
        if rank > best:
            best, found = rank, pairs
    return dict(zip(labels, oriented(found), strict=True)) if found else {}


def _worth(pairs: Sequence[Pair], *, files: bool) -> tuple[float, bool]:
    """Say how good a way to part names is: the share of all pairs that occurs, and whether a part is a condition.

    Names of files may have other prompts under every condition, where the condition is called as conditions are.
    """
    sides = [{head for head, _ in pairs}, {tail for _, tail in pairs}]
    count = len(pairs)
    if len(set(pairs)) < count or min(map(len, sides)) < 2:
        return 0.0, False
    covered = round(count / (len(sides[0]) * len(sides[1])), 9)
    named = [side for side in sides if any(map(says_condition, side))]
    if covered >= _ENOUGH and max(map(len, sides)) < count:
        return covered, bool(named)
    nested = files and len(named) == 1 and 2 * len(named[0]) <= count
    return (min(covered, _ENOUGH) / 2, True) if nested else (0.0, False)


def plainly(labels: Sequence[str]) -> dict[str, Pair]:
    """Part names as `parted` does, but only such as are of files, or have a part called as conditions often are.

    Examples
    --------
    >>> plainly(["speech 1", "speech 2", "music 1", "music 2"])
    {}
    >>> plainly(["ref 1", "ref 2", "w8 1", "w8 2"])["w8 1"]
    ('w8', '1')
    """
    parts = parted(labels)
    files = all(is_audio(label) or re.search(r"[/\\]", label) for label in parts)
    return parts if files or any(says_condition(condition) for condition, _ in parts.values()) else {}


def oriented(pairs: Sequence[Pair]) -> list[Pair]:
    """Put the condition first in pairs of condition and prompt.

    Examples
    --------
    >>> oriented([("rain", "ref"), ("rain", "w8"), ("dog", "ref")])
    [('ref', 'rain'), ('w8', 'rain'), ('ref', 'dog')]
    """
    sides: Mapping[bool, set[str]] = {True: {head for head, _ in pairs}, False: {tail for _, tail in pairs}}
    votes = {side: _vote(names) for side, names in sides.items()}
    smaller = len(sides[True]) <= len(sides[False])
    first = smaller if votes[True] == votes[False] else votes[True] > votes[False]
    return list(pairs) if first else [(tail, head) for head, tail in pairs]


def without(label: str, condition: str) -> str:
    """Take the name of the condition out of the name of a clip: what is left is its prompt.

    Examples
    --------
    >>> without("sys64e2f-utt9c183cd.wav", "sys64e2f"), without("/mnt/ref/speech1.wav", "ref")
    ('utt9c183cd', 'mnt/speech1')
    """
    name = _AUDIO.sub("", _bare(label).replace("\\", "/"))
    left = re.sub(rf"(?<![^\W_]){re.escape(condition)}(?![^\W_])", "\0", name, count=1)
    if "\0" not in left:
        return name
    head, tail = left.split("\0")
    if head.endswith("/") and tail.startswith("/"):
        return f"{head.strip('/')}{tail}".strip("/")
    return f"{head.rstrip('/_-. ')}{'/' if '/' in head and head.strip('/') else ''}{tail}".strip("/_-. ")


def says_condition(name: str) -> bool:
    """Say whether a name is one that conditions often have.

    Examples
    --------
    >>> says_condition("Hidden Reference"), says_condition("anchor35"), says_condition("rain")
    (True, True, False)
    """
    plain = "".join(words(name))
    return _SAYS_CONDITION.match(plain) is not None


def _bare(name: str) -> str:
    """Give a path or an address without the query behind the name of a file."""
    found = _QUERY.search(name)
    return name.strip() if found is None else name[: found.start()].strip() + re.split(r"[?#]", found[0])[0]


def _components(name: str) -> tuple[str, ...]:
    """Give the parts of a path, the last without the ending of a sound file."""
    plain = _AUDIO.sub("", _SCHEME.sub("", _bare(name)).replace("\\", "/"))
    return tuple(part for part in plain.split("/") if part not in ("", "."))


def _varying(paths: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Give the parts of paths in which they differ; of paths of several depths, all behind what they begin with."""
    if len({len(path) for path in paths}) == 1:
        kept = [place for place, parts in enumerate(zip(*paths, strict=True)) if len(set(parts)) > 1]
        return [tuple(path[place] for place in kept) for path in paths]
    depth = 0
    while len({path[: depth + 1] for path in paths}) == 1:
        depth += 1
    return [path[depth:] for path in paths]


def _splits(labels: Sequence[str]) -> Iterator[list[Pair]]:
    """Yield the ways to part all names in two, the plainest first."""
    parts = _varying([_components(label) for label in labels])
    depth = max(map(len, parts), default=0)
    if depth > 1 and min(map(len, parts)) > 1:
        for place in range(min(map(len, parts)) - 1):
            yield [(path[place], "/".join(path[:place] + path[place + 1 :])) for path in parts]
    names = ["/".join(path) for path in parts]
    for separator in _SEPARATORS:
        if all(separator in name for name in names):
            pieces = [name.split(separator) for name in names]
            for cut in range(1, min(4, max(map(len, pieces)))):
                yield [(separator.join(own[:cut]), separator.join(own[cut:])) for own in pieces]
                yield [(separator.join(own[:-cut]), separator.join(own[-cut:])) for own in pieces]


def _vote(names: set[str]) -> float:
    """Say how much a set of names looks like one of conditions."""
    if any(map(says_condition, names)):
        return 1
    return -1 if all(_SAYS_PROMPT.match("".join(words(name))) for name in names) else 0
