"""Foils: the prompts that nobody takes for a prompt, for attention checks.

An attention check shows a clip under another prompt's text, or beside another prompt's clip, and who listens must be
able to tell. So the other prompt is one that is far from the right one for a sentence encoder. It is chosen when clips
are made and stands in their manifest.

How far is far, by the cosine of two sentences under all-MiniLM-L6-v2: 100 pairs of prompts that can be taken for each
other (tests/app/verbs/clips/test_foils.py) have .136 ("white noise", "a waterfall") to .83, half of them more than .46; "a dog
barking" and "a small dog yapping" have .45, prompts that differ by case alone 1. Of the 2,016 pairs of the calibration
prompts, most of which nobody takes for each other, 38 % lie below `FAR`, and each of the 64 has at least five such
partners: "a dog barking" and "someone plays the piano" have .06. The encoder knows English words, not sounds. Words of
other languages are all near for it, so that there is no check rather than a wrong one; but sounds that are alike under
unlike words can be far ("frying eggs", "rain on leaves": .03).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FAR = 0.1  # cosine; prompts below it are far
KEPT = 5  # foils of a prompt, the farthest


def find_foils(prompts: Sequence[str], similarity: NDArray[np.floating[Any]]) -> dict[str, list[str]]:
    """Choose the foils of each prompt, the farthest first; none where all are near.

    Parameters
    ----------
    prompts
        Their ids.
    similarity
        (prompts, prompts): the cosine of each two.
    """
    found: dict[str, list[str]] = {}
    for prompt, row in zip(prompts, similarity, strict=True):
        far = [int(place) for place in np.argsort(row, kind="stable")[:KEPT] if row[place] < FAR]
        found[prompt] = [prompts[place] for place in far]
    return found


def has_foils(foils: Mapping[str, Sequence[str]], prompts: Collection[str]) -> bool:
    """Say whether any of the prompts has a foil among the others."""
    return any(other in prompts and other != prompt for prompt in prompts for other in foils.get(prompt, ()))
