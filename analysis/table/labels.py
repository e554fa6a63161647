"""Labels: the words of the scales of ITU-T P.800, each with its number; those of quality in four languages."""

from __future__ import annotations

SCALES = (
    {"excellent": "5", "good": "4", "fair": "3", "poor": "2", "bad": "1"},
    {"ausgezeichnet": "5", "gut": "4", "ordentlich": "3", "dürftig": "2", "schlecht": "1"},
    {"excellente": "5", "bonne": "4", "passable": "3", "assez bonne": "3", "médiocre": "2", "mauvaise": "1"},
    {"excellent": "5", "bon": "4", "passable": "3", "assez bon": "3", "médiocre": "2", "mauvais": "1"},
    {"excelente": "5", "buena": "4", "regular": "3", "aceptable": "3", "mediocre": "2", "mala": "1"},
    {"excelente": "5", "bueno": "4", "regular": "3", "aceptable": "3", "mediocre": "2", "malo": "1"},
    {
        "inaudible": "5",
        "audible but not annoying": "4",
        "slightly annoying": "3",
        "annoying": "2",
        "very annoying": "1",
    },
    {
        "imperceptible": "5",
        "perceptible but not annoying": "4",
        "slightly annoying": "3",
        "annoying": "2",
        "very annoying": "1",
    },
    {
        "much better": "3",
        "better": "2",
        "slightly better": "1",
        "about the same": "0",
        "the same": "0",
        "slightly worse": "-1",
        "worse": "-2",
        "much worse": "-3",
    },
)
"""Annex B (quality), annex D (degradation), ITU-R BS.1116 (impairment), annex E (comparison)."""


def number_of(words: set[str]) -> dict[str, str]:
    """Give the number of each word (of small letters), where all of them are of one scale.

    Examples
    --------
    >>> number_of({"good", "poor"})
    {'good': '4', 'poor': '2'}
    >>> number_of({"good", "super"})
    {}
    """
    for scale in SCALES:
        if words <= set(scale):
            return {word: scale[word] for word in sorted(words)}
    return {}
